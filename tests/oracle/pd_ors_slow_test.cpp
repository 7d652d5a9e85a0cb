// PD-ORS against the offline optimum, and laws that every run of it obeys.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/offline/optimum.h"
#include "bourse/policy/fixtures.h"
#include "bourse/policy/pd_ors.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;

Utility draw_utility(RandomStream& draws) {
  const double value = draws.uniform(1, 100);
  switch (draws.integer(0, 2)) {
    case 0:
      return SigmoidUtility{value, draws.uniform(0, 3), Seconds(draws.uniform(0, 5))};
    case 1:
      return DeadlineUtility{value, Seconds(static_cast<double>(draws.integer(0, 4)))};
    default:
      return LinearDecayUtility{value, Seconds(0), Seconds(draws.uniform(2, 8))};
  }
}

/// A job of one of the shapes that takes about 1 to 8 worker-slots of 1 s.
JobSpec draw_job(RandomStream& draws, int number) {
  JobSpec job;
  job.name = "j" + std::to_string(number);
  job.arrival = Seconds(static_cast<double>(draws.integer(0, 3)));
  job.worker = amounts({static_cast<double>(draws.integer(1, 2)), 1});
  job.server = amounts({0, static_cast<double>(draws.integer(1, 2))});
  job.samples = draws.uniform(1, 8);
  const auto batch = static_cast<int>(draws.integer(1, 5));
  const std::int64_t shape = draws.integer(0, 5);
  if (shape == 0) {
    job.throughput = RigidThroughput{batch, 0};
    job.samples = static_cast<double>(draws.integer(1, 3));
  } else if (shape == 1) {
    job.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                    .gradient = Bytes(draws.uniform(0, 1)),
                                    .global_batch = batch,
                                    .rate_inside = BytesPerSecond(10),
                                    .rate_in_rack = BytesPerSecond(4),
                                    .rate_across = BytesPerSecond(4)};
  } else {
    job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(0.8),
                                               .gradient = Bytes(draws.uniform(0, 1)),
                                               .workers_per_server = draws.uniform(1, 4),
                                               .global_batch = batch,
                                               .rate_inside = BytesPerSecond(10),
                                               .rate_across = BytesPerSecond(2)};
  }
  job.utility = draw_utility(draws);
  job.requested_workers = batch;
  job.requested_servers = servers_for(job.throughput, batch);
  return job;
}

Instance draw_instance(std::uint64_t seed) {
  RandomStream draws(seed, Purpose::test);
  Instance instance{.cluster = cluster_of(static_cast<std::size_t>(draws.integer(1, 3)),
                                          {{"gpu", 4}, {"cpu", 6}}),
                    .horizon = Seconds(static_cast<double>(draws.integer(4, 6))),
                    .slot = Seconds(1)};
  const std::int64_t jobs = draws.integer(2, 5);
  for (int i = 0; i < jobs; ++i) instance.jobs.push_back(draw_job(draws, i));
  std::ranges::stable_sort(instance.jobs, {}, &JobSpec::arrival);
  return instance;
}

struct Played {
  SimulationResult result;
  double utility = 0;
};

Played play(const Instance& instance, const std::string& name, const Settings& settings,
            std::uint64_t seed) {
  auto policy = make_policy(name, settings, {instance.slot, instance.horizon, seed});
  EXPECT_TRUE(policy.has_value());
  Played played;
  played.result = simulate(instance, **policy, {.seed = seed, .record_reasons = true});
  played.utility = metrics_of(instance, played.result).utility;
  return played;
}

struct Mode {
  const char* name;
  Settings settings;
};

const std::array<Mode, 4>& modes() {
  const std::string formula = "formula";
  static const std::array<Mode, 4> all{{
      {"default", {}},
      {"deterministic, U and L of the paper",
       {{"price-floor", formula}, {"price-ceiling", formula}}},
      {"deterministic, U of the paper, median L",
       {{"price-floor", "quantile:0.5"}, {"price-ceiling", formula}}},
      {"randomized, U and L of the paper",
       {{"rounding", "randomized"}, {"price-floor", formula}, {"price-ceiling", formula}}},
  }};
  return all;
}

TEST(PdOrsOracle, NeverBeatsTheOfflineOptimumOn200SmallInstances) {
  std::array<double, 4> ratios{};
  int counted = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Instance instance = draw_instance(seed);
    const Result<Optimum> best = optimum(instance, {.node_limit = 20000});
    ASSERT_TRUE(best.has_value()) << "seed " << seed << ": " << best.error().message;
    const double limit = best->bound * (1 + 1e-6) + 1e-6;
    if (best->utility > 0) ++counted;
    for (std::size_t m = 0; m < modes().size(); ++m) {
      const double got = play(instance, "pd-ors", modes()[m].settings, seed).utility;
      ASSERT_LE(got, limit) << modes()[m].name << ", seed " << seed;
      if (best->utility > 0) ratios[m] += got / best->utility;
    }
  }
  ASSERT_GT(counted, 150);
  for (std::size_t m = 0; m < modes().size(); ++m) {
    const double mean = ratios[m] / counted;
    std::printf("mean share of the optimum, %s: %.4f over %d instances\n", modes()[m].name, mean,
                counted);
    EXPECT_GT(mean, 0.5) << modes()[m].name;
  }
}

// The whole story of each run is compared, cut at the arrival of the job that is removed.
TEST(PdOrsLaws, ALaterJobChangesNoEarlierDecision) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Instance instance = draw_instance(seed);
    const Seconds cut = instance.jobs.back().arrival;
    const auto before_cut = [&](const Instance& played) {
      std::vector<std::string> story;
      for (const RecordedReason& r : play(played, "pd-ors", {}, seed).result.reasons)
        if (r.time < cut)
          story.push_back(std::to_string(r.time.value) + " " + std::to_string(r.reason.job.value) +
                          " " + reason_text(r.reason));
      return story;
    };
    const std::vector<std::string> with = before_cut(instance);
    while (!instance.jobs.empty() && instance.jobs.back().arrival >= cut) instance.jobs.pop_back();
    if (instance.jobs.empty()) continue;
    EXPECT_EQ(with, before_cut(instance)) << "seed " << seed;
  }
}

// Over-booking would stop the simulation; every admission pays less than it is worth, and with true
// speeds and no restart cost every promise is kept.
TEST(PdOrsLaws, AdmittedJobsHaveAPositivePayoffAndAreDoneAsPromised) {
  int admitted = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Instance instance = draw_instance(seed);
    for (const Mode& mode : modes()) {
      const Played played = play(instance, "pd-ors", mode.settings, seed);
      for (const RecordedReason& r : played.result.reasons) {
        if (r.reason.code != ReasonCode::admitted) continue;
        ++admitted;
        EXPECT_GT(r.reason.numbers[2], 0) << mode.name << ", seed " << seed;
        const JobRecord& job = played.result.jobs[r.reason.job.index()];
        EXPECT_EQ(job.status, JobStatus::finished) << mode.name << ", seed " << seed;
        EXPECT_LE(job.finish.value, r.reason.numbers[3] + 1e-6) << mode.name << ", seed " << seed;
        EXPECT_GE(job.utility, r.reason.numbers[0] * (1 - 1e-9)) << mode.name << ", seed " << seed;
      }
    }
  }
  EXPECT_GT(admitted, 500);
}

// The plan that PD-ORS announces is a schedule of the offline model, by the checker that knows
// nothing of PD-ORS.
TEST(PdOrsLaws, ThePlanIsAScheduleOfTheModel) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Instance instance = draw_instance(seed);
    const Played played = play(instance, "pd-ors", {}, seed);
    Schedule schedule{.slot = instance.slot, .jobs = {}};
    schedule.jobs.resize(instance.jobs.size());
    for (const PlannedSlot& planned : played.result.plans) {
      std::vector<SlotAllocation>& slots = schedule.jobs[planned.job.index()].slots;
      const auto to = static_cast<std::int64_t>(planned.to.value);
      for (auto slot = static_cast<std::int64_t>(planned.from.value); slot < to; ++slot)
        slots.push_back({slot, planned.allocation});
    }
    for (JobSchedule& job : schedule.jobs)
      if (!job.slots.empty()) job.completion = job.slots.back().slot;
    const Result<double> utility = check_schedule(instance, schedule);
    ASSERT_TRUE(utility.has_value()) << "seed " << seed << ": " << utility.error().message;
    EXPECT_NEAR(*utility, played.utility, 1e-9 * (1 + *utility)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace bourse
