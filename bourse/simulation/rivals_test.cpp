// Oracles of Tiresias, Gandiva, Gavel, EDF, ElasticFlow and EASY backfilling: whole runs with
// finish times known by hand.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/simulate.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;
using testing::instance_of;

SimulationResult run(const Instance& instance, const std::string& policy,
                     const Settings& settings = {}, const SimulationOptions& options = {}) {
  auto made = make_policy(policy, settings, {.slot = instance.slot, .horizon = instance.horizon});
  EXPECT_TRUE(made.has_value()) << made.error().message;
  return simulate(instance, **made, options);
}

void expect_finishes(const Instance& instance, const std::string& policy, const Settings& settings,
                     const std::vector<double>& expected) {
  const SimulationResult result = run(instance, policy, settings);
  ASSERT_EQ(result.jobs.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(result.jobs[i].finish.value, expected[i], 1e-6) << policy << " job " << i;
}

/// 2 GPUs; J1 2 GPUs x 2 s, J2 1 GPU x 8 s, J3 2 GPUs x 6 s, all at t = 0.
Instance three_jobs_at_once() {
  return instance_of(cluster_of(1, {{"gpu", 2}}),
                     {gang("J1", 0, 2, 2), gang("J2", 0, 1, 8), gang("J3", 0, 2, 6)});
}

// Unit quantum, least service first, ties by start. Who runs in each second:
// J1 | J2 | J3 | J2 (1 < 2) | all at 2: J1, done at 5 | J2, J3, J2, tie at 4: J2 5, J3 6, J2, J2 7,
// J3 8, J2 8 done at 14 | J3 until 16. Mean 35 / 3 = 11.67.
TEST(Tiresias, WithContinuousLasFinishesAt5And14And16) {
  expect_finishes(three_jobs_at_once(), "tiresias",
                  {{"thresholds", "none"}, {"order", "attained"}, {"quantum", "1s"}}, {5, 14, 16});
}

// Two queues; service is GPUs x time. Threshold 4: J1 ends at 2 with 4; J2 falls at 6; J3 runs from
// 6 and falls at 8; the second queue is by start: J2 until 12, J3 until 16. Mean 10.
// Threshold 2: J1 falls at 1, J2 at 3, J3 at 4; then J1 until 5, J2 until 11, J3 until 16: 32 / 3.
// Threshold 6: J1 until 2, J2 falls at 8, J3 at 11; J2 until 13, J3 until 16: 31 / 3 = 10.33.
// Threshold 8: J1 until 2, J2 until 10, J3 until 16: 28 / 3 = 9.33.
TEST(Tiresias, WithTwoQueuesFinishesAsTheThresholdSays) {
  expect_finishes(three_jobs_at_once(), "tiresias", {{"thresholds", "4"}}, {2, 12, 16});
  expect_finishes(three_jobs_at_once(), "tiresias", {{"thresholds", "2"}}, {5, 11, 16});
  expect_finishes(three_jobs_at_once(), "tiresias", {{"thresholds", "6"}}, {2, 13, 16});
  expect_finishes(three_jobs_at_once(), "tiresias", {{"thresholds", "8"}}, {2, 10, 16});
}

// One GPU, one threshold at 2. A falls at 2 when B arrives; B runs 2-4, C 4-6. A ran 2 and has
// waited 4 at 6. With promote = 2 it is back in the first queue at 2 + 2 x 2 = 6, before D, which
// has not started: A runs its last 2 until 8, D until 10. Without, D comes first.
TEST(Tiresias, PromotesAJobThatWaitedLong) {
  const Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}),
                  {gang("A", 0, 1, 4), gang("B", 2, 1, 2), gang("C", 3, 1, 2), gang("D", 5, 1, 2)});
  expect_finishes(instance, "tiresias", {{"thresholds", "2"}}, {10, 4, 6, 8});
  expect_finishes(instance, "tiresias", {{"thresholds", "2"}, {"promote", "2"}}, {8, 4, 6, 10});
}

// History of sizes 1, 1, 9. One GPU; X (size 9) is at 1 of service when Y arrives with none.
// Threshold 10 = D. G(0) = 3 of 3 end, spending 1 + 1 + 9: 3/11; G(1) = 1 of 1, spending 8: 1/8.
// So Y goes first under Gittins and second under 2D-LAS, where X started first.
TEST(Tiresias, LearnsFromJobsThatAreOverWhoEndsSoon) {
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 1}}), {gang("h1", 0, 1, 1), gang("h2", 1, 1, 1), gang("h3", 2, 1, 9),
                                    gang("X", 20, 1, 9), gang("Y", 21, 1, 1)});
  expect_finishes(instance, "tiresias", {{"thresholds", "10"}}, {1, 2, 11, 29, 30});
  expect_finishes(instance, "tiresias", {{"thresholds", "10"}, {"order", "gittins"}},
                  {1, 2, 11, 30, 22});
}

// Restarts cost 5 s, longer than the 2 s to the threshold: service counts only what was trained, so
// nobody is sent to the second queue for restarting, and everybody ends.
TEST(Tiresias, EndsThoughARestartTakesLongerThanAQueue) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {});
  for (int i = 0; i < 5; ++i) {
    instance.jobs.push_back(gang("j" + std::to_string(i), 1.0 * i, 1, 6));
    instance.jobs.back().restart_cost = Seconds(5);
  }
  for (const Settings& settings :
       {Settings{{"thresholds", "2"}, {"promote", "0.5"}},
        Settings{{"thresholds", "none"}, {"order", "attained"}, {"quantum", "1s"}}})
    for (const JobRecord& job : run(instance, "tiresias", settings).jobs)
      EXPECT_EQ(job.status, JobStatus::finished);
}

// One GPU, slices of 1 s, A, B and C of 2 s each: A B C A B C, so 4, 5 and 6.
TEST(Gandiva, TakesTurns) {
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 1}}), {gang("A", 0, 1, 2), gang("B", 0, 1, 2), gang("C", 0, 1, 2)});
  expect_finishes(instance, "gandiva", {{"quantum", "1s"}}, {4, 5, 6});
}

// 2 GPUs, slices of 1 s. A (1 GPU) and B (2 GPUs): A 0-1, B 1-2, A 2-3, B 3-4. C (1 GPU) of 1 s
// arrives at 0.5 and takes the GPU beside A at once, until 1; B waited longest and comes at 1 all
// the same, when C is just done and A gives way.
TEST(Gandiva, LetsAGangTakeItsTurnAmongSmallJobs) {
  const Instance instance =
      instance_of(cluster_of(1, {{"gpu", 2}}),
                  {gang("A", 0, 1, 2), gang("B", 0, 2, 2), gang("C", 0.5, 1, 0.5)});
  expect_finishes(instance, "gandiva", {{"quantum", "1s"}}, {3, 4, 1});
}

// Two jobs that demand half a GPU share one; the third waits for its turn.
TEST(Gandiva, PacksPartsOfAGpu) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("A", 0, 1, 4), gang("B", 0, 1, 4)});
  for (JobSpec& job : instance.jobs) job.worker = testing::amounts({0.5});
  expect_finishes(instance, "gandiva", {{"quantum", "1s"}}, {4, 4});
}

// A slice is 1 s of training: with restarts of 3 s, A 0-1, B 1-2, then 3 + 1 s each.
TEST(Gandiva, AddsTheRestartToTheSlice) {
  Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("A", 0, 1, 2), gang("B", 0, 1, 2)});
  for (JobSpec& job : instance.jobs) job.restart_cost = Seconds(3);
  expect_finishes(instance, "gandiva", {{"quantum", "1s"}}, {6, 10});
}

// An elastic job of 1 to 4 workers, speed = workers, 100 samples, alone on 4 GPUs: 1 worker until
// the slice ends at 10 (90 left), then 4: 10 + 22.5. B wants a GPU at 20: A has 50 left and is back
// at one worker at the end of the slice, 30 - it had 10 left by then - so it ends at 40; B runs
// 30-31.
TEST(Gandiva, GrowsWhileNobodyWaitsAndShrinksWhenSomebodyDoes) {
  JobSpec elastic = gang("A", 0, 1, 100);
  TableThroughput table;
  for (int n = 1; n <= 4; ++n) table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
  elastic.throughput = table;
  Instance instance = instance_of(cluster_of(1, {{"gpu", 4}}), {elastic});
  expect_finishes(instance, "gandiva", {{"quantum", "10s"}}, {100});
  expect_finishes(instance, "gandiva", {{"quantum", "10s"}, {"grow", "true"}}, {32.5});
  instance.jobs.push_back(gang("B", 20, 1, 1));
  expect_finishes(instance, "gandiva", {{"quantum", "10s"}, {"grow", "true"}}, {40, 31});
}

/// One GPU; by arrival a, b, c with deadlines 30, 12 and 6 after 0 and 4 s of work each.
Instance three_deadlines() {
  return instance_of(cluster_of(1, {{"gpu", 1}}),
                     {gang("a", 0, 1, 4, DeadlineUtility{1, Seconds(30)}),
                      gang("b", 1, 1, 4, DeadlineUtility{1, Seconds(11)}),
                      gang("c", 2, 1, 4, DeadlineUtility{1, Seconds(4)})});
}

// a 0-1, b 1-2, c 2-6 (its deadline), b 6-9 (of 12), a 9-12.
TEST(Edf, RunsTheEarliestDeadlineAndPausesTheRest) {
  expect_finishes(three_deadlines(), "edf", {}, {12, 9, 6});
}

// c takes 6 s now and is late at 6 with 2 s left. Last: b 6-9, a 9-12, c 12-14. In order: c until
// 8, b 8-11, a 11-14. Declined: c goes at 6 and is never done.
TEST(Edf, PutsLateJobsLastOrKeepsThemOrGivesThemUp) {
  Instance instance = three_deadlines();
  instance.jobs[2].samples = 6;
  expect_finishes(instance, "edf", {}, {12, 9, 14});
  expect_finishes(instance, "edf", {{"late", "in-order"}}, {14, 11, 8});
  const SimulationResult result = run(instance, "edf", {{"late", "decline"}});
  EXPECT_EQ(result.jobs[2].status, JobStatus::declined);
  EXPECT_NEAR(result.jobs[0].finish.value, 12, 1e-6);
}

// A wants both GPUs and is first; B has one of them until 10; C would fit beside B.
TEST(Edf, SkipsOrBlocksBehindAJobThatDoesNotFit) {
  Instance instance = instance_of(cluster_of(2, {{"gpu", 1}}),
                                  {gang("B", 0, 1, 10, DeadlineUtility{1, Seconds(11)}),
                                   gang("A", 1, 2, 5, DeadlineUtility{1, Seconds(30)}),
                                   gang("C", 2, 1, 5, DeadlineUtility{1, Seconds(60)})});
  expect_finishes(instance, "edf", {}, {10, 15, 7});
  expect_finishes(instance, "edf", {{"blocked", "block"}}, {10, 15, 20});
}

// 4 GPUs. A takes 3 until 10, B wants 4 and gets its reservation at 10. C (1 GPU, 8 s) arrives at 2
// and would end at 10: it overtakes. D (1 GPU, 9 s) arrives at 3 and would end at 12: it waits for
// B, 10-15, and runs 15-24. Strict FIFO: C and D wait for B, and run 15-23 and 15-24.
TEST(EasyBackfill, LetsOvertakeWhoDoesNotDelayTheHead) {
  const Instance instance = instance_of(
      cluster_of(2, {{"gpu", 2}}),
      {gang("A", 0, 3, 10), gang("B", 1, 4, 5), gang("C", 2, 1, 8), gang("D", 3, 1, 9)});
  expect_finishes(instance, "easy-backfill", {}, {10, 15, 10, 24});
  expect_finishes(instance, "fifo", {}, {10, 15, 23, 24});
}

// 4 GPUs. A takes 3 until 10. B wants 3: from 10 on there are 4, so one is to spare, and C (1 GPU,
// 100 s) may start at once though it outlasts the reservation. D, likewise, may not: 10 + 5 = 15.
TEST(EasyBackfill, UsesWhatTheReservationLeaves) {
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 4}}),
      {gang("A", 0, 3, 10), gang("B", 1, 3, 5), gang("C", 2, 1, 100), gang("D", 3, 1, 100)});
  expect_finishes(instance, "easy-backfill", {}, {10, 15, 102, 115});
}

// As the first, but users state twice the time. A is expected until 20, so D (until 3 + 18 = 21)
// still waits and C (until 2 + 16 = 18) overtakes; A ends at 10 all the same, and B starts when C
// is done. At a quarter A is expected until 2.5 and is overdue afterwards: at 3 B's start is "now",
// and D may not overtake. C, at 2, is expected until 4 and does not either: it runs after B.
TEST(EasyBackfill, BelievesTheEstimatesOfUsers) {
  const Instance instance = instance_of(
      cluster_of(2, {{"gpu", 2}}),
      {gang("A", 0, 3, 10), gang("B", 1, 4, 5), gang("C", 2, 1, 8), gang("D", 3, 1, 9)});
  expect_finishes(instance, "easy-backfill", {{"estimate-factor", "2"}}, {10, 15, 10, 24});
  expect_finishes(instance, "easy-backfill", {{"estimate-factor", "0.25"}}, {10, 15, 23, 24});
}

TEST(EasyBackfill, TriesOnlySoManyBehindTheHead) {
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 4}}),
      {gang("A", 0, 3, 10), gang("B", 1, 4, 5), gang("C", 2, 2, 2), gang("D", 3, 1, 2)});
  expect_finishes(instance, "easy-backfill", {}, {10, 15, 17, 5});
  expect_finishes(instance, "easy-backfill", {{"depth", "1"}}, {10, 15, 17, 17});
}

/// One machine of 1 GPU at speed 2 and one at speed 1.
Cluster fast_and_slow() {
  Cluster cluster = cluster_of(2, {{"gpu", 1}});
  cluster.classes.push_back(cluster.classes[0]);
  cluster.classes[0].speed = 2;
  cluster.machines[1].class_index = 1;
  return cluster;
}

// One GPU, 12 s each, rounds of 6 s, shares of a half. A 0-6. At 6 A had all of the time, B none: B
// 6-12. At 12 both had half: A by arrival, 12-18, then B 18-24.
TEST(Gavel, TakesRoundsInTurn) {
  const Instance instance =
      instance_of(cluster_of(1, {{"gpu", 1}}), {gang("A", 0, 1, 12), gang("B", 0, 1, 12)});
  expect_finishes(instance, "gavel", {{"round", "6s"}}, {18, 24});
}

// A on the fast machine does 12 in a round of 6 s, B 6 on the slow one. At 6 shares are a half on
// each for both, so they change places: 18 each at 12.
TEST(Gavel, SharesTheFastMachine) {
  const Instance instance =
      instance_of(fast_and_slow(), {gang("A", 0, 1, 18), gang("B", 0, 1, 18)});
  expect_finishes(instance, "gavel", {{"round", "6s"}}, {12, 12});
  expect_finishes(instance, "fifo", {}, {9, 18});
}

// Without filling, a job alone on two machines has half of its time on each by the isolated shares.
// Rounds of 6 s: fast 0-6 does 12, then slow 6-12 does 6.
TEST(Gavel, GivesNoMoreThanTheSharesWithoutFilling) {
  const Instance instance = instance_of(fast_and_slow(), {gang("A", 0, 1, 18)});
  const Settings pure{{"round", "6s"}, {"objective", "isolated"}, {"fill", "false"}};
  expect_finishes(instance, "gavel", pure, {12});
}

// A gang of 2 spans both classes; it runs at the speed of the slow machine, in turn with B.
TEST(Gavel, RunsAJobThatFitsNoClassAlone) {
  const Instance instance =
      instance_of(fast_and_slow(), {gang("A", 0, 2, 12), gang("B", 0, 1, 24)});
  const SimulationResult result = run(instance, "gavel", {{"round", "6s"}});
  EXPECT_EQ(result.jobs[0].status, JobStatus::finished);
  EXPECT_EQ(result.jobs[1].status, JobStatus::finished);
}

// A round is 6 s of training: with restarts of 10 s, longer than a round, all jobs end.
TEST(Gavel, EndsThoughARestartTakesLongerThanARound) {
  Instance instance = instance_of(cluster_of(1, {{"gpu", 1}}), {});
  for (int i = 0; i < 4; ++i) {
    instance.jobs.push_back(gang("j" + std::to_string(i), 1.0 * i, 1, 20));
    instance.jobs.back().restart_cost = Seconds(10);
  }
  for (const std::string objective : {"max-min", "isolated", "finish-time-fairness", "makespan"})
    for (const std::string fill : {"true", "false"})
      for (const JobRecord& job :
           run(instance, "gavel", {{"round", "6s"}, {"objective", objective}, {"fill", fill}}).jobs)
        EXPECT_EQ(job.status, JobStatus::finished) << objective;
}

/// Speed n with n workers, 1 to 4.
JobSpec elastic(std::string name, double arrival, double samples, Utility utility) {
  JobSpec job = gang(std::move(name), arrival, 1, samples, std::move(utility));
  TableThroughput table;
  for (int n = 1; n <= 4; ++n) table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
  job.throughput = table;
  return job;
}

// 4 GPUs, slots of 10 s, deadlines at 20. A needs 40 in 20 s: 2 workers. B too. C needs 10 more and
// there is nothing left: declined. A and B end at 20.
TEST(ElasticFlow, PromisesWhatFitsAndDeclinesTheRest) {
  const DeadlineUtility at_20{1, Seconds(20)};
  const Instance instance = instance_of(
      cluster_of(1, {{"gpu", 4}}),
      {elastic("A", 0, 40, at_20), elastic("B", 0, 40, at_20), elastic("C", 0, 10, at_20)});
  const SimulationResult result = run(instance, "elasticflow", {{"slot", "10s"}});
  EXPECT_NEAR(result.jobs[0].finish.value, 20, 1e-6);
  EXPECT_NEAR(result.jobs[1].finish.value, 20, 1e-6);
  EXPECT_EQ(result.jobs[2].status, JobStatus::declined);
  const SimulationResult soft =
      run(instance, "elasticflow", {{"slot", "10s"}, {"decline", "none"}});
  EXPECT_NEAR(soft.jobs[0].finish.value, 20, 1e-6);
  EXPECT_NEAR(soft.jobs[1].finish.value, 20, 1e-6);
  EXPECT_GT(soft.jobs[2].finish.value, 20);
}

// One GPU, both at 0: A is due at 40, B takes 10 and is due at 10. With 30 s of work A makes room:
// B 0-10, A 10-40. With 40 s A was promised all of its time, so B is declined.
TEST(ElasticFlow, PlansAdmittedJobsAnewToMakeRoom) {
  const auto jobs = [&](double work_of_a) {
    return instance_of(cluster_of(1, {{"gpu", 1}}),
                       {gang("A", 0, 1, work_of_a, DeadlineUtility{1, Seconds(40)}),
                        gang("B", 0, 1, 10, DeadlineUtility{1, Seconds(10)})});
  };
  expect_finishes(jobs(30), "elasticflow", {{"slot", "10s"}}, {40, 10});
  const SimulationResult full = run(jobs(40), "elasticflow", {{"slot", "10s"}});
  EXPECT_NEAR(full.jobs[0].finish.value, 40, 1e-6);
  EXPECT_EQ(full.jobs[1].status, JobStatus::declined);
}

// Alone with 4 GPUs and a far deadline, A is promised one worker. It grows to 4 at the next slot:
// 10 by 10, then 90 at 4 a second: 32.5. Without growing it takes 100.
TEST(ElasticFlow, GivesWhatIsIdleToElasticJobs) {
  const Instance instance = instance_of(cluster_of(1, {{"gpu", 4}}),
                                        {elastic("A", 0, 100, DeadlineUtility{1, Seconds(1000)})});
  expect_finishes(instance, "elasticflow", {{"slot", "10s"}}, {32.5});
  expect_finishes(instance, "elasticflow", {{"slot", "10s"}, {"grow", "false"}}, {100});
}

// One of two machines goes for good at 15: both jobs hold 1 GPU and have until 40 for 30 of work.
// They have 15 left each and only one GPU: the first is on time at 30, the other goes on without a
// promise.
TEST(ElasticFlow, GoesOnAfterAFailure) {
  const Instance instance = instance_of(cluster_of(2, {{"gpu", 1}}),
                                        {gang("A", 0, 1, 30, DeadlineUtility{1, Seconds(40)}),
                                         gang("B", 0, 1, 30, DeadlineUtility{1, Seconds(40)})});
  const SimulationResult result = run(instance, "elasticflow", {{"slot", "10s"}},
                                      {.outages = {{MachineId(1U), Seconds(15), kForever}}});
  EXPECT_NEAR(result.jobs[0].finish.value, 30, 1e-6);
  EXPECT_NEAR(result.jobs[1].finish.value, 45, 1e-6);
}

}  // namespace
}  // namespace bourse
