#include "bourse/service/job_program.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "bourse/base/text.h"
#include "bourse/model/yaml.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;
using Amounts = std::map<std::string, double>;

/// Nodes that share a process.
struct Unit {
  Amounts needs;
  std::set<std::string> roles;
  std::set<std::string> labels;
  int least = 0;  ///< Of the group of its worker.
  int most = 0;
};

constexpr double kCpusOfALauncher = 0.1;

void add(Amounts& sum, const Amounts& more) {
  for (const auto& [name, amount] : more) sum[name] += amount;
}

void raise(Amounts& highest, const Amounts& other) {
  for (const auto& [name, amount] : other) highest[name] = std::max(highest[name], amount);
}

/// "cpus": 2 is cpu: 2, "memory_mib": 64 is memory: 64 MiB; others are as they are.
Amounts needs_of(const Json& resources) {
  Amounts needs;
  for (const auto& [name, amount] : resources.items()) {
    const double value = amount.get<double>();
    if (value <= 0) continue;
    needs[name == "cpus" ? "cpu" : name == "gpus" ? "gpu" : name] = value;
  }
  return needs;
}

std::string resources_text(const Amounts& needs) {
  std::string text;
  for (const auto& [name, amount] : needs) {
    text += text.empty() ? "{" : ", ";
    if (name == "memory_mib")
      text += fmt::format("memory: {}MiB", std::ceil(amount));
    else
      text += fmt::format("{}: {}", Json(name).dump(), amount);
  }
  return text + "}";
}

std::map<std::int64_t, Unit> units_of(const Json& graph) {
  std::map<std::int64_t, Unit> units;
  for (const Json& node : graph.at("nodes")) {
    Unit& unit = units[node.at("unit").get<std::int64_t>()];
    add(unit.needs, needs_of(node.at("resources")));
    const std::string role = node.at("role").get<std::string>();
    unit.roles.insert(role);
    if (role != "worker") continue;
    unit.labels.insert(node.at("label").get<std::string>());
    unit.least = node.at("replicas").at("min").get<int>();
    unit.most = node.at("replicas").at("max").get<int>();
  }
  return units;
}

/// What tasks of each role a program has.
struct Plan {
  std::set<std::string> worker_labels;
  Amounts worker;
  Amounts server;
  Amounts rest;  ///< Of what runs beside the launcher.
  int workers = 0;
  int least = 0;
  int most = 0;
  int servers = 0;
};

Plan plan_of(const std::map<std::int64_t, Unit>& units) {
  Plan plan;
  for (const auto& [number, unit] : units) {
    if (unit.roles.contains("worker")) {
      plan.worker_labels.insert(unit.labels.begin(), unit.labels.end());
      raise(plan.worker, unit.needs);
      ++plan.workers;
      plan.least = unit.least;
      plan.most = unit.most;
    } else if (unit.roles.contains("parameter_server")) {
      raise(plan.server, unit.needs);
      ++plan.servers;
    } else {
      add(plan.rest, unit.needs);
    }
  }
  return plan;
}

std::string command_text(std::vector<std::string> command, std::string_view launch) {
  command.push_back("--launch=" + std::string(launch));
  return Json(command).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::string> fields_of(const Plan& plan, const std::vector<std::string>& command) {
  if (plan.workers == 0) {
    Amounts all = plan.rest;
    for (int i = 0; i < plan.servers; ++i) add(all, plan.server);
    return fmt::format("workers:\n  command: {}\n  count: 1\n  resources: {}\n",
                       command_text(command, "processes"), resources_text(all));
  }
  const bool is_elastic = plan.least < plan.most;
  if (is_elastic && plan.worker_labels.size() > 1)
    return invalid(
        "the program has several groups of role worker, and the size of one may change; the "
        "scheduler has workers of one kind only: give the others the role other");
  Amounts server = plan.rest;
  if (server.empty()) server["cpu"] = kCpusOfALauncher;
  raise(server, plan.server);
  const std::string sizes = is_elastic ? fmt::format("min: {}\n  max: {}", plan.least, plan.most)
                                       : fmt::format("count: {}", plan.workers);
  const std::string job = command_text(command, "job");
  return fmt::format(
      "workers:\n  command: {}\n  {}\n  resources: {}\n"
      "servers:\n  command: {}\n  count: {}\n  resources: {}\n{}",
      job, sizes, resources_text(plan.worker), job, plan.servers + 1, resources_text(server),
      is_elastic ? "elastic: in-place\n" : "");
}

/// Begins at the left margin with this key.
bool begins(std::string_view line, std::string_view key) {
  return line.starts_with(key) && line.substr(key.size()).starts_with(':');
}

}  // namespace

Result<std::string> job_fields_of_program(std::string_view graph,
                                          const std::vector<std::string>& command) {
  try {
    return fields_of(plan_of(units_of(Json::parse(graph))), command);
  } catch (const Json::exception&) {
    return invalid(
        "the program does not describe itself; it must take its options from "
        "run_options(argc, argv) and get as far as launch()");
  }
}

Result<std::vector<std::string>> program_of_job_file(std::string_view text, std::string_view file) {
  BOURSE_TRY(const YamlDocument document, parse_yaml(text, file));
  const auto field = document.root().find("program");
  if (!field) return std::vector<std::string>();
  for (const std::string_view other : {"workers", "servers", "elastic"})
    if (const auto given = document.root().find(other))
      return given->error("is what 'program' stands for; give one of them");
  std::vector<std::string> command;
  if (field->is_scalar()) {
    BOURSE_TRY(const std::string_view line, field->text());
    for (const std::string_view word : split(line, ' '))
      if (!word.empty()) command.emplace_back(word);
  } else {
    BOURSE_TRY(const std::vector<YamlField> words, field->list());
    for (const YamlField& word : words) {
      BOURSE_TRY(const std::string_view line, word.text());
      command.emplace_back(line);
    }
  }
  const bool is_block = std::ranges::any_of(
      split(text, '\n'), [](std::string_view line) { return begins(line, "program"); });
  if (!is_block) return field->error("must stand at the left margin of a line, not within braces");
  return command;
}

std::string with_program_fields(std::string_view text, std::string_view fields) {
  std::string filled;
  bool is_program = false;
  for (const std::string_view line : split(text, '\n')) {
    const bool is_continued =
        is_program && (line.starts_with(' ') || line.starts_with('-') || line.starts_with(']'));
    is_program = begins(line, "program") || is_continued;
    filled += (is_program ? "# " : "") + std::string(line) + "\n";
  }
  return filled + std::string(fields);
}

}  // namespace bourse
