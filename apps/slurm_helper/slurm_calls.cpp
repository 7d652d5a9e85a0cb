// SPDX-License-Identifier: GPL-2.0-or-later, with the exception for OpenSSL in LICENSE
#include "apps/slurm_helper/slurm_calls.h"

#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

// In the library, but not in its header.
extern "C" {
char* slurm_job_state_string(std::uint32_t state);
char* slurm_job_reason_string(enum job_state_reason reason);
}

namespace slurm_helper {
namespace {

using Json = nlohmann::json;

// libslurm calls back without an argument, so that there can be one set of these only.
Pushes the_pushes;         // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::string the_host;      // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
std::uint16_t the_port{};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)

void on_job_complete(srun_job_complete_msg_t* message) { the_pushes.job_ended(message->job_id); }
void on_node_fail(srun_node_fail_msg_t*) { the_pushes.nodes_changed(); }
void on_timeout(srun_timeout_msg_t*) {}
void on_user_message(srun_user_msg_t*) {}
void on_suspend(suspend_msg_t*) {}

Json last_error() { return {{"error", slurm_strerror(slurm_get_errno())}}; }

/// "gres:gpu:2,gres:fpga:1".
std::string gres_text(const Json& gres) {
  std::string all;
  for (const auto& [name, count] : gres.items())
    all +=
        (all.empty() ? "gres:" : ",gres:") + name + ":" + std::to_string(count.get<std::int64_t>());
  return all;
}

/// libslurm wants text that it might change, so it gets that of a request of its own.
Json submit(Json request) {
  const auto field = [&](const char* name) -> char* {
    Json& value = request[name];
    if (value.is_null() || value.get_ref<std::string&>().empty()) return nullptr;
    return value.get_ref<std::string&>().data();
  };
  std::vector<char*> environment;
  for (Json& variable : request.at("environment"))
    environment.push_back(variable.get_ref<std::string&>().data());
  std::string gres = gres_text(request.at("gres"));
  std::string root = "/";

  job_desc_msg_t job;
  slurm_init_job_desc_msg(&job);
  job.name = field("name");
  job.comment = field("comment");
  job.req_nodes = field("node");
  job.min_nodes = job.max_nodes = 1;
  job.num_tasks = 1;
  job.cpus_per_task = request.at("cpus").get<std::uint16_t>();
  job.min_cpus = job.cpus_per_task;
  job.pn_min_memory = request.at("memory_mib").get<std::uint64_t>();
  job.tres_per_node = gres.empty() ? nullptr : gres.data();
  job.time_limit = request.at("minutes").get<std::uint32_t>();
  job.requeue = 0;
  job.std_out = field("output");
  job.open_mode = OPEN_MODE_APPEND;
  job.work_dir = root.data();
  job.script = field("script");
  job.environment = environment.data();
  job.env_size = static_cast<std::uint32_t>(environment.size());
  job.partition = field("partition");
  job.account = field("account");
  job.qos = field("qos");
  job.reservation = field("reservation");
  job.user_id = getuid();
  job.group_id = getgid();
  if (the_port != 0 && request.value("is_told_of", false)) {
    job.other_port = the_port;
    job.resp_host = the_host.data();
  }
  submit_response_msg_t* response = nullptr;
  if (slurm_submit_batch_job(&job, &response) != SLURM_SUCCESS) return last_error();
  const Json answer{{"job", response->job_id}};
  slurm_free_submit_response_response_msg(response);
  return answer;
}

bool is_no_more(int error) {
  return error == ESLURM_ALREADY_DONE || error == ESLURM_INVALID_JOB_ID;
}

/// SIGKILL to a whole job is SIGTERM first, and SIGKILL after KillWait.
Json cancel(const Json& request) {
  Json answer = Json::object();
  for (const Json& job : request.at("jobs")) {
    if (slurm_kill_job(job.get<std::uint32_t>(), SIGKILL, 0) == SLURM_SUCCESS) continue;
    if (!is_no_more(slurm_get_errno())) answer = last_error();
  }
  return answer;
}

/// What a job still runs gets SIGTERM. Slurm looks at its queue when the epilog of a job is over
/// that ended so, which it does not for each that ends by itself (docs/decisions/0078).
Json complete(const Json& request) {
  if (slurm_complete_job(request.at("job").get<std::uint32_t>(), 0) != SLURM_SUCCESS &&
      !is_no_more(slurm_get_errno()))
    return last_error();
  return Json::object();
}

bool has_ended(const slurm_job_info_t& job) {
  return (job.job_state & JOB_STATE_BASE) > JOB_SUSPENDED && (job.job_state & JOB_COMPLETING) == 0;
}

Json job_json(const slurm_job_info_t& job) {
  const auto text_of = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  Json left;  // Null: it has no limit, or does not run.
  if ((job.job_state & JOB_STATE_BASE) == JOB_RUNNING && job.time_limit != INFINITE)
    left = std::max<std::int64_t>(0, job.end_time - std::time(nullptr));
  return {
      {"id", job.job_id},
      {"state", text_of(slurm_job_state_string(job.job_state))},
      {"reason", text_of(slurm_job_reason_string(static_cast<job_state_reason>(job.state_reason)))},
      {"node", text_of(job.nodes)},
      {"left", left},
      {"name", text_of(job.name)}};
}

/// Without names: jobs of this user that have not ended.
Json jobs(const Json& request) {
  std::set<std::string> names;
  const bool is_any_name = !request.contains("names");
  if (!is_any_name) names = request.at("names").get<std::set<std::string>>();
  job_info_msg_t* message = nullptr;
  if (slurm_load_job_user(&message, getuid(), SHOW_ALL) != SLURM_SUCCESS) return last_error();
  Json list = Json::array();
  for (std::uint32_t i = 0; i < message->record_count; ++i) {
    const slurm_job_info_t& job = message->job_array[i];
    const bool is_asked_for =
        is_any_name ? !has_ended(job) : job.name != nullptr && names.contains(job.name);
    if (is_asked_for) list.push_back(job_json(job));
  }
  slurm_free_job_info_msg(message);
  return {{"jobs", std::move(list)}};
}

Json extend(const Json& request) {
  const auto id = request.at("job").get<std::uint32_t>();
  job_info_msg_t* message = nullptr;
  if (slurm_load_job(&message, id, SHOW_ALL) != SLURM_SUCCESS) return last_error();
  const std::uint32_t limit =
      message->record_count == 0 ? INFINITE : message->job_array->time_limit;
  slurm_free_job_info_msg(message);
  if (limit == INFINITE) return Json::object();
  job_desc_msg_t job;
  slurm_init_job_desc_msg(&job);
  job.job_id = id;
  job.time_limit = limit + request.at("minutes").get<std::uint32_t>();
  if (slurm_update_job(&job) != SLURM_SUCCESS) return last_error();
  return Json::object();
}

}  // namespace

std::string library_version() {
  constexpr long kVersion = SLURM_VERSION_NUMBER;
  const std::string minor = std::to_string(SLURM_VERSION_MINOR(kVersion));
  return std::to_string(SLURM_VERSION_MAJOR(kVersion)) + "." + (minor.size() < 2 ? "0" : "") +
         minor + "." + std::to_string(SLURM_VERSION_MICRO(kVersion));
}

std::string begin(const std::string& host, Pushes pushes) {
  the_pushes = std::move(pushes);
  the_host = host;
  slurm_init(nullptr);
  const slurm_allocation_callbacks_t callbacks{.job_complete = on_job_complete,
                                               .timeout = on_timeout,
                                               .user_msg = on_user_message,
                                               .node_fail = on_node_fail,
                                               .job_suspend = on_suspend};
  if (slurm_allocation_msg_thr_create(&the_port, &callbacks) == nullptr)
    return std::string("cannot listen for slurmctld: ") + slurm_strerror(slurm_get_errno());
  return {};
}

Json carry_out(const Json& request) {
  const auto what = request.at("do").get<std::string>();
  if (what == "submit") return submit(request);
  if (what == "cancel") return cancel(request);
  if (what == "complete") return complete(request);
  if (what == "jobs") return jobs(request);
  if (what == "extend") return extend(request);
  return {{"error", "there is no request '" + what + "'"}};
}

std::string node_states(std::size_t& count) {
  // Who uses a node does not matter here, nor that it is cleaned up or kept for a job to come.
  constexpr std::uint32_t kUse = NODE_STATE_COMPLETING | NODE_STATE_PLANNED | NODE_STATE_RES;
  node_info_msg_t* message = nullptr;
  if (slurm_load_node(0, &message, SHOW_ALL) != SLURM_SUCCESS) return {};
  std::string states;
  count = message->record_count;
  for (std::uint32_t i = 0; i < message->record_count; ++i) {
    const node_info_t& node = message->node_array[i];
    if (node.name == nullptr) continue;
    std::uint32_t base = node.node_state & NODE_STATE_BASE;
    if (base == NODE_STATE_ALLOCATED || base == NODE_STATE_MIXED) base = NODE_STATE_IDLE;
    states += std::string(node.name) + " " +
              std::to_string(base | (node.node_state & NODE_STATE_FLAGS & ~kUse)) + "\n";
  }
  slurm_free_node_info_msg(message);
  return states;
}

}  // namespace slurm_helper
