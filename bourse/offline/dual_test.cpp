#include "bourse/offline/dual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>
#include <utility>
#include <vector>

#include "bourse/offline/fixtures.h"
#include "bourse/offline/upper_bound.h"

namespace bourse {
namespace {

using testing::add_machine;
using testing::empty_instance;
using testing::make_job;
using testing::oracle_shape;

/// All jobs of the instance once each, in its own slots.
DualProblem problem_of(const Instance& instance) {
  const auto cells = static_cast<std::size_t>(instance.horizon.value);
  DualProblem problem{.cluster = &instance.cluster,
                      .times = equal_cells(Seconds(0), Seconds(1), cells),
                      .capacity = full_capacity(instance.cluster, cells),
                      .utility_slot = instance.slot};
  for (const JobSpec& job : instance.jobs)
    problem.jobs.push_back({.spec = &job, .arrival = job.arrival, .samples = job.samples});
  return problem;
}

/// Two gangs of 2 gpus that both want the one slot of a machine of 2; worth 10 and 6.
Instance two_rivals() {
  Instance instance = empty_instance(1);
  add_machine(instance, 2, 2);
  instance.jobs.assign(2, make_job(RigidThroughput{.workers = 2}, 1));
  instance.jobs[1].utility = ConstantUtility{6};
  return instance;
}

// A gpu costs 1: capacity 2 x 1, payoffs 10 - 2 and 6 - 2, so 2 + 8 + 4 = 14. At 4 a gpu: 8 + 2 +
// 0.
TEST(DualValue, IsTheWorthOfCapacityAndThePayoffs) {
  const Instance instance = two_rivals();
  const DualProblem problem = problem_of(instance);
  CellTable load;
  EXPECT_NEAR(dual_value(problem, std::vector<double>{1e-3, 0}, &load), 14, 1e-6);
  EXPECT_NEAR(load.at(0, 0, 0), 4000, 1e-3);
  EXPECT_NEAR(dual_value(problem, std::vector<double>{4e-3, 0}, &load), 10, 1e-6);
  EXPECT_NEAR(load.at(0, 0, 0), 2000, 1e-3);
  EXPECT_NEAR(dual_value(problem, std::vector<double>{0, 0}), 16, 1e-6);
}

// The least is reached between 3 and 5 a gpu: 2 y + (10 - 2 y) = 10, what the better job is worth.
TEST(SolveDual, FindsThePriceAtWhichOneOfTwoRivalsGivesUp) {
  const Instance instance = two_rivals();
  const DualSolution best = solve_dual(problem_of(instance), {.gap = 1e-7});
  EXPECT_NEAR(best.bound, 10, 1e-5);
  EXPECT_TRUE(best.converged);
  EXPECT_LT(best.relaxed_gap, 1e-5);
  const double worth = 2000 * (best.prices.at(0, 0, 0) + best.prices.at(0, 0, 1));
  EXPECT_GE(worth, 6 - 1e-4);
  EXPECT_LE(worth, 10 + 1e-4);
  EXPECT_DOUBLE_EQ(dual_value(problem_of(instance), best.prices.values), best.bound);
  EXPECT_NEAR(best.load.at(0, 0, 0), 2000, 1);
}

// Half of a rival's weight fits beside the better job once there are three gpus: 10 + 6 / 2.
TEST(SolveDual, CountsAJobByItsWeight) {
  Instance instance = two_rivals();
  instance.cluster.classes[0].capacity = {3000, 3000};
  EXPECT_NEAR(solve_dual(problem_of(instance), {.gap = 1e-7}).bound, 13, 1e-4);
  DualProblem problem = problem_of(instance);
  problem.jobs[0].weight = 0.5;
  problem.jobs[1].weight = 0.5;
  EXPECT_NEAR(solve_dual(problem, {.gap = 1e-7}).bound, 8, 1e-4);
  problem.jobs[1].weight = 0;
  EXPECT_NEAR(solve_dual(problem, {.gap = 1e-7}).bound, 5, 1e-4);
}

TEST(SolveDual, StartsFromGivenPricesAndStopsWhenAsked) {
  const Instance instance = two_rivals();
  const DualProblem problem = problem_of(instance);
  const DualSolution cold = solve_dual(problem, {.gap = 1e-7});
  const DualSolution warm = solve_dual(problem, {.gap = 1e-7, .start = cold.prices.values});
  EXPECT_NEAR(warm.history.front(), cold.bound, 1e-9);
  EXPECT_LE(warm.evaluations, cold.evaluations);
  int calls = 0;
  const DualSolution stopped =
      solve_dual(problem, {.progress = [&](double, double) { return ++calls < 2; }});
  EXPECT_EQ(stopped.evaluations, 2U);
  EXPECT_FALSE(stopped.converged);
  EXPECT_EQ(solve_dual(problem, {.max_evaluations = 1}).bound, 16);
}

TEST(SolveDual, GivesTheSameBytesAgain) {
  RandomStream random(5, Purpose::test);
  const Instance instance = testing::random_instance(random, 6);
  const DualSolution first = solve_dual(problem_of(instance));
  const DualSolution second = solve_dual(problem_of(instance));
  EXPECT_EQ(first.history, second.history);
  EXPECT_EQ(first.prices.values, second.prices.values);
}

// After the only slot there is room for the rival at no price; it is worth 6 a slot later too.
TEST(SolveDual, LetsJobsEscapeThroughAnOpenEnd) {
  const Instance instance = two_rivals();
  DualProblem problem = problem_of(instance);
  problem.open_end = true;
  EXPECT_NEAR(solve_dual(problem, {.gap = 1e-7}).bound, 16, 1e-4);
}

// Without a gpu in the second slot a job that arrives in it cannot run, whatever prices say.
TEST(SolveDual, UsesNothingWhereThereIsNothing) {
  Instance instance = two_rivals();
  instance.horizon = Seconds(2);
  instance.jobs[1].arrival = Seconds(1);
  DualProblem problem = problem_of(instance);
  EXPECT_NEAR(solve_dual(problem).bound, 16, 1e-3);
  problem.capacity.at(1, 0, 0) = 0;
  EXPECT_NEAR(solve_dual(problem).bound, 10, 1e-3);
}

// Oracle 1: 1000 samples in one slot need 8.1 workers inside a machine, so 8 gpus are too few; and
// 624 are the most that 100 workers train across machines.
TEST(UpperBound, KnowsWhatOneJobCannotDo) {
  for (const auto& [gpus, cpus, utility] : {std::tuple(9, 12, 10.0), {8, 12, 0.0}, {9, 11, 0.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, gpus, cpus);
    instance.jobs = {make_job(oracle_shape(), 1000)};
    EXPECT_NEAR(upper_bound(instance).utility, utility, 1e-9) << gpus << " " << cpus;
  }
  for (const auto& [samples, utility] : {std::pair(624.0, 10.0), {625.0, 0.0}}) {
    Instance instance = empty_instance(1);
    add_machine(instance, 200, 0);
    add_machine(instance, 0, 50);
    instance.jobs = {make_job(oracle_shape(), samples)};
    instance.jobs[0].worker = {kAmountsPerUnit, 0};
    EXPECT_NEAR(upper_bound(instance).utility, utility, 1e-9) << samples;
  }
}

// A gang of 1 s arrives at 0.5 in exact time: it is done at 1.5 at best, a delay of 1, and the line
// from 10 at once to 0 after 4 s is at 7.5 then. A cell of 2 s knows that as well as one of 0.1 s.
TEST(UpperBound, CreditsTheEarliestCompletionInsideACell) {
  Instance instance = empty_instance(8);
  instance.slot = Seconds(0);
  add_machine(instance, 2, 2);
  instance.jobs = {make_job(RigidThroughput{.workers = 2}, 1)};
  instance.jobs[0].arrival = Seconds(0.5);
  instance.jobs[0].utility = LinearDecayUtility{10, Seconds(0), Seconds(4)};
  for (const double cell : {0.1, 0.3, 2.0, 8.0})
    EXPECT_NEAR(upper_bound(instance, {.cell = Seconds(cell)}).utility, 7.5, 1e-6) << cell;
}

// The machine is down from 0 to 2 of 4 slots: a gang of 3 s cannot be done, one of 2 s can, in the
// last slot.
TEST(UpperBound, MissesWhatIsDown) {
  Instance instance = empty_instance(4);
  add_machine(instance, 2, 2);
  instance.jobs = {make_job(RigidThroughput{.workers = 2}, 3)};
  UpperBoundOptions options{.losses = {{MachineId(0U), Seconds(0), Seconds(2)}}};
  options.dual.gap = 1e-7;
  EXPECT_NEAR(upper_bound(instance).utility, 10, 1e-6);
  EXPECT_NEAR(upper_bound(instance, options).utility, 0, 1e-6);
  instance.jobs[0].samples = 2;
  EXPECT_NEAR(upper_bound(instance, options).utility, 10, 1e-6);
  options.losses = {{MachineId(0U), Seconds(0.5), Seconds(1)},
                    {MachineId(0U), Seconds(2), kForever}};
  // It needs all of two slots and the first has half: the relaxation runs half of the job.
  EXPECT_NEAR(upper_bound(instance, options).utility, 5, 1e-4);
}

TEST(UpperBound, OfNothingIsNothing) {
  Instance instance = empty_instance(3);
  EXPECT_EQ(upper_bound(instance).utility, 0);
  add_machine(instance, 1, 1);
  instance.jobs = {make_job(RigidThroughput{.workers = 2}, 1)};  // never fits
  EXPECT_EQ(upper_bound(instance).utility, 0);
  instance.jobs[0].arrival = Seconds(5);  // after the horizon
  EXPECT_EQ(upper_bound(instance).utility, 0);
}

// Without a horizon the two rivals run one after the other; both are worth the same at any time.
TEST(UpperBound, NeedsNoHorizon) {
  for (const double slot : {0.0, 1.0}) {
    Instance instance = two_rivals();
    instance.slot = Seconds(slot);
    instance.horizon = kForever;
    const UpperBound bound = upper_bound(instance);
    EXPECT_NEAR(bound.utility, 16, 1e-6);
    EXPECT_DOUBLE_EQ(bound.unhindered, 16);
    EXPECT_TRUE(std::ranges::is_sorted(bound.times));
  }
}

}  // namespace
}  // namespace bourse
