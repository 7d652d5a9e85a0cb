#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bourse/commands.h"
#include "apps/bourse/exec_policy.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/policy/registry.h"
#include "bourse/report/table.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

struct PoliciesOptions {
  std::string name;  ///< Empty: all.
  OutputFormat format = OutputFormat::table;
};

Json policy_json(const PolicyInfo& info) {
  Json parameters = Json::array();
  for (const Parameter& parameter : info.parameters)
    parameters.push_back({{"name", parameter.name},
                          {"default", parameter.default_text},
                          {"values", parameter.values},
                          {"effect", parameter.effect}});
  return {{"name", info.name},
          {"summary", info.summary},
          {"source", info.source},
          {"knows", info.knows},
          {"parameters", std::move(parameters)}};
}

std::string overview() {
  std::string out;
  for (const PolicyInfo& info : all_policies()) {
    out += fmt::format("{}\n", info.name) + wrapped(info.summary, 4);
    out += wrapped(fmt::format("source: {}", info.source), 4);
    std::string names;
    for (const Parameter& parameter : info.parameters)
      names +=
          fmt::format("{}{}={}", names.empty() ? "" : ", ", parameter.name, parameter.default_text);
    if (!names.empty()) out += wrapped("parameters: " + names, 4);
  }
  return out +
         "\n'bourse policies NAME' explains the parameters of one; 'bourse policies exec' says "
         "how to\nrun one of your own.\n";
}

std::string page(const PolicyInfo& info) {
  std::string out = fmt::format("{}\n", info.name) + wrapped(info.summary, 4);
  out += wrapped(fmt::format("source: {}", info.source), 4);
  out += wrapped(fmt::format("is told of a job: {}", info.knows), 4);
  if (info.parameters.empty()) return out + "\nIt has no parameters.\n";
  out += "\nParameters, set with --set " + std::string(info.name) + ".NAME=VALUE:\n";
  for (const Parameter& parameter : info.parameters) {
    out += wrapped(
        fmt::format("{}={}   ({})", parameter.name, parameter.default_text, parameter.values), 4);
    out += wrapped(parameter.effect, 8);
  }
  return out;
}

int run_policies(const PoliciesOptions& options) {
  if (options.name.empty()) {
    if (options.format == OutputFormat::table) return print(overview());
    Json all = Json::array();
    for (const PolicyInfo& info : all_policies()) all.push_back(policy_json(info));
    return print(Json{{"version", BOURSE_VERSION}, {"policies", all}}.dump(2) + "\n");
  }
  const Result<const PolicyInfo*> info =
      options.name == exec_info().name ? &exec_info() : find_policy(options.name);
  if (!info) return usage_error(info.error());
  if (options.format == OutputFormat::table) return print(page(**info));
  return print(policy_json(**info).dump(2) + "\n");
}

}  // namespace

void add_policies(CLI::App& app, int& status) {
  const auto options = std::make_shared<PoliciesOptions>();
  CLI::App* const command =
      app.add_subcommand("policies", "List the policies, or explain one with its parameters");
  command->add_option("NAME", options->name, "One policy (default: all)");
  add_format(*command, options->format, false);
  add_examples(*command, {"bourse policies", "bourse policies pd-ors",
                          "bourse policies pd-ors --format json"});
  command->callback([options, &status] { status = run_policies(*options); });
}

}  // namespace bourse
