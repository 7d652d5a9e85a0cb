#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/units.h"
#include "bourse/trace/text_input.h"

namespace bourse {

/// The longest time that a trace may state, seconds.
inline constexpr double kMaxTraceSeconds = kLongestStated.value;

/// Rows of comma-separated fields, one at a time. Fields may stand in double quotes; a quoted field
/// ends at the next quote. Blank lines are passed over.
class CsvTable {
 public:
  explicit CsvTable(TextInput& input) : input_(input) {}

  /// Takes the first line as the names of the columns.
  /// Errors: invalid_argument if there is no line; those of the input.
  Result<void> read_header();
  /// Names the columns of a file that has no header.
  void set_header(std::initializer_list<std::string_view> names);

  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// Errors: invalid_argument if the header does not have the column.
  [[nodiscard]] Result<std::size_t> column(std::string_view name) const;

  /// Moves to the next row; false at the end.
  /// Errors: invalid_argument if the row has more or fewer fields than the header; those of the
  /// input.
  [[nodiscard]] Result<bool> next_row();

  /// The field of the row, without quotes and blanks around it. Valid until next_row().
  [[nodiscard]] std::string_view text(std::size_t column) const { return fields_[column]; }
  /// Errors: invalid_argument if the field is empty, not a number, not finite or overflows.
  [[nodiscard]] Result<double> number(std::size_t column) const;
  /// A number of seconds, maybe negative. Errors: also if it is beyond kMaxTraceSeconds.
  [[nodiscard]] Result<double> seconds(std::size_t column) const;
  /// A whole number, maybe negative. Errors: also if it is beyond `max` or has a fraction.
  [[nodiscard]] Result<std::int64_t> whole(std::size_t column, std::int64_t max) const;

  /// An error about a field of this row: "file:line: field 'name': what".
  [[nodiscard]] tl::unexpected<Error> bad(std::size_t column, std::string_view what) const;
  [[nodiscard]] std::uint32_t line() const { return input_.line(); }

 private:
  TextInput& input_;
  std::vector<std::string> header_;
  std::vector<std::string_view> fields_;
};

/// Splits a line of comma-separated fields; see CsvTable.
void split_fields(std::string_view line, std::vector<std::string_view>& fields);

/// A finite number that fills the text. Errors: invalid_argument, "'abc' is not a number".
[[nodiscard]] Result<double> parse_field_number(std::string_view text);

}  // namespace bourse
