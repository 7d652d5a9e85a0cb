#include <fmt/core.h>

#include "bourse/trace/readers.h"

namespace bourse {

Result<TraceRead> read_yaml(TextInput& input) {
  std::string text;
  while (true) {
    BOURSE_TRY(const std::optional<std::string_view> line, input.next_line());
    if (!line) break;
    text += *line;
    text += '\n';
    if (text.size() > kMaxYamlBytes)
      return invalid(fmt::format("{}: is longer than {} MiB, the most that is read of a YAML file",
                                 input.name(), kMaxYamlBytes >> 20));
  }
  TraceRead read;
  BOURSE_TRY(read.workload, parse_workload_yaml(text, input.name()));
  read.format = TraceFormat::yaml;
  read.rows_read = read.workload.jobs.size();
  return read;
}

}  // namespace bourse
