#include <fmt/core.h>

#include <array>
#include <cmath>

#include "bourse/base/text.h"
#include "bourse/trace/csv_table.h"
#include "bourse/trace/readers.h"
#include "bourse/trace/trace_builder.h"

namespace bourse {
namespace {

// Source: Feitelson, Tsafrir, Krakov, "Experience with using the Parallel Workloads Archive",
// JPDC 2014; the 18 fields of version 2.2. An unknown value is -1.
constexpr std::array<std::string_view, 18> kFields{"job number",
                                                   "submit time",
                                                   "wait time",
                                                   "run time",
                                                   "allocated processors",
                                                   "average cpu time",
                                                   "used memory",
                                                   "requested processors",
                                                   "requested time",
                                                   "requested memory",
                                                   "status",
                                                   "user id",
                                                   "group id",
                                                   "executable",
                                                   "queue",
                                                   "partition",
                                                   "preceding job",
                                                   "think time"};
constexpr std::size_t kJobNumber = 0;
constexpr std::size_t kSubmit = 1;
constexpr std::size_t kRun = 3;
constexpr std::size_t kAllocated = 4;
constexpr std::size_t kRequested = 7;
constexpr std::size_t kGroup = 12;

/// Splits at blanks into at most 19 fields.
std::size_t split_blanks(std::string_view line, std::array<std::string_view, 19>& fields) {
  std::size_t count = 0;
  std::size_t at = 0;
  while (count < fields.size()) {
    at = line.find_first_not_of(" \t", at);
    if (at == std::string_view::npos) break;
    const std::size_t stop = std::min(line.find_first_of(" \t", at), line.size());
    fields[count++] = line.substr(at, stop - at);
    at = stop;
  }
  return count;
}

Result<TraceRow> parse_row(std::string_view line, const TextInput& input) {
  std::array<std::string_view, 19> fields;
  const std::size_t count = split_blanks(line, fields);
  if (count != kFields.size())
    return invalid(fmt::format("{}:{}: the row has {} fields, but the format has 18", input.name(),
                               input.line(),
                               count > 18 ? "more than 18" : fmt::format("{}", count)));
  std::array<double, 18> values{};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const auto value = parse_field_number(fields[i]);
    const double most = i == kAllocated || i == kRequested ? kMaxWorkers : kMaxTraceSeconds;
    if (!value || std::abs(*value) > most)
      return invalid(fmt::format("{}:{}: field '{}': {}", input.name(), input.line(), kFields[i],
                                 value ? fmt::format("'{}' is beyond {}", quotable(fields[i]), most)
                                       : value.error().message));
    values[i] = *value;
  }
  const double processors = values[kAllocated] > 0 ? values[kAllocated] : values[kRequested];
  if (processors != std::floor(processors))
    return invalid(fmt::format("{}:{}: field '{}': '{}' is not a whole number", input.name(),
                               input.line(), kFields[kAllocated], processors));
  return TraceRow{.name = fields[kJobNumber],
                  .group = values[kGroup] >= 0 ? fields[kGroup] : std::string_view{},
                  .submit = values[kSubmit],
                  .duration = values[kRun],
                  .gpus = static_cast<std::int64_t>(processors),
                  .line = input.line()};
}

}  // namespace

Result<TraceRead> read_swf(TextInput& input) {
  TraceBuilder builder(input.name(), TraceFormat::swf);
  while (true) {
    BOURSE_TRY(const std::optional<std::string_view> line, input.next_line());
    if (!line) break;
    const std::string_view text = trim(*line);
    if (text.empty() || text.front() == ';') continue;
    builder.count_row();
    BOURSE_TRY(TraceRow row, parse_row(text, input));
    if (row.duration < 0)
      builder.skip("the run time is unknown", row.line);
    else if (row.gpus < 0)
      builder.skip("the number of processors is unknown", row.line);
    else
      builder.add(row);
  }
  builder.assume("each processor counts as a GPU");
  builder.assume("jobs that failed or were cancelled count with the time they ran");
  return builder.finish(true);
}

}  // namespace bourse
