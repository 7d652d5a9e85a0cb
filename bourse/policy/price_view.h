#pragma once

#include "bourse/base/id.h"
#include "bourse/policy/state.h"

namespace bourse {

/// What a policy that prices resources adds to Policy, so that reports can draw its prices.
class PriceView {
 public:
  virtual ~PriceView() = default;

  /// Price now of one unit of resource `resource` (its index in Cluster::types) on the machine, in
  /// utility per unit and slot; not finite if there is none yet.
  [[nodiscard]] virtual double price_now(const ClusterState& state, MachineId machine,
                                         std::size_t resource) const = 0;
};

}  // namespace bourse
