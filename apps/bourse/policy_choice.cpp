#include "apps/bourse/policy_choice.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/bourse/exec_policy.h"
#include "bourse/base/text.h"
#include "bourse/policy/registry.h"

namespace bourse {
namespace {

/// "*.slot=10min" goes to every policy that has a slot.
Result<void> apply_to_all(const std::string& name, const std::string& value,
                          std::vector<PolicyChoice>& policies) {
  bool is_known = false;
  for (PolicyChoice& policy : policies) {
    if (is_exec(policy.name)) continue;
    BOURSE_TRY(const PolicyInfo* const info, find_policy(policy.name));
    if (std::ranges::find(info->parameters, name, &Parameter::name) == info->parameters.end())
      continue;
    policy.settings[name] = value;
    is_known = true;
  }
  if (is_known) return {};
  return invalid(
      fmt::format("option --set: none of the policies has a parameter '{}'", quotable(name)));
}

/// "exec.time-limit=1s" goes to every policy that is a program.
Result<void> apply_to_programs(const std::string& name, const std::string& value,
                               std::vector<PolicyChoice>& policies, const std::string& option) {
  bool is_there = false;
  for (PolicyChoice& policy : policies) {
    if (!is_exec(policy.name)) continue;
    policy.settings[name] = value;
    is_there = true;
  }
  if (is_there) return {};
  return invalid(fmt::format("option --set: there is no exec:PROGRAM in {}", option));
}

/// "pd-ors.slot=10min" goes to the policy it names.
Result<void> apply_setting(const std::string& text, std::vector<PolicyChoice>& policies,
                           const std::string& option) {
  const auto dot = text.find('.');
  const auto equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || equals < dot)
    return invalid(
        fmt::format("option --set: '{}' is not of the form POLICY.NAME=VALUE, such as "
                    "pd-ors.slot=10min",
                    quotable(text)));
  const std::string name = text.substr(0, dot);
  const std::string parameter = text.substr(dot + 1, equals - dot - 1);
  const std::string value = text.substr(equals + 1);
  if (name == "*") return apply_to_all(parameter, value, policies);
  if (name == exec_info().name) return apply_to_programs(parameter, value, policies, option);
  BOURSE_TRY_VOID(find_policy(name));
  const auto policy = std::ranges::find(policies, name, &PolicyChoice::name);
  if (policy == policies.end())
    return invalid(fmt::format("option --set: policy '{}' is not in {}", name, option));
  policy->settings[parameter] = value;
  return {};
}

}  // namespace

void add_set_option(CLI::App& app, std::vector<std::string>& settings) {
  app.add_option("--set", settings,
                 "Sets a parameter of a policy, such as pd-ors.slot=10min; '*' is every policy "
                 "that has it; may be repeated")
      ->type_name("POLICY.NAME=VALUE")
      ->allow_extra_args(false);
}

Result<std::vector<PolicyChoice>> choose_policies(const std::vector<std::string>& names,
                                                  const std::vector<std::string>& settings,
                                                  const std::string& option) {
  std::vector<PolicyChoice> policies;
  for (const std::string& name : names) {
    const std::string_view known = trim(name);
    if (!is_exec(known)) {
      BOURSE_TRY_VOID(find_policy(known));
    }
    if (std::ranges::find(policies, known, &PolicyChoice::name) != policies.end())
      return invalid(fmt::format("option {}: '{}' stands there twice", option, quotable(known)));
    policies.push_back({std::string(known), {}});
  }
  for (const std::string& setting : settings)
    BOURSE_TRY_VOID(apply_setting(setting, policies, option));
  for (const PolicyChoice& policy : policies) {
    if (is_exec(policy.name)) {
      BOURSE_TRY_VOID(exec_time_limit(policy.settings));
      continue;
    }
    BOURSE_TRY_VOID(make_policy(policy.name, policy.settings, {}));
  }
  return policies;
}

}  // namespace bourse
