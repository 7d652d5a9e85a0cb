#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// The whole file. Errors: not_found if it cannot be opened; unavailable if it cannot be read;
/// invalid_argument if it is longer than 256 MiB.
[[nodiscard]] Result<std::string> read_file(const std::string& path);

/// Writes the file as one step: under another name in the same folder, then renamed, so that a
/// reader sees the old file or the whole new one. Errors: unavailable, with the reason.
[[nodiscard]] Result<void> write_file(const std::string& path, std::string_view text);

/// Makes the folder and those above it. Errors: unavailable, with the reason.
[[nodiscard]] Result<void> make_folder(const std::string& path);

}  // namespace bourse
