#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace bourse {

/// Widest table that is printed, in columns of a terminal.
inline constexpr std::size_t kTableWidth = 100;

/// On which side of its column a text stands.
enum class Align { left, right };

/// One column of a table.
struct Column {
  std::string title;
  Align align = Align::right;
};

/// Text in aligned columns, for people. Columns that do not fit the width continue in a block
/// below, with the first column repeated.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Adds a row. Requires one cell for each column.
  void add_row(std::vector<std::string> cells);

  /// The whole table, every line ended and without blanks at its end.
  [[nodiscard]] std::string text(std::size_t width = kTableWidth) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

/// Columns that a UTF-8 text takes on a terminal: its code points.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// Breaks a text at blanks into lines of at most `width` columns, each indented by `indent`. A
/// longer word has a line of its own. Every line is ended.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t indent,
                                  std::size_t width = kTableWidth);

}  // namespace bourse
