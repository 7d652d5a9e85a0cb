#pragma once

#include <string>
#include <vector>

#include "apps/bourse/cli_forward.h"
#include "apps/bourse/runs.h"

namespace bourse {

/// Adds --set.
void add_set_option(CLI::App& app, std::vector<std::string>& settings);

/// The policies named, each with its settings, each tried out. `settings` are of the form
/// POLICY.NAME=VALUE; the policy `*` stands for every named policy that has the parameter.
/// Errors: invalid_argument or not_found, about `option`, such as "--policy".
[[nodiscard]] Result<std::vector<PolicyChoice>> choose_policies(
    const std::vector<std::string>& names, const std::vector<std::string>& settings,
    const std::string& option);

}  // namespace bourse
