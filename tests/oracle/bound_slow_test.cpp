// No run of any policy earns more than the bound of its instance: with failures, jitter, errors of
// belief, in slotted and in exact time.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/offline/fixtures.h"
#include "bourse/offline/upper_bound.h"
#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/perturb.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

constexpr std::uint64_t kInstances = 12;

Instance drawn(std::uint64_t seed) {
  RandomStream random(seed, Purpose::test, 3);
  Instance drawn = testing::random_instance(random, 8);
  if (random.integer(0, 1) == 0) drawn.slot = Seconds(0);
  drawn.horizon = Seconds(random.uniform(3, 12));
  Workload workload{.types = drawn.cluster.types,
                    .jobs = std::move(drawn.jobs),
                    .horizon = drawn.horizon,
                    .slot = drawn.slot};
  return bind(std::move(workload), std::move(drawn.cluster), "drawn", {.skip_unfit = true})
      .value()
      .instance;
}

TEST(EveryPolicy, StaysBelowTheBoundOfItsRun) {
  for (std::uint64_t seed = 1; seed <= kInstances; ++seed) {
    Instance instance = jittered(drawn(seed), Seconds(0.4), seed);
    if (instance.jobs.empty()) continue;
    SimulationOptions options{.seed = seed, .belief_error = seed % 3 == 0 ? 0.4 : 0.0};
    if (seed % 2 == 0)
      options.outages = random_outages(instance.cluster.machines.size(), Seconds(3), Seconds(1),
                                       instance.horizon, seed);
    Instance truth = instance;
    for (std::size_t i = 0; i < truth.jobs.size(); ++i)
      truth.jobs[i].samples /= speed_factor(options.belief_error, seed, JobId(i));
    UpperBoundOptions losses;
    for (const Outage& outage : options.outages)
      losses.losses.push_back({outage.machine, outage.from, outage.to});
    const double bound = upper_bound(truth, losses).utility;
    for (const PolicyInfo& info : all_policies()) {
      const auto policy =
          make_policy(info.name, testing::quick_settings(info),
                      {.slot = instance.slot, .horizon = instance.horizon, .seed = seed});
      ASSERT_TRUE(policy) << policy.error().message;
      const SimulationResult result = simulate(instance, **policy, options);
      EXPECT_LE(metrics_of(instance, result).utility, bound + bound_tolerance(bound))
          << info.name << ", seed " << seed;
    }
  }
}

}  // namespace
}  // namespace bourse
