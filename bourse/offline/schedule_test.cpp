#include "bourse/offline/schedule.h"

#include <gtest/gtest.h>

#include <string>

namespace bourse {
namespace {

/// Two machines of 4 gpus; jobs are gangs of 2 workers of 1 gpu that need 3 seconds of the gang.
Instance two_machines(std::size_t jobs = 1) {
  Instance instance;
  EXPECT_TRUE(instance.cluster.types.add("gpu", ResourceKind::count));
  instance.cluster.classes = {{.name = "m", .capacity = {4000}}};
  instance.cluster.machines = {{0, 0}, {0, 0}};
  instance.horizon = Seconds(10);
  for (std::size_t i = 0; i < jobs; ++i) {
    JobSpec job;
    job.name = "job" + std::to_string(i);
    job.samples = 3;
    job.worker = {1000};
    job.server = {0};
    job.throughput = RigidThroughput{.workers = 2};
    job.utility = LinearDecayUtility{.value = 10, .full_until = Seconds(0), .zero_at = Seconds(10)};
    instance.jobs.push_back(job);
  }
  return instance;
}

Allocation gang_on(std::uint32_t machine) { return {{MachineId(machine), 2, 0}}; }

/// Slots of 1 s: the gang in slots 0, 2 and 3 does its three seconds.
Schedule good() {
  return {
      .slot = Seconds(1),
      .jobs = {{.slots = {{0, gang_on(0)}, {2, gang_on(1)}, {3, gang_on(0)}}, .completion = 3}}};
}

std::string problem(const Instance& instance, const Schedule& schedule) {
  const auto utility = check_schedule(instance, schedule);
  if (utility) return "";
  EXPECT_EQ(utility.error().code, ErrorCode::invalid_argument);
  return utility.error().message;
}

// Exact time: slot 3 starts 3 s after arrival, 10 * (1 - 3/10) = 7.
TEST(CheckSchedule, AddsUpUtilities) {
  EXPECT_DOUBLE_EQ(check_schedule(two_machines(), good()).value(), 7);
}

TEST(CheckSchedule, GivesNothingForUnfinishedJobs) {
  Schedule schedule = good();
  schedule.jobs[0].slots.pop_back();
  schedule.jobs[0].completion.reset();
  EXPECT_DOUBLE_EQ(check_schedule(two_machines(), schedule).value(), 0);
}

TEST(CheckSchedule, FindsEveryBrokenRule) {
  const Instance instance = two_machines();
  Schedule bad = good();
  bad.slot = Seconds(0);
  EXPECT_EQ(problem(instance, bad), "slot 0 s must be above 0");
  bad = good();
  bad.jobs.push_back({});
  EXPECT_EQ(problem(instance, bad), "the schedule has 2 jobs and the instance 1");
  bad = good();
  bad.jobs[0].completion = 2;
  EXPECT_EQ(problem(instance, bad),
            "job 'job0': completion is stated as slot 2 but the tasks give slot 3");
  bad = good();
  bad.jobs[0].slots.push_back({4, gang_on(0)});
  EXPECT_EQ(problem(instance, bad), "job 'job0', slot 4: the work was done in slot 3");
  bad = good();
  bad.jobs[0].slots[1].slot = 0;
  EXPECT_EQ(problem(instance, bad), "job 'job0': slot 0 must come after slot 0");
  bad = good();
  bad.jobs[0].slots[2].slot = 10;
  EXPECT_EQ(problem(instance, bad), "job 'job0', slot 10: ends after the horizon of 10 s");
  bad = good();
  bad.jobs[0].slots[0].tasks = {{MachineId(2U), 2, 0}};
  EXPECT_EQ(problem(instance, bad), "job 'job0', slot 0, machine 2: there are only 2 machines");
  bad.jobs[0].slots[0].tasks = {{MachineId(0U), 0, 0}};
  EXPECT_EQ(problem(instance, bad),
            "job 'job0', slot 0, machine 0: 0 workers and 0 servers must be counts, not both 0");
  bad.jobs[0].slots[0].tasks = {{MachineId(1U), 1, 0}, {MachineId(0U), 1, 0}};
  EXPECT_EQ(problem(instance, bad), "job 'job0', slot 0: groups must be ordered by machine");
  bad.jobs[0].slots[0].tasks = {{MachineId(0U), 1, 0}};
  EXPECT_EQ(problem(instance, bad), "job 'job0', slot 0: 1 workers and 0 servers train nothing");
  bad.jobs[0].slots[0].tasks = {{MachineId(0U), 2, 0}, {MachineId(1U), 1, 0}};
  EXPECT_EQ(problem(instance, bad),
            "job 'job0', slot 0: 3 workers are more than the 2 that can help");
}

TEST(CheckSchedule, FindsMachinesOverCapacityAcrossJobs) {
  const Instance instance = two_machines(3);
  Schedule schedule{.slot = Seconds(1), .jobs = {}};
  for (int i = 0; i < 3; ++i)
    schedule.jobs.push_back({.slots = {{5, gang_on(1)}}, .completion = {}});
  EXPECT_EQ(problem(instance, schedule),
            "job 'job2', slot 5, machine 1: 2 workers and 0 servers do not fit into what is left");
}

TEST(CheckSchedule, FindsStartsBeforeArrival) {
  Instance instance = two_machines();
  instance.jobs[0].arrival = Seconds(0.5);
  EXPECT_EQ(problem(instance, good()),
            "job 'job0', slot 0: starts before the job arrives at 0.5 s");
}

// Arrival at 0.5 is in slot 0 and the first whole slot is 1. Slotted: completing in slot 3 is a
// delay of 3 slots, 7. Exact: slot 3 starts 2.5 s after arrival, 7.5.
TEST(UtilityInSlot, CountsSlotsInSlottedTimeOnly) {
  JobSpec job = two_machines().jobs[0];
  job.arrival = Seconds(0.5);
  EXPECT_EQ(first_slot(job, Seconds(1)), 1);
  EXPECT_DOUBLE_EQ(utility_in_slot(job, Seconds(1), 3, Seconds(1)), 7);
  EXPECT_DOUBLE_EQ(utility_in_slot(job, Seconds(1), 3, Seconds(0)), 7.5);
}

// 0.3 / 0.1 is 2.9999999999999996 in doubles; both count as three.
TEST(SlotCount, ForgivesTheErrorOfDivision) {
  EXPECT_EQ(slot_count(Seconds(0.3), Seconds(0.1)), 3);
  JobSpec job;
  job.arrival = Seconds(0.3);
  EXPECT_EQ(first_slot(job, Seconds(0.1)), 3);
  EXPECT_EQ(slot_count(Seconds(2.9), Seconds(1)), 2);
}

}  // namespace
}  // namespace bourse
