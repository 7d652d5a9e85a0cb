#include "bourse/trace/csv_table.h"

#include <fmt/core.h>

#include <charconv>
#include <cmath>

#include "bourse/base/text.h"

namespace bourse {
namespace {

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

void split_fields(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  while (true) {
    std::size_t stop = std::string_view::npos;
    std::string_view field;
    const std::size_t close = line.starts_with('"') ? line.find('"', 1) : std::string_view::npos;
    if (close != std::string_view::npos) {
      field = line.substr(1, close - 1);
      stop = line.find(',', close + 1);
    } else {
      stop = line.find(',');
      field = without_blanks(line.substr(0, stop));
    }
    fields.push_back(field);
    if (stop == std::string_view::npos) return;
    line.remove_prefix(stop + 1);
  }
}

Result<double> parse_field_number(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size();
  if (code == std::errc::result_out_of_range && whole)
    return invalid(fmt::format("'{}' is out of the range of a number", quotable(text)));
  if (code != std::errc{} || !whole)
    return invalid(fmt::format("'{}' is not a number", quotable(text)));
  if (!std::isfinite(value))
    return invalid(fmt::format("'{}' is not a finite number", quotable(text)));
  return value;
}

Result<void> CsvTable::read_header() {
  BOURSE_TRY(const std::optional<std::string_view> first, input_.next_line());
  if (!first) return invalid(fmt::format("{}: is empty", input_.name()));
  std::vector<std::string_view> names;
  split_fields(*first, names);
  header_.assign(names.begin(), names.end());
  return {};
}

void CsvTable::set_header(std::initializer_list<std::string_view> names) {
  header_.assign(names.begin(), names.end());
}

std::optional<std::size_t> CsvTable::find(std::string_view name) const {
  for (std::size_t i = 0; i < header_.size(); ++i)
    if (header_[i] == name) return i;
  return std::nullopt;
}

Result<std::size_t> CsvTable::column(std::string_view name) const {
  if (const auto index = find(name)) return *index;
  std::string known;
  for (const std::string& column : header_) {
    if (!known.empty()) known += ',';
    known += column;
  }
  return invalid(fmt::format("{}:1: column '{}' is missing; the header is '{}'", input_.name(),
                             name, quotable(known, 120)));
}

Result<bool> CsvTable::next_row() {
  while (true) {
    BOURSE_TRY(const std::optional<std::string_view> line, input_.next_line());
    if (!line) return false;
    if (without_blanks(*line).empty()) continue;
    split_fields(*line, fields_);
    if (fields_.size() == header_.size()) return true;
    if (fields_.size() < header_.size())
      return invalid(fmt::format("{}:{}: field '{}' is missing: the row has {} of {} fields",
                                 input_.name(), input_.line(), quotable(header_[fields_.size()]),
                                 fields_.size(), header_.size()));
    return invalid(fmt::format("{}:{}: the row has {} fields, but there are {} columns",
                               input_.name(), input_.line(), fields_.size(), header_.size()));
  }
}

Result<double> CsvTable::number(std::size_t column) const {
  const std::string_view field = text(column);
  if (field.empty()) return bad(column, "is empty, but must be a number");
  const auto value = parse_field_number(field);
  if (!value) return bad(column, value.error().message);
  return *value;
}

Result<double> CsvTable::seconds(std::size_t column) const {
  BOURSE_TRY(const double value, number(column));
  if (std::abs(value) > kMaxTraceSeconds)
    return bad(column, fmt::format("'{}' is beyond 1e12 s", quotable(text(column))));
  return value;
}

Result<std::int64_t> CsvTable::whole(std::size_t column, std::int64_t max) const {
  BOURSE_TRY(const double value, number(column));
  if (std::abs(value) > static_cast<double>(max))
    return bad(column, fmt::format("'{}' is beyond {}", quotable(text(column)), max));
  if (value != std::floor(value))
    return bad(column, fmt::format("'{}' is not a whole number", quotable(text(column))));
  return static_cast<std::int64_t>(value);
}

tl::unexpected<Error> CsvTable::bad(std::size_t column, std::string_view what) const {
  return invalid(fmt::format("{}:{}: field '{}': {}", input_.name(), input_.line(),
                             quotable(header_[column]), what));
}

}  // namespace bourse
