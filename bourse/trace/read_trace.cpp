#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/trace/csv_table.h"
#include "bourse/trace/readers.h"

namespace bourse {
namespace {

constexpr std::size_t kHeadBytes = std::size_t{1} << 16;

bool has(const std::vector<std::string_view>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// The format whose header this is.
std::optional<TraceFormat> format_of_header(const std::vector<std::string_view>& names) {
  using enum TraceFormat;
  if (has(names, "submit_s") || has(names, "duration_s")) return canonical;
  if (has(names, "job_name")) return pai;
  if (!has(names, "job_id")) return std::nullopt;
  if (has(names, "gpu_num")) return helios;
  if (has(names, "ddl") || has(names, "deadline")) return elasticflow;
  if (has(names, "submission_time")) return itp;
  if (has(names, "iterations") || has(names, "interval")) return tiresias;
  return std::nullopt;
}

/// PAI tables come without a header: status is the fourth column.
bool is_pai_row(const std::vector<std::string_view>& fields) {
  constexpr std::array<std::string_view, 5> kStatus{"Terminated", "Failed", "Running", "Waiting",
                                                    "Interrupted"};
  return (fields.size() == 10 || fields.size() == 6) &&
         std::ranges::find(kStatus, fields[3]) != kStatus.end();
}

bool is_swf_row(std::string_view line) {
  int fields = 0;
  while (!(line = trim(line)).empty()) {
    const std::string_view field = line.substr(0, line.find_first_of(" \t"));
    if (!parse_field_number(field)) return false;
    ++fields;
    line.remove_prefix(field.size());
  }
  return fields == 18;
}

std::optional<TraceFormat> format_of_line(std::string_view line) {
  if (line.front() == ';' || is_swf_row(line)) return TraceFormat::swf;
  std::vector<std::string_view> fields;
  split_fields(line, fields);
  if (const auto format = format_of_header(fields)) return format;
  if (is_pai_row(fields)) return TraceFormat::pai;
  const std::size_t colon = line.find(':');
  if (line == "---" || (colon != std::string_view::npos && line.find(',') > colon))
    return TraceFormat::yaml;
  return std::nullopt;
}

Result<TraceRead> dispatch(TextInput& input, TraceFormat format, const TraceOptions& options) {
  switch (format) {
    case TraceFormat::canonical:
    case TraceFormat::itp:
    case TraceFormat::elasticflow:
    case TraceFormat::tiresias:
    case TraceFormat::helios:
      return read_columns(input, format);
    case TraceFormat::philly_json:
      return read_philly_json(input);
    case TraceFormat::pai:
      return read_pai(input, options);
    case TraceFormat::swf:
      return read_swf(input);
    case TraceFormat::yaml:
      break;
  }
  return read_yaml(input);
}

}  // namespace

std::string_view name_of(TraceFormat format) {
  return kTraceFormatNames[static_cast<std::size_t>(format)];
}

Result<TraceFormat> parse_trace_format(std::string_view name) {
  for (std::size_t i = 0; i < kTraceFormatNames.size(); ++i)
    if (kTraceFormatNames[i] == name) return static_cast<TraceFormat>(i);
  return invalid(fmt::format("unknown trace format '{}'{}", quotable(name),
                             suggestion(name, kTraceFormatNames)));
}

Result<std::optional<TraceFormat>> detect_format(TextInput& input) {
  std::size_t wanted = kHeadBytes;
  BOURSE_TRY(std::string_view head, input.peek(wanted));
  while (true) {
    if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
    while (true) {  // pass over blank lines and YAML comments
      head.remove_prefix(std::min(head.find_first_not_of(" \t\r\n"), head.size()));
      if (head.empty() || head.front() != '#') break;
      head.remove_prefix(std::min(head.find('\n'), head.size()));
    }
    if (head.starts_with('[')) return TraceFormat::philly_json;
    if (head.starts_with('{')) return TraceFormat::yaml;
    const std::size_t stop = head.find('\n');
    if (stop != std::string_view::npos || wanted > kMaxLineBytes) break;
    wanted = kMaxLineBytes + 1;
    BOURSE_TRY(head, input.peek(wanted));
  }
  if (head.size() > kMaxLineBytes && head.find('\n') == std::string_view::npos)
    return fail(ErrorCode::data_corrupted,
                fmt::format("{}: line 1 is longer than 1 MiB; is this a text file?", input.name()));
  const std::string_view line = trim(head.substr(0, head.find('\n')));
  if (line.empty()) return std::nullopt;
  return format_of_line(line);
}

Result<TraceRead> read_trace(ByteSource& source, const TraceOptions& options) {
  TextInput input(source);
  if (options.format) return dispatch(input, *options.format, options);
  BOURSE_TRY(const std::optional<TraceFormat> format, detect_format(input));
  if (format) return dispatch(input, *format, options);
  BOURSE_TRY(const std::optional<std::string_view> line, input.next_line());
  if (!line) return invalid(fmt::format("{}: is empty", input.name()));
  std::string known;
  for (const std::string_view name : kTraceFormatNames)
    known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
  return invalid(
      fmt::format("{}:1: '{}' starts no format that is known ({}); name the format if "
                  "it is one of them",
                  input.name(), quotable(*line), known));
}

Result<TraceRead> read_trace_file(const std::string& path, const TraceOptions& options) {
  BOURSE_TRY(const std::unique_ptr<FileSource> file, FileSource::open(path));
  return read_trace(*file, options);
}

}  // namespace bourse
