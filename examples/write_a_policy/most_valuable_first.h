#pragma once

#include "bourse/policy/policy.h"

/// Of the jobs that wait, the one that is worth most starts first, with the tasks it requested, if
/// they fit what is free. Nobody is paused. Ties by arrival, then id.
class MostValuableFirst final : public bourse::Policy {
 public:
  bourse::Decision decide(const bourse::ClusterState& state, const bourse::Event& event) override;
};
