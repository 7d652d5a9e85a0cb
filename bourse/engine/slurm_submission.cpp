#include "bourse/engine/slurm_submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

/// For a shell: what is within single quotes stays as it is.
std::string shell_word(std::string_view word) {
  std::string text = "'";
  for (const char c : word) c == '\'' ? text += "'\\''" : text += c;
  return text + "'";
}

/// Slurm puts numbers into file names where it finds a '%'.
std::string file_pattern(std::string_view path) {
  std::string text;
  for (const char c : path) text += c == '%' ? "%%" : std::string(1, c);
  return text;
}

std::string script_of(const SlurmSubmission& job) {
  std::string script = "exec";
  for (const std::string& word : job.command) script += " " + shell_word(word);
  return script;
}

std::string comment_of(const SlurmSubmission& job) { return "cell of bourse, " + job.name; }

}  // namespace

std::int64_t slurm_minutes(Seconds time) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(time.value / 60)));
}

std::vector<std::string> submit_command(const SlurmSubmission& job, const SlurmAccess& access) {
  std::vector<std::string> command{
      "sbatch",
      "--parsable",
      "--no-requeue",
      fmt::format("--job-name={}", job.name),
      fmt::format("--comment={}", comment_of(job)),
      fmt::format("--nodelist={}", job.node),
      "--nodes=1-1",
      "--ntasks=1",
      fmt::format("--cpus-per-task={}", job.cpus),
      fmt::format("--mem={}M", job.memory_mib),
      fmt::format("--time={}", slurm_minutes(job.time_limit)),
      fmt::format("--output={}", file_pattern(job.output_file)),
      "--open-mode=append",
      "--chdir=/",
  };
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) command.push_back(fmt::format("{}={}", option, value));
  };
  add("--partition", access.partition);
  add("--account", access.account);
  add("--qos", access.qos);
  add("--reservation", access.reservation);
  std::string gres;
  for (const auto& [name, count] : job.gres)
    if (count > 0) gres += fmt::format("{}{}:{}", gres.empty() ? "" : ",", name, count);
  add("--gres", gres);
  add("--wrap", script_of(job));
  return command;
}

std::string submit_request(const SlurmSubmission& job, const SlurmAccess& access,
                           const std::vector<std::string>& environment) {
  std::vector<std::string> variables = environment;
  variables.insert(variables.end(), job.environment.begin(), job.environment.end());
  nlohmann::json gres = nlohmann::json::object();
  for (const auto& [name, count] : job.gres)
    if (count > 0) gres[name] = count;
  return json_text({{"do", "submit"},
                    {"name", job.name},
                    {"comment", comment_of(job)},
                    {"node", job.node},
                    {"cpus", job.cpus},
                    {"memory_mib", job.memory_mib},
                    {"gres", gres},
                    {"minutes", slurm_minutes(job.time_limit)},
                    {"output", file_pattern(job.output_file)},
                    {"script", "#!/bin/sh\n" + script_of(job) + "\n"},
                    {"environment", variables},
                    {"is_told_of", job.is_told_of},
                    {"partition", access.partition},
                    {"account", access.account},
                    {"qos", access.qos},
                    {"reservation", access.reservation}});
}

}  // namespace bourse
