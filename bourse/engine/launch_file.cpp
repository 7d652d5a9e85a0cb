#include "bourse/engine/launch_file.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "bourse/engine/event_json.h"
#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 2> kRoles{"worker", "server"};
constexpr std::uint64_t kMaxInt = 0x7FFF'FFFF;

Json task_json(const TaskSpec& task) {
  return {{"role", kRoles[static_cast<std::size_t>(task.role)]},
          {"rank", task.rank},
          {"command", task.command},
          {"environment", task.environment},
          {"directory", task.directory},
          {"log_file", task.log_file},
          {"fifo", task.fifo},
          {"progress_pattern", task.progress_pattern},
          {"devices", task.devices}};
}

Json confinement_json(const Confinement& confinement) {
  return {{"cpus", confinement.cpus},
          {"memory_limit", confinement.memory_limit},
          {"cgroup", confinement.cgroup},
          {"gpus_per_worker", confinement.gpus_per_worker}};
}

template <class Value>
Result<std::vector<Value>> list_of(const Json& json, const char* name) {
  BOURSE_TRY(const Json* const list, list_field(json, name));
  std::vector<Value> values;
  for (const Json& entry : *list) {
    const bool is_right = std::is_integral_v<Value> ? entry.is_number_integer() : entry.is_string();
    if (!is_right) return invalid(fmt::format("field '{}' has an entry of the wrong kind", name));
    values.push_back(entry.get<Value>());
  }
  return values;
}

Result<TaskSpec> read_task(const Json& json) {
  TaskSpec task;
  BOURSE_TRY(const std::size_t role, choice_field(json, "role", kRoles));
  task.role = static_cast<TaskRole>(role);
  BOURSE_TRY(const std::uint64_t rank, whole_field(json, "rank", kMaxInt));
  task.rank = static_cast<int>(rank);
  BOURSE_TRY(task.command, list_of<std::string>(json, "command"));
  BOURSE_TRY(task.environment, list_of<std::string>(json, "environment"));
  BOURSE_TRY(task.directory, text_field(json, "directory"));
  BOURSE_TRY(task.log_file, text_field(json, "log_file"));
  BOURSE_TRY(task.fifo, text_field(json, "fifo"));
  BOURSE_TRY(task.progress_pattern, text_field(json, "progress_pattern"));
  BOURSE_TRY(task.devices, list_of<int>(json, "devices"));
  return task;
}

Result<CellSpec> read_cell(const Json& json) {
  CellSpec cell;
  BOURSE_TRY(const std::string id, text_field(json, "cell"));
  BOURSE_TRY(cell.id, parse_cell_id(id));
  BOURSE_TRY(cell.token, text_field(json, "token"));
  BOURSE_TRY(cell.directory, text_field(json, "directory"));
  BOURSE_TRY(cell.demand, list_of<Amount>(json, "demand"));
  BOURSE_TRY(const double grace, number_field(json, "grace_s", 0));
  cell.grace = Seconds(grace);
  BOURSE_TRY(const double lease, number_field(json, "lease_s", 0));
  cell.lease = Seconds(lease);
  BOURSE_TRY(cell.log_size, whole_field(json, "log_size"));
  BOURSE_TRY(const Json* const tasks, list_field(json, "tasks"));
  for (const Json& entry : *tasks) {
    if (!entry.is_object()) return invalid("field 'tasks' must be a list of objects");
    BOURSE_TRY(TaskSpec task, read_task(entry));
    cell.tasks.push_back(std::move(task));
  }
  return cell;
}

Result<Confinement> read_confinement(const Json& json) {
  Confinement confinement;
  const auto field = json.find("confinement");
  if (field == json.end() || !field->is_object())
    return invalid("field 'confinement' must be an object");
  BOURSE_TRY(confinement.cpus, list_of<int>(*field, "cpus"));
  BOURSE_TRY(confinement.memory_limit, whole_field(*field, "memory_limit"));
  BOURSE_TRY(confinement.cgroup, text_field(*field, "cgroup"));
  // Not in the files of older versions.
  if (field->contains("gpus_per_worker")) {
    BOURSE_TRY(const std::uint64_t amount, whole_field(*field, "gpus_per_worker", kMaxAmount));
    confinement.gpus_per_worker = static_cast<Amount>(amount);
  }
  return confinement;
}

Result<LaunchFile> read_launch(std::string_view text) {
  LaunchFile launch;
  BOURSE_TRY(const Json json, parse_object(text));
  BOURSE_TRY(launch.cell, read_cell(json));
  BOURSE_TRY(launch.daemon.text, text_field(json, "daemon"));
  BOURSE_TRY(launch.confinement, read_confinement(json));
  return launch;
}

Result<std::vector<CellEvent>> read_events(std::string_view text) {
  BOURSE_TRY(const Json json, parse_object(text));
  BOURSE_TRY(const Json* const list, list_field(json, "events"));
  std::vector<CellEvent> events;
  for (const Json& entry : *list) {
    if (!entry.is_object()) return invalid("field 'events' must be a list of objects");
    BOURSE_TRY(CellEvent event, read_event(entry));
    events.push_back(std::move(event));
  }
  return events;
}

/// The result, with the name of the file in front of its error.
template <class Value>
Result<Value> in_file(Result<Value> result, std::string_view file) {
  if (!result)
    return fail(result.error().code, fmt::format("{}: {}", file, result.error().message));
  return result;
}

}  // namespace

std::string launch_path(const std::string& cell_directory) { return cell_directory + "/cell.json"; }

std::string launch_file_text(const LaunchFile& launch) {
  const CellSpec& cell = launch.cell;
  Json tasks = Json::array();
  for (const TaskSpec& task : cell.tasks) tasks.push_back(task_json(task));
  return json_text(Json{{"cell", text_of(cell.id)},
                        {"token", cell.token},
                        {"directory", cell.directory},
                        {"demand", cell.demand},
                        {"tasks", std::move(tasks)},
                        {"grace_s", cell.grace.value},
                        {"lease_s", cell.lease.value},
                        {"log_size", cell.log_size},
                        {"daemon", launch.daemon.text},
                        {"confinement", confinement_json(launch.confinement)}}) +
         "\n";
}

Result<LaunchFile> parse_launch_file(std::string_view text, std::string_view file) {
  return in_file(read_launch(text), file);
}

std::string left_events_path(const std::string& cell_directory) {
  return cell_directory + "/events.json";
}

std::string left_events_text(const std::vector<CellEvent>& events) {
  Json list = Json::array();
  for (const CellEvent& event : events) list.push_back(event_json(event));
  return json_text(Json{{"events", std::move(list)}}) + "\n";
}

Result<std::vector<CellEvent>> parse_left_events(std::string_view text, std::string_view file) {
  return in_file(read_events(text), file);
}

}  // namespace bourse
