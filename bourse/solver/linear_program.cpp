#include "bourse/solver/linear_program.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/solver/linear_check.h"

namespace bourse {
namespace {

Result<void> check_bounds(const char* what, std::size_t index, double lower, double upper) {
  if (std::isnan(lower) || lower == kNoBound || std::isnan(upper) || upper == -kNoBound)
    return invalid(fmt::format("{} {}: bounds [{}, {}] must be numbers, infinite only outwards",
                               what, index, lower, upper));
  return {};
}

}  // namespace

std::size_t LinearProgram::add_column(LinearColumn column) {
  columns.push_back(column);
  return columns.size() - 1;
}

std::size_t LinearProgram::add_row(LinearRow row) {
  rows.push_back(std::move(row));
  return rows.size() - 1;
}

Result<void> check_program(const LinearProgram& program) {
  for (std::size_t c = 0; c < program.columns.size(); ++c) {
    const LinearColumn& column = program.columns[c];
    BOURSE_TRY_VOID(check_bounds("column", c, column.lower, column.upper));
    if (!std::isfinite(column.cost))
      return invalid(fmt::format("column {}: cost {} must be finite", c, column.cost));
  }
  std::vector<std::size_t> last_row(program.columns.size(), program.rows.size());
  for (std::size_t r = 0; r < program.rows.size(); ++r) {
    const LinearRow& row = program.rows[r];
    BOURSE_TRY_VOID(check_bounds("row", r, row.lower, row.upper));
    for (const LinearEntry& entry : row.entries) {
      if (entry.column >= program.columns.size())
        return invalid(fmt::format("row {}: column {} does not exist, there are {}", r,
                                   entry.column, program.columns.size()));
      if (!std::isfinite(entry.value))
        return invalid(fmt::format("row {}: coefficient {} of column {} must be finite", r,
                                   entry.value, entry.column));
      if (std::exchange(last_row[entry.column], r) == r)
        return invalid(fmt::format("row {}: column {} must appear only once", r, entry.column));
    }
  }
  return {};
}

bool has_crossed_bounds(const LinearProgram& program) {
  const auto crossed = [](const auto& part) { return part.lower > part.upper; };
  return std::ranges::any_of(program.columns, crossed) ||
         std::ranges::any_of(program.rows, crossed);
}

double cost_of(const LinearProgram& program, const std::vector<double>& values) {
  double cost = 0;
  for (std::size_t c = 0; c < values.size(); ++c) cost += program.columns[c].cost * values[c];
  return cost;
}

double violation(const LinearProgram& program, const std::vector<double>& values) {
  BOURSE_CHECK(values.size() == program.columns.size());
  double worst = 0;
  const auto measure = [&](double lower, double value, double upper, double scale) {
    worst = std::max({worst, (lower - value) / scale, (value - upper) / scale});
  };
  for (std::size_t c = 0; c < values.size(); ++c)
    measure(program.columns[c].lower, values[c], program.columns[c].upper,
            std::max(1.0, std::abs(values[c])));
  for (const LinearRow& row : program.rows) {
    double sum = 0;
    double scale = 1;
    for (const LinearEntry& entry : row.entries) {
      const double term = entry.value * values[entry.column];
      sum += term;
      scale = std::max(scale, std::abs(term));
    }
    measure(row.lower, sum, row.upper, scale);
  }
  return worst;
}

}  // namespace bourse
