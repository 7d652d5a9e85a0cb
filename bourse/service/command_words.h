#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// The words of a command that is written as a text. They are split at blanks and quoted as in a
/// shell ('...', "...", \), but nothing is ever handed to one: what only a shell understands
/// (variables, patterns, pipes, several commands) is an error. A leading `exec` is left out.
/// Errors: invalid_argument, what was found, and to write [sh, -c, ...] if a shell is wanted.
[[nodiscard]] Result<std::vector<std::string>> command_words(std::string_view text);

}  // namespace bourse
