#pragma once

#include "bourse/policy/registry.h"

namespace bourse {

/// `bid-price`: PD-ORS at prices that are raised to what a unit of a machine is expected to be
/// worth to jobs still to come (bid_prices.h), learned from the jobs seen and, if there is one,
/// from a history. Everything else is PdOrsPolicy: schedules with the largest payoff, promises,
/// waiting, re-planning. Jobs that arrive at one instant are decided about together.
/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo bid_price_info();

}  // namespace bourse
