// Laws of pd-ors with its switches, and of bid-price, over random workloads: whole runs, watched at
// every decision.
// Capacity is checked at every step by the cluster state itself.

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;
using testing::instance_of;

constexpr double kSlot = 10;

Utility any_utility() {
  const double value = *rc::gen::inRange(1, 40);
  const double time = *rc::gen::inRange(2, 20) * kSlot;
  switch (*rc::gen::inRange(0, 3)) {
    case 0:
      return DeadlineUtility{value, Seconds(time)};
    case 1:
      return LinearDecayUtility{value, Seconds(time / 2), Seconds(2 * time)};
    default:
      return SigmoidUtility{value, 0.1, Seconds(time)};
  }
}

/// A job with parameter servers: 1 sample a second and worker on one machine, 0.8 across.
JobSpec elastic(const std::string& name, double arrival) {
  JobSpec job = gang(name, arrival, 1, *rc::gen::inRange(20, 300));
  job.worker = amounts({1, 1});
  job.server = amounts({0, 1});
  job.throughput = ParameterServerThroughput{.compute_per_sample = Seconds(0.5),
                                             .gradient = Bytes(100),
                                             .workers_per_server = 2,
                                             .global_batch = 8,
                                             .rate_inside = BytesPerSecond(100),
                                             .rate_across = BytesPerSecond(67)};
  return job;
}

Instance random_instance(bool slotted) {
  Instance instance = instance_of(cluster_of(3, {{"gpu", 4}, {"cpu", 8}}), {});
  instance.horizon = Seconds(30 * kSlot);
  if (slotted) instance.slot = Seconds(kSlot);
  double arrival = 0;
  const int jobs = *rc::gen::inRange(3, 14);
  for (int i = 0; i < jobs; ++i) {
    arrival += slotted ? kSlot * *rc::gen::inRange(0, 3) : *rc::gen::inRange(0, 25);
    const std::string name = "j" + std::to_string(i);
    JobSpec job = elastic(name, arrival);
    if (*rc::gen::inRange(0, 2) == 0) {
      job = gang(name, arrival, *rc::gen::inRange(1, 5), *rc::gen::inRange(5, 90));
      job.worker = amounts({1, 1});
      job.server = amounts({0, 0});
    }
    job.utility = any_utility();
    instance.jobs.push_back(std::move(job));
  }
  return instance;
}

Settings all_on() {
  return {{"slot", "10s"}, {"on-decline", "wait"}, {"replan", "promises"}, {"filler", "on"}};
}

SimulationResult run_named(const std::string& name, const Instance& instance,
                           const SimulationOptions& options = {.record_reasons = true}) {
  Settings settings = all_on();
  if (name == "bid-price") {  // A coarse forecast breaks laws no less, and is fast.
    settings["evaluations"] = "5";
    settings["expected-jobs"] = "40";
  }
  auto policy = make_policy(name, settings, {.slot = instance.slot, .horizon = instance.horizon});
  EXPECT_TRUE(policy.has_value()) << policy.error().message;
  return simulate(instance, **policy, options);
}

/// The completion promised to each job when it was admitted.
std::map<std::size_t, double> promises_of(const SimulationResult& result) {
  std::map<std::size_t, double> promises;
  for (const RecordedReason& said : result.reasons)
    if (said.reason.code == ReasonCode::admitted)
      promises.emplace(said.reason.job.index(), said.reason.numbers[3]);
  return promises;
}

std::string any_policy() { return *rc::gen::element<std::string>("pd-ors", "bid-price"); }

RC_GTEST_PROP(PdOrsSwitches, NeverBreakAPromise, (bool slotted)) {
  const std::string policy = any_policy();
  const Instance instance = random_instance(slotted);
  const SimulationResult result = run_named(policy, instance);
  for (const auto& [job, promised] : promises_of(result))
    RC_ASSERT(result.jobs[job].finish.value <= promised + 1e-6 * kSlot);
}

RC_GTEST_PROP(PdOrsSwitches, DecideTheSameWhateverComesLater, (bool slotted)) {
  const std::string policy = any_policy();
  const Instance instance = random_instance(slotted);
  Instance shorter = instance;
  shorter.jobs.pop_back();
  const Seconds last = instance.jobs.back().arrival;
  const SimulationResult all = run_named(policy, instance);
  const SimulationResult fewer = run_named(policy, shorter);
  std::size_t i = 0;
  for (; i < all.reasons.size() && all.reasons[i].time < last; ++i) {
    RC_ASSERT(i < fewer.reasons.size());
    RC_ASSERT(all.reasons[i].time == fewer.reasons[i].time);
    RC_ASSERT(reason_text(all.reasons[i].reason) == reason_text(fewer.reasons[i].reason));
  }
  const bool says_more = i < fewer.reasons.size() && fewer.reasons[i].time < last;
  RC_ASSERT_FALSE(says_more);
}

// Failures and wrong speeds break promises, but no job is lost without a word and the run_named
// ends.
RC_GTEST_PROP(PdOrsSwitches, AccountForEveryJobWhenMachinesFail, (bool slotted)) {
  const std::string policy = any_policy();
  Instance instance = random_instance(slotted);
  for (JobSpec& job : instance.jobs) job.restart_cost = Seconds(*rc::gen::inRange(0, 8));
  const double down = *rc::gen::inRange(1, 200);
  const SimulationOptions options{.belief_error = 0.3,
                                  .outages = {{MachineId(0u), Seconds(down), Seconds(down + 50)}},
                                  .record_reasons = true};
  const SimulationResult result = run_named(policy, instance, options);
  std::map<std::size_t, ReasonCode> last;
  for (const RecordedReason& said : result.reasons)
    last[said.reason.job.index()] = said.reason.code;
  for (std::size_t i = 0; i < result.jobs.size(); ++i) {
    RC_ASSERT(last.contains(i));
    if (result.jobs[i].status != JobStatus::declined) continue;
    const bool says_why = last[i] == ReasonCode::worthless || last[i] == ReasonCode::no_schedule ||
                          last[i] == ReasonCode::priced_out;
    RC_ASSERT(says_why);
  }
}

RC_GTEST_PROP(PdOrsSwitches, GiveTheSameBytesTwice, (bool slotted)) {
  const std::string policy = any_policy();
  const Instance instance = random_instance(slotted);
  const SimulationResult once = run_named(policy, instance);
  const SimulationResult again = run_named(policy, instance);
  RC_ASSERT(once.reasons.size() == again.reasons.size());
  for (std::size_t i = 0; i < once.jobs.size(); ++i)
    RC_ASSERT(once.jobs[i].finish.value == again.jobs[i].finish.value);
}

}  // namespace
}  // namespace bourse
