#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tidy {

/// One line of C++, taken apart so that a rule about code is not fooled by a comment or a string.
struct Line {
  std::string raw;      ///< As it stands in the file.
  std::string code;     ///< Comments and the insides of strings are blanks; columns are kept.
  std::string comment;  ///< The text of comments, with their marks.
};

/// Takes C++ text apart: line and block comments, strings with escapes, raw strings, characters,
/// digit separators. Include lines keep their file name in `code`.
[[nodiscard]] std::vector<Line> split_source(std::string_view text);

/// Start of `word` in `text` at or after `from`, where no letter, digit or '_' touches it; npos if
/// there is none.
[[nodiscard]] std::size_t find_word(std::string_view text, std::string_view word,
                                    std::size_t from = 0);

/// True for a character of an identifier.
[[nodiscard]] bool is_word(char c);

}  // namespace tidy
