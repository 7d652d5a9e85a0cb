#pragma once

#include <vector>

#include "bourse/policy/pd_ors.h"
#include "bourse/policy/price_source.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// What the settings of a policy that is built on PdOrsPolicy say.
struct PdOrsSettings {
  PdOrsOptions options;
  LearnedPricesOptions prices;
};

/// Parameters of pd-ors, for the registry; policies built on it add their own.
[[nodiscard]] std::vector<Parameter> pd_ors_parameters();

/// Errors: invalid_argument if a setting is out of its range.
[[nodiscard]] Result<PdOrsSettings> read_pd_ors_settings(const SettingsReader& settings,
                                                         const PolicyContext& context);

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo pd_ors_info();

}  // namespace bourse
