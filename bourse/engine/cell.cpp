#include "bourse/engine/cell.h"

#include <fmt/format.h>

#include <charconv>

#include "bourse/base/text.h"

namespace bourse {
namespace {

/// Reads digits that fill the whole text and fit the number.
template <class Number>
bool read_digits(std::string_view text, Number& number) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string text_of(CellId id) {
  const std::string whole = fmt::format("{}-{}-{}", id.job, id.epoch, id.machine.value);
  return id.part == 0 ? whole : fmt::format("{}-{}", whole, id.part);
}

Result<CellId> parse_cell_id(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, '-');
  CellId id;
  const bool has_part = parts.size() == 4;
  const bool is_good = (parts.size() == 3 || has_part) && read_digits(parts[0], id.job) &&
                       read_digits(parts[1], id.epoch) && read_digits(parts[2], id.machine.value) &&
                       id.machine.valid() &&
                       (!has_part || (read_digits(parts[3], id.part) && id.part != 0));
  if (!is_good)
    return invalid(fmt::format("'{}' is no cell; a cell is written job-epoch-machine, as 17-3-0",
                               quotable(text)));
  return id;
}

std::string TaskSpec::name() const {
  return fmt::format("{}-{}", role == TaskRole::worker ? "worker" : "server", rank);
}

}  // namespace bourse
