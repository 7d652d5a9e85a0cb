// The program of Dorm against trying everything.

#include "bourse/policy/dorm_program.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace bourse {
namespace {

/// Largest use of the cluster by trying everything; negative if there is none.
double best_use(const std::vector<DormApp>& apps, const DormLimits& limits) {
  double best = -1;
  std::vector<int> counts(apps.size());
  const std::function<void(std::size_t)> choose = [&](std::size_t rank) {
    if (rank < apps.size()) {
      for (counts[rank] = apps[rank].min; counts[rank] <= apps[rank].max; ++counts[rank])
        choose(rank + 1);
      return;
    }
    double use = 0;
    double loss = 0;
    int adjusted = 0;
    std::vector<double> taken(limits.room.size());
    for (std::size_t i = 0; i < apps.size(); ++i) {
      use += counts[i] * apps[i].utilization();
      loss += std::abs(apps[i].dominant(counts[i]) - apps[i].fair_share);
      adjusted += apps[i].current > 0 && counts[i] != apps[i].current ? 1 : 0;
      for (std::size_t r = 0; r < taken.size(); ++r) taken[r] += counts[i] * apps[i].demand[r];
    }
    for (std::size_t r = 0; r < taken.size(); ++r)
      if (taken[r] > limits.room[r] + 1e-9) return;
    if (loss <= limits.loss + 1e-7 && adjusted <= limits.adjustments) best = std::max(best, use);
  };
  choose(0);
  return best;
}

RC_GTEST_PROP(DormProgram, UsesAsMuchAsTryingEverythingDoes, ()) {
  std::vector<DormApp> apps(*rc::gen::inRange<std::size_t>(1, 4));
  for (DormApp& a : apps) {
    a.demand = {0.01 * *rc::gen::inRange(1, 20), 0.01 * *rc::gen::inRange(0, 20)};
    a.min = *rc::gen::inRange(1, 3);
    a.max = a.min + *rc::gen::inRange(0, 4);
    a.current = *rc::gen::element(0, a.min, a.max);
  }
  set_fair_shares(apps);
  const DormLimits bounds{.room = {1, 1},
                          .loss = 0.1 * *rc::gen::inRange(0, 12),
                          .adjustments = *rc::gen::inRange(0, 3)};
  const auto counts = dorm_program(apps, bounds, 1000);
  const double best = best_use(apps, bounds);
  RC_ASSERT(counts.has_value() == (best >= 0));
  if (!counts) return;
  double use = 0;
  for (std::size_t i = 0; i < apps.size(); ++i) use += (*counts)[i] * apps[i].utilization();
  RC_ASSERT(std::abs(use - best) < 1e-4);
}

}  // namespace
}  // namespace bourse
