#include "bourse/simulation/recorder.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bourse/policy/fifo.h"
#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;
using testing::instance_of;

Recording recorded(const Instance& instance, Policy& policy, const RecorderLimits& limits = {},
                   SimulationOptions options = {}) {
  RunRecorder recorder(instance, limits);
  recorder.begin(policy);
  options.observer = &recorder;
  (void)simulate(instance, policy, options);
  return std::move(recorder).recording();
}

double time_mean(const std::vector<double>& bins, Seconds width, double end) {
  double sum = 0;
  for (std::size_t i = 0; i < bins.size(); ++i)
    sum += bins[i] * std::min(width.value, end - static_cast<double>(i) * width.value);
  return sum / end;
}

// Two machines of 4 GPUs. a: 3 GPUs from 0 to 10; b: 4 GPUs from 0 to 5. Used: 7 of 8 for 5 s, then
// 3 of 8 for 5 s: 5/8 in the mean. One GPU beside a is stranded all the time: 1/8.
TEST(RunRecorder, TellsUseAndStrandedCapacity) {
  const Instance instance =
      instance_of(cluster_of(2, {{"gpu", 4}}), {gang("a", 0, 3, 10), gang("b", 0, 4, 5)});
  FifoPolicy policy({});
  const Recording recording = recorded(instance, policy);
  EXPECT_NEAR(time_mean(recording.used, recording.bin_width, 10), 5.0 / 8, 1e-9);
  EXPECT_NEAR(time_mean(recording.stranded, recording.bin_width, 10), 1.0 / 8, 1e-9);
  ASSERT_EQ(recording.occupancy.spans.size(), 2u);
  EXPECT_EQ(recording.occupancy.spans[0].to, Seconds(10));
  EXPECT_EQ(recording.occupancy.spans[0].tasks, 3);
  EXPECT_EQ(recording.occupancy.until, kForever);
  EXPECT_TRUE(recording.prices.prices.empty());
}

// b waits from 0 to 10, so one job waits for 10 of 20 s.
TEST(RunRecorder, CountsJobsThatWait) {
  const Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 10), gang("b", 0, 1, 10)});
  FifoPolicy policy({});
  const Recording recording = recorded(instance, policy);
  EXPECT_NEAR(time_mean(recording.waiting, recording.bin_width, 20), 0.5, 1e-9);
}

TEST(RunRecorder, EndsTheSpanOfAMachineThatGoesDown) {
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 10)});
  FifoPolicy policy({});
  const Recording recording =
      recorded(instance, policy, {}, {.outages = {{MachineId(0u), Seconds(4), Seconds(6)}}});
  ASSERT_EQ(recording.occupancy.spans.size(), 2u);
  EXPECT_EQ(recording.occupancy.spans[0].to, Seconds(4));
  EXPECT_EQ(recording.occupancy.spans[1].from, Seconds(6));
  EXPECT_EQ(recording.occupancy.spans[1].to, Seconds(12));
}

TEST(RunRecorder, LetsJobsHoldTheirMachinesUntilTheHorizon) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {gang("a", 0, 1, 10)});
  instance.horizon = Seconds(8);
  FifoPolicy policy({});
  const Recording recording = recorded(instance, policy);
  ASSERT_EQ(recording.occupancy.spans.size(), 1u);
  EXPECT_EQ(recording.occupancy.spans[0].to, Seconds(8));
  EXPECT_NEAR(time_mean(recording.used, recording.bin_width, 8), 1, 1e-9);
}

// 8 machines with 8 jobs each in turn are 64 spans; a limit of 20 keeps every fourth machine: 16.
TEST(RunRecorder, KeepsFewerMachinesRatherThanMoreSpans) {
  std::vector<JobSpec> jobs;
  for (int i = 0; i < 64; ++i) jobs.push_back(gang(std::to_string(i), 0, 1, 1));
  const Instance instance = instance_of(cluster_of(8, {{"gpu", 1}}), jobs);
  FifoPolicy policy({});
  const Recording recording = recorded(instance, policy, {.spans = 20});
  EXPECT_EQ(recording.occupancy.machine_stride, 4u);
  EXPECT_EQ(recording.occupancy.spans.size(), 16u);
  EXPECT_EQ(recording.occupancy.until, kForever);
}

TEST(Thinned, CutsTheTimeOfTheLastMachine) {
  Occupancy occupancy;
  for (int i = 0; i < 5; ++i)
    occupancy.spans.push_back({MachineId(0u), JobId(0u), Seconds(i), Seconds(i + 1), 1});
  const Occupancy thin = thinned(occupancy, 3);
  EXPECT_EQ(thin.spans.size(), 3u);
  EXPECT_EQ(thin.until, Seconds(3));
}

/// Starts nothing; the price of a machine is the time plus the machine.
class Pricer final : public Policy, public PriceView {
 public:
  Decision decide(const ClusterState& state, const Event&) override {
    if (state.now() < Seconds(100)) return {.wake_at = state.now() + Seconds(1)};
    return {};
  }
  double price_now(const ClusterState& state, MachineId machine, std::size_t) const override {
    return state.now().value + machine.value;
  }
};

TEST(RunRecorder, SamplesThePricesOfAPolicyThatHasThem) {
  const Instance instance = instance_of(cluster_of(3, {{"gpu", 1}}), {gang("a", 0, 1, 1)});
  Pricer policy;
  const PriceGrid grid = recorded(instance, policy).prices;
  ASSERT_EQ(grid.rows, 3u);
  const std::size_t columns = grid.prices.size() / grid.rows;
  EXPECT_LE(columns, 256u);
  EXPECT_GT(columns, 128u);
  for (std::size_t c = 0; c < columns; ++c) {
    const double price = grid.prices[c * grid.rows + 2];
    EXPECT_NEAR(price, static_cast<double>(c) * grid.width.value + 2, 1.01) << c;
  }
}

}  // namespace
}  // namespace bourse
