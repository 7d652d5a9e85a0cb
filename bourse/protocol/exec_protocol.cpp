#include "bourse/protocol/exec_protocol.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>

#include "bourse/base/text.h"
#include "bourse/protocol/job_json.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

/// Never is null.
Json time_json(Seconds time) { return time < kForever ? Json(time.value) : Json(nullptr); }

std::string_view name_of(EventKind kind) {
  using enum EventKind;
  switch (kind) {
    case arrival:
      return "arrival";
    case finish:
      return "finish";
    case machine_down:
      return "machine_down";
    case machine_up:
      return "machine_up";
    case cancel:
      return "cancel";
    case wake:
      break;
  }
  return "wake";
}

Json allocation_json(const Allocation& allocation) {
  Json json = Json::array();
  for (const TaskGroup& group : allocation)
    json.push_back(
        {{"machine", group.machine.value}, {"workers", group.workers}, {"servers", group.servers}});
  return json;
}

Json state_json(const ClusterState& state, JobId id) {
  const JobState& job = state.job(id);
  const bool runs = job.status == JobStatus::running;
  const Seconds held = runs ? job.attained + (state.now() - job.since) : job.attained;
  Json json = {{"id", id.value},
               {"status", runs ? "running" : "waiting"},
               {"work_done", state.samples_done(id)},
               {"since_s", job.since.value},
               {"held_s", held.value},
               {"restarts", job.restarts},
               {"allocation", allocation_json(job.allocation)}};
  if (std::holds_alternative<AdaptiveThroughput>(state.spec(id).throughput)) {
    json["batch"] = job.batch;
    json["samples_trained"] = state.samples_trained(id);
  }
  return json;
}

/// One JSON object, which has a field "type" of this value and no others than the ones named.
Result<Json> parse_object(std::string_view line, std::string_view type,
                          std::initializer_list<std::string_view> fields) {
  Json json = Json::parse(line, nullptr, false);
  if (json.is_discarded())
    return invalid(fmt::format("'{}' is not one line of JSON", quotable(line)));
  if (!json.is_object()) return invalid("the answer is not a JSON object");
  const auto at = json.find("type");
  if (at == json.end() || *at != type)
    return invalid(fmt::format("field 'type' must be \"{}\"", type));
  for (const auto& [name, value] : json.items())
    if (name != "type" && std::ranges::find(fields, name) == fields.end())
      return invalid(fmt::format("there is no field '{}'{}", quotable(name),
                                 suggestion(name, {fields.begin(), fields.size()})));
  return json;
}

/// A whole number from 0 to `most`; `otherwise` if the field is absent.
Result<std::uint32_t> whole(const Json& json, std::string_view field, std::string_view path,
                            std::uint32_t most, std::optional<std::uint32_t> otherwise = {}) {
  const auto at = json.find(field);
  if (at == json.end() && otherwise) return *otherwise;
  if (at == json.end()) return invalid(fmt::format("field '{}.{}' is missing", path, field));
  const double value = at->is_number() ? at->get<double>() : -1;
  if (!(value >= 0 && value <= most) || value != std::floor(value))
    return invalid(
        fmt::format("field '{}.{}' must be a whole number from 0 to {}", path, field, most));
  return static_cast<std::uint32_t>(value);
}

constexpr std::uint32_t kMaxId = 0xFFFF'FFFE;

Result<const Json*> list(const Json& json, std::string_view field, std::string_view path) {
  static const Json empty = Json::array();
  const auto at = json.find(field);
  if (at == json.end()) return &empty;
  if (!at->is_array()) return invalid(fmt::format("field '{}{}' must be a list", path, field));
  return &*at;
}

Result<void> check_fields(const Json& json, std::string_view path,
                          std::initializer_list<std::string_view> fields) {
  if (!json.is_object()) return invalid(fmt::format("field '{}' must be an object", path));
  for (const auto& [name, value] : json.items())
    if (std::ranges::find(fields, name) == fields.end())
      return invalid(fmt::format("there is no field '{}.{}'{}", path, quotable(name),
                                 suggestion(name, {fields.begin(), fields.size()})));
  return {};
}

Result<Allocation> parse_allocation(const Json& json, const std::string& path) {
  Allocation allocation;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string here = fmt::format("{}.allocation[{}]", path, i);
    BOURSE_TRY_VOID(check_fields(json[i], here, {"machine", "workers", "servers"}));
    BOURSE_TRY(const std::uint32_t machine, whole(json[i], "machine", here, kMaxId));
    BOURSE_TRY(const std::uint32_t workers, whole(json[i], "workers", here, kMaxWorkers, 0));
    BOURSE_TRY(const std::uint32_t servers, whole(json[i], "servers", here, kMaxWorkers, 0));
    allocation.push_back(
        {MachineId(machine), static_cast<int>(workers), static_cast<int>(servers)});
  }
  std::ranges::stable_sort(allocation, {}, &TaskGroup::machine);
  return allocation;
}

Result<Seconds> parse_wake(const Json& json) {
  const auto at = json.find("wake_at_s");
  if (at == json.end() || at->is_null()) return kForever;
  if (!at->is_number() || !std::isfinite(at->get<double>()))
    return invalid("field 'wake_at_s' must be a time in seconds or null");
  return Seconds(at->get<double>());
}

}  // namespace

std::string hello_line(const Cluster& cluster, const PolicyContext& context,
                       std::string_view version) {
  Json resources = Json::array();
  for (std::size_t r = 0; r < cluster.types.size(); ++r)
    resources.push_back(
        {{"name", cluster.types[r].name},
         {"unit", cluster.types[r].kind == ResourceKind::count ? "device" : "MiB"}});
  Json machines = Json::array();
  for (std::size_t h = 0; h < cluster.machines.size(); ++h) {
    const MachineId id(h);
    machines.push_back({{"id", h},
                        {"name", cluster.machine_name(id)},
                        {"class", cluster.class_of(id).name},
                        {"speed", cluster.class_of(id).speed},
                        {"rack", cluster.machines[h].rack},
                        {"capacity", amounts_json(cluster.types, cluster.capacity(id))}});
  }
  return line_of({{"type", "hello"},
                  {"protocol", kExecProtocol},
                  {"version", version},
                  {"seed", context.seed},
                  {"slot_s", context.slot.value},
                  {"horizon_s", time_json(context.horizon)},
                  {"resources", std::move(resources)},
                  {"machines", std::move(machines)}});
}

std::string event_line(const ClusterState& state, const Event& event) {
  Json json{{"type", "event"}, {"time_s", state.now().value}, {"kind", name_of(event.kind)}};
  if (event.job.valid()) json["job"] = event.job.value;
  if (event.machine.valid()) json["machine"] = event.machine.value;
  if (event.kind == EventKind::arrival)
    json["new_job"] = job_json(state.cluster(), event.job, state.spec(event.job));
  Json jobs = Json::array();
  for (const JobId id : state.active()) jobs.push_back(state_json(state, id));
  json["jobs"] = std::move(jobs);
  Json down = Json::array();
  for (std::size_t h = 0; h < state.cluster().machines.size(); ++h)
    if (!state.is_up(MachineId(h))) down.push_back(h);
  json["machines_down"] = std::move(down);
  return line_of(json);
}

std::string end_line() { return line_of({{"type", "end"}}); }

Result<void> check_hello(std::string_view line) {
  BOURSE_TRY(const Json json, parse_object(line, "hello", {"protocol", "name"}));
  const auto protocol = json.find("protocol");
  if (protocol == json.end() || !protocol->is_number_integer() || *protocol != kExecProtocol)
    return invalid(
        fmt::format("field 'protocol' must be {}, which this bourse speaks", kExecProtocol));
  return {};
}

Result<Decision> parse_decision(std::string_view line) {
  BOURSE_TRY(const Json json, parse_object(line, "decision", {"changes", "declined", "wake_at_s"}));
  Decision decision;
  BOURSE_TRY(const Json* const changes, list(json, "changes", ""));
  for (std::size_t i = 0; i < changes->size(); ++i) {
    const Json& change = (*changes)[i];
    const std::string path = fmt::format("changes[{}]", i);
    BOURSE_TRY_VOID(check_fields(change, path, {"job", "allocation", "batch"}));
    BOURSE_TRY(const std::uint32_t job, whole(change, "job", path, kMaxId));
    BOURSE_TRY(const Json* const groups, list(change, "allocation", path + "."));
    BOURSE_TRY(Allocation allocation, parse_allocation(*groups, path));
    BOURSE_TRY(const std::uint32_t batch, whole(change, "batch", path, 100'000'000, 0));
    decision.changes.push_back({JobId(job), std::move(allocation), static_cast<int>(batch)});
  }
  BOURSE_TRY(const Json* const declined, list(json, "declined", ""));
  for (std::size_t i = 0; i < declined->size(); ++i) {
    BOURSE_TRY(const std::uint32_t job,
               whole(Json{{"job", (*declined)[i]}}, "job", fmt::format("declined[{}]", i), kMaxId));
    decision.declined.emplace_back(job);
  }
  BOURSE_TRY(decision.wake_at, parse_wake(json));
  return decision;
}

}  // namespace bourse
