#include "bourse/simulation/simulate.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "bourse/policy/fifo.h"
#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/perturb.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;
using testing::instance_of;

/// Writes down what it is asked, and starts nothing.
class Recorder final : public Policy {
 public:
  Decision decide(const ClusterState& state, const Event& event) override {
    events.emplace_back(state.now().value, event.kind);
    if (event.kind == EventKind::arrival && wake) return {.wake_at = state.now()};
    return {};
  }
  std::vector<std::pair<double, EventKind>> events;
  bool wake = false;
};

SimulationResult run_fifo(const Instance& instance, const SimulationOptions& options = {}) {
  FifoPolicy policy({});
  return simulate(instance, policy, options);
}

// At 10: a completes, machine 1 comes up, machine 2 goes down, c arrives, then the wake-up.
TEST(Simulate, OrdersWhatHappensAtOneInstant) {
  class Starter final : public Policy {
   public:
    Decision decide(const ClusterState& state, const Event& event) override {
      if (state.now() == Seconds(10)) order.push_back(event.kind);
      if (event.kind == EventKind::arrival && event.job == JobId(0u))
        return {.changes = {{JobId(0u), {{MachineId(0u), 1, 0}}}}, .wake_at = Seconds(10)};
      if (event.kind == EventKind::wake) return {};
      return {.wake_at = std::max(state.now(), Seconds(10))};
    }
    std::vector<EventKind> order;
  };
  const Instance instance = instance_of(cluster_of(3, {{"gpu", 1}}),
                                        {gang("a", 0, 1, 10 / (1 - 1e-8)), gang("c", 10, 1, 1)});
  Starter policy;
  const SimulationOptions options{.outages = {{MachineId(1u), Seconds(5), Seconds(10)},
                                              {MachineId(2u), Seconds(10), Seconds(20)}}};
  (void)simulate(instance, policy, options);
  using enum EventKind;
  ASSERT_GE(policy.order.size(), 5u);
  EXPECT_EQ(policy.order, (std::vector{finish, machine_up, machine_down, arrival, wake}));
}

TEST(Simulate, CountsWhatNeverRanAsUnfinishedAndDropsNothing) {
  Recorder policy;
  const Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 1), gang("b", 5, 1, 1)});
  const SimulationResult result = simulate(instance, policy);
  const Metrics metrics = metrics_of(instance, result);
  EXPECT_EQ(metrics.jobs, 2u);
  EXPECT_EQ(metrics.finished, 0u);
  EXPECT_EQ(metrics.unfinished, 2u);
  EXPECT_EQ(policy.events.size(), 2u);
}

TEST(Simulate, EndsThoughThePolicyAsksToBeWokenForEver) {
  class Insomniac final : public Policy {
   public:
    Decision decide(const ClusterState& state, const Event&) override {
      return {.wake_at = state.now() + Seconds(1)};
    }
  };
  Insomniac policy;
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 1)});
  EXPECT_EQ(metrics_of(instance, simulate(instance, policy)).unfinished, 1u);
}

// Measured on one machine only: two workers on two machines would hold them and train nothing.
TEST(Simulate, NeverHoldsMachinesWithoutProgress) {
  Instance instance =
      instance_of(cluster_of(2, {{"gpu", 2}}), {gang("x", 0, 1, 5), gang("y", 0, 1, 5)});
  for (const char* name : {"a", "b"}) {
    JobSpec job = gang(name, 1, 1, 4);
    job.throughput = TableThroughput{{{2, 0, Locality::machine, 1.0}}};
    job.requested_workers = 2;
    instance.jobs.push_back(job);
  }
  for (const PolicyInfo& info : all_policies()) {
    auto policy = make_policy(info.name, {}, {});
    const SimulationResult result = simulate(instance, **policy, {.record_usage = true});
    EXPECT_EQ(metrics_of(instance, result).finished, 4u) << info.name;
    for (const JobRecord& job : result.jobs) EXPECT_LT(job.executed.value, 5.1) << info.name;
  }
}

TEST(Simulate, EarnsNothingAfterTheHorizon) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 5), gang("b", 0, 1, 5)});
  instance.horizon = Seconds(9);
  const SimulationResult result = run_fifo(instance);
  EXPECT_EQ(result.jobs[0].status, JobStatus::finished);
  EXPECT_EQ(result.jobs[1].status, JobStatus::running);
  EXPECT_DOUBLE_EQ(metrics_of(instance, result).utility, 1);
  EXPECT_DOUBLE_EQ(result.ended.value, 9);
  EXPECT_NEAR(result.jobs[1].resource_seconds, 4, 1e-7);
}

// Utility 10 until 4 s, 0 from 8 s on; done at 6: half. In slots of 5 s: slot 1, a delay of 5
// s: 7.5.
TEST(Simulate, PaysForTheExactDelayOrForWholeSlots) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}),
                  {gang("a", 0, 1, 6, LinearDecayUtility{10, Seconds(4), Seconds(8)})});
  EXPECT_NEAR(run_fifo(instance).jobs[0].utility, 5, 1e-7);
  instance.slot = Seconds(5);
  EXPECT_NEAR(run_fifo(instance).jobs[0].utility, 7.5, 1e-7);
}

// 100 s of work; down at 55: with checkpoints each 20 s it falls back to 40; back up at 60 with a
// restart cost of 2: 62 + 60 = 122. Without loss: 62 + 45 = 107.
TEST(Simulate, FallsBackToTheLastCheckpointWhenAMachineFails) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 100)});
  instance.jobs[0].restart_cost = Seconds(2);
  SimulationOptions options{.outages = {{MachineId(0u), Seconds(55), Seconds(60)}}};
  EXPECT_NEAR(run_fifo(instance, options).jobs[0].finish.value, 107, 1e-7);
  options.checkpoint_every = Seconds(20);
  const SimulationResult result = run_fifo(instance, options);
  EXPECT_NEAR(result.jobs[0].finish.value, 122, 1e-7);
  EXPECT_EQ(result.jobs[0].restarts, 1u);
  EXPECT_NEAR(result.jobs[0].executed.value, 117, 1e-7);
}

TEST(Simulate, RunsAtTheTrueSpeedNotTheDeclaredOne) {
  Instance instance = instance_of(cluster_of(4, {{"gpu", 8}}), {});
  for (int i = 0; i < 32; ++i) instance.jobs.push_back(gang("j" + std::to_string(i), 0, 1, 100));
  const SimulationResult result = run_fifo(instance, {.seed = 5, .belief_error = 0.2});
  double least = 1e9;
  double most = 0;
  for (const JobRecord& job : result.jobs) {
    least = std::min(least, job.finish.value);
    most = std::max(most, job.finish.value);
  }
  EXPECT_GE(least, 100 / 1.2 - 1e-7);
  EXPECT_LE(most, 100 / 0.8 + 1e-7);
  EXPECT_GT(most - least, 10);
}

TEST(Simulate, MeasuresUtilisationOfWhatIsUp) {
  const Instance instance = instance_of(cluster_of(2, {{"gpu", 1}}), {gang("a", 0, 1, 10)});
  // 10 GPU-seconds used of 20; with machine 1 down half of the time of 15.
  EXPECT_NEAR(metrics_of(instance, run_fifo(instance)).utilization, 0.5, 1e-7);
  const SimulationOptions down{.outages = {{MachineId(1u), Seconds(5), Seconds(100)}}};
  EXPECT_NEAR(metrics_of(instance, run_fifo(instance, down)).utilization, 10.0 / 15, 1e-7);
}

TEST(Simulate, GivesTheSameResultForTheSameSeed) {
  Instance instance = instance_of(cluster_of(2, {{"gpu", 4}}), {});
  for (int i = 0; i < 60; ++i)
    instance.jobs.push_back(gang("j" + std::to_string(i), i, 1 + i % 4, 10 + i % 7,
                                 SigmoidUtility{5, 0.1, Seconds(20)}));
  for (const PolicyInfo& info : all_policies()) {
    const auto run = [&] {
      auto policy = make_policy(info.name, testing::quick_settings(info), {.seed = 2});
      return simulate(instance, **policy, {.seed = 2, .belief_error = 0.1});
    };
    const SimulationResult first = run();
    const SimulationResult second = run();
    for (std::size_t i = 0; i < first.jobs.size(); ++i) {
      EXPECT_EQ(first.jobs[i].finish, second.jobs[i].finish) << info.name;
      EXPECT_EQ(first.jobs[i].utility, second.jobs[i].utility) << info.name;
    }
  }
}

TEST(Distribution, TakesNearestRanks) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Distribution d = distribution_of(values);
  EXPECT_DOUBLE_EQ(d.mean, 50.5);
  EXPECT_EQ(d.p50, 50);
  EXPECT_EQ(d.p95, 95);
  EXPECT_EQ(d.p99, 99);
  EXPECT_EQ(d.max, 100);
  EXPECT_EQ(distribution_of({}).mean, 0);
  EXPECT_EQ(distribution_of({7}).p99, 7);
}

TEST(Jitter, MovesArrivalsWithinItsRangeByASeededRule) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 1), gang("b", 5, 1, 1)});
  const Instance once = jittered(instance, Seconds(0.1), 1);
  EXPECT_NEAR(once.jobs[1].arrival.value, 5, 0.1);
  EXPECT_NE(once.jobs[1].arrival.value, 5);
  EXPECT_GE(once.jobs[0].arrival.value, 0);
  EXPECT_EQ(once.jobs[1].arrival, jittered(instance, Seconds(0.1), 1).jobs[1].arrival);
  EXPECT_NE(once.jobs[1].arrival, jittered(instance, Seconds(0.1), 2).jobs[1].arrival);
}

TEST(Outages, AreReadFromCsv) {
  const auto outages = parse_outages("machine,down,up\n1,1h,2h\n0,5,\n", "f.csv", 2);
  ASSERT_TRUE(outages.has_value());
  ASSERT_EQ(outages->size(), 2u);
  EXPECT_EQ((*outages)[0].to, kForever);
  EXPECT_EQ((*outages)[1].from, Seconds(3600));
}

TEST(Outages, SayWhatIsWrong) {
  const auto message = [](std::string_view text) {
    const auto outages = parse_outages(text, "f.csv", 2);
    return outages ? std::string("none") : outages.error().message;
  };
  EXPECT_EQ(message("\n"), "f.csv: is empty; the first line must be 'machine,down,up'");
  EXPECT_EQ(message("a,b\n"), "f.csv:1: the header is 'a,b'; it must be 'machine,down,up'");
  EXPECT_EQ(message("machine,down,up\n2,1,2\n"),
            "f.csv:2: field 'machine': '2' is not a machine number from 0 to 1");
  EXPECT_EQ(message("machine,down,up\n1,3,2\n"), "f.csv:2: field 'up': must be later than 'down'");
  EXPECT_EQ(message("machine,down,up\n1,3\n"),
            "f.csv:2: has 2 fields; an outage has 3: machine,down,up");
  EXPECT_EQ(message("machine,down,up\n1,3,9\n1,5,6\n"), "f.csv: two outages of machine 1 overlap");
}

TEST(RandomOutages, DoNotOverlapAndCoverTheExpectedShare) {
  const auto outages = random_outages(200, Seconds(1000), Seconds(250), Seconds(20000), 1);
  double down = 0;
  for (std::size_t i = 0; i < outages.size(); ++i) {
    down += (outages[i].to - outages[i].from).value;
    if (i > 0 && outages[i].machine == outages[i - 1].machine) {
      EXPECT_GT(outages[i].from, outages[i - 1].to);
    }
  }
  // Mean share down 250 / 1250 = .2 of 200 x 20000 s, starting from up.
  EXPECT_NEAR(down / (200 * 20000), 0.2, 0.02);
}

/// Gives the only job one machine at once, and a batch of 300 after 10 s.
class GrowsTheBatch final : public Policy {
 public:
  Decision decide(const ClusterState& state, const Event& event) override {
    Decision decision;
    if (event.kind == EventKind::arrival) {
      decision.changes.push_back({event.job, {{MachineId(0U), 1, 0}}});
      decision.wake_at = Seconds(10);
    }
    if (event.kind == EventKind::wake)
      decision.changes.push_back({JobId(0U), state.job(JobId(0U)).allocation, 300});
    return decision;
  }
};

// A step of 100 samples takes 0.1 + 0.1 s: 500 samples/s, 5,000 in 10 s. One of 300 takes 0.4 s:
// 750 samples/s, each worth (100 + 100) / (100 + 300) = 1/2, so 375. The 3,750 that are left take
// 10 s and 7,500 samples.
TEST(Simulate, TrainsToAccuracyWithTheBatchItIsGiven) {
  JobSpec job = gang("a", 0, 1, 8750);
  job.throughput = AdaptiveThroughput{.step_fixed = Seconds(0.1),
                                      .step_per_sample = Seconds(0.001),
                                      .base_batch = 100,
                                      .requested_batch = 100,
                                      .max_batch_per_worker = 1000,
                                      .noise_scale = 100,
                                      .epoch_samples = 1000,
                                      .base_learning_rate = 1,
                                      .max_learning_rate = 4};
  job.restart_cost = Seconds(1000);
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {job});
  GrowsTheBatch policy;
  const SimulationResult result = simulate(instance, policy);
  EXPECT_NEAR(result.jobs[0].finish.value, 20, 1e-9);
  EXPECT_EQ(result.jobs[0].restarts, 0u);
  const Metrics metrics = metrics_of(instance, result);
  EXPECT_NEAR(metrics.time_to_accuracy.mean, 20, 1e-9);
  EXPECT_NEAR(metrics.samples_to_accuracy.mean, 12500, 1e-6);
}

}  // namespace
}  // namespace bourse
