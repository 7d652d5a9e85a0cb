#include "bourse/engine/cell_files.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "bourse/engine/json_fields.h"
#include "bourse/engine/launch_file.h"

namespace bourse {

std::string agent_log_path(const std::string& cell_directory) {
  return cell_directory + "/agent.log";
}

std::string mark_of(const std::string& cell_directory) {
  return fmt::format("BOURSE_CELL_DIRECTORY={}", cell_directory);
}

Result<void> write_anew(Files& files, const std::string& path, std::string_view text) {
  if (files.exists(path)) BOURSE_TRY_VOID(files.remove(path));
  return files.append(path, text);
}

Result<std::vector<CellEvent>> events_left(Files& files, const CellSpec& cell, std::uint64_t told) {
  const std::string path = left_events_path(cell.directory);
  const auto text = files.read(path);
  if (!text) return std::vector<CellEvent>{};
  BOURSE_TRY(std::vector<CellEvent> events, parse_left_events(*text, path));
  std::erase_if(events, [&](const CellEvent& event) {
    return event.cell != cell.id || event.number <= told;
  });
  return events;
}

void remove_cell_files(Files& files, const std::string& cell_directory,
                       const std::function<void(std::string_view sentence)>& log) {
  for (const std::string& path : {launch_path(cell_directory), left_events_path(cell_directory),
                                  agent_log_path(cell_directory)})
    if (const auto removed = files.remove(path); !removed) log(removed.error().message);
  const auto names = files.list(cell_directory);
  if (names && names->empty()) (void)files.remove(cell_directory);
}

Result<void> write_cell_record(Files& files, const std::string& path, const CellRecord& record) {
  return write_anew(files, path,
                    json_text(nlohmann::json{{"directory", record.directory},
                                             {"pid", record.process.pid},
                                             {"started", record.process.started}}));
}

std::optional<CellRecord> read_cell_record(Files& files, const std::string& path) {
  const auto text = files.read(path);
  const auto json = text ? parse_object(*text) : tl::unexpected<Error>(text.error());
  const auto directory = json ? text_field(*json, "directory") : Result<std::string>("");
  if (!directory || directory->empty()) return std::nullopt;
  CellRecord record{.directory = *directory, .process = {}};
  record.process.pid = static_cast<std::int32_t>(whole_field(*json, "pid").value_or(0));
  record.process.started = whole_field(*json, "started").value_or(0);
  return record;
}

}  // namespace bourse
