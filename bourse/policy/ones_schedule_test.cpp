#include "bourse/policy/ones_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace bourse {
namespace {

// A: 20,000 samples trained at progress 1/4, so 60,000 left; B: 5,000 at 1/2, so 5,000 left.
std::vector<OnesJob> two_jobs() {
  return {{.limit_now = 4, .limit = 4, .is_predicted = true, .samples_left = 60000},
          {.limit_now = 2, .limit = 2, .is_predicted = true, .samples_left = 5000}};
}

double two_speeds(int rank, int gpus) {
  if (rank == 0) return gpus == 1 ? 700 : 400 * (gpus + 1);
  return gpus == 1 ? 500 : 900;
}

// {A: 4}: 4 x 60000 / 2000 = 120. {A: 2, B: 2}: 2 x 60000 / 1200 + 2 x 5000 / 900 = 111.1.
// {A: 1}: 85.7, and three idle GPUs.
TEST(SrufScore, IsTheRemainingGpuTime) {
  EXPECT_NEAR(sruf_score(std::vector{4, 0}, two_jobs(), two_speeds), 120, 1e-9);
  EXPECT_NEAR(sruf_score(std::vector{2, 2}, two_jobs(), two_speeds), 111.111, 1e-3);
  EXPECT_NEAR(sruf_score(std::vector{1, 0}, two_jobs(), two_speeds), 85.714, 1e-3);
}

TEST(ShortestFirst, OrdersByTimeOnOneWorker) {
  EXPECT_EQ(shortest_first(two_jobs(), two_speeds), (std::vector{1, 0}));
}

TEST(Evolve, PrefersTheSplitAndNeverAnUnfilledSchedule) {
  std::vector<OnesSchedule> population{{0, 0, 0, 0}, {0, 0, 1, 1}, {0, kIdle, kIdle, kIdle}};
  const std::vector<OnesJob> jobs = two_jobs();
  evolve(population, {0, 0, 0, 0}, jobs, two_speeds, {.population = 3}, 1);
  EXPECT_EQ(gpus_of(population.front(), 2), (std::vector{2, 2}));
}

TEST(Reordered, MovesAsLittleAsItCan) {
  const OnesSchedule current{0, 0, 1, kIdle};
  const OnesSchedule next = reordered(current, std::vector{1, 2, 1});
  EXPECT_EQ(gpus_of(next, 3), (std::vector{1, 2, 1}));
  EXPECT_EQ(moves_between(current, next), 1);
}

TEST(Reordered, LeavesAFullScheduleAlone) {
  const OnesSchedule current{0, 0, 1, 1};
  EXPECT_EQ(reordered(current, std::vector{2, 2}), current);
}

TEST(Reordered, PutsEveryJobInOnePieceWhateverTheSizes) {
  RandomStream draws(4, Purpose::test);
  for (int round = 0; round < 500; ++round) {
    const auto gpu_count = static_cast<std::size_t>(draws.integer(1, 40));
    std::vector<int> gpus(static_cast<std::size_t>(draws.integer(1, 12)), 0);
    OnesSchedule current;
    for (std::size_t i = 0; i < gpu_count; ++i) {
      current.push_back(static_cast<int>(draws.integer(-1, static_cast<int>(gpus.size()) - 1)));
      if (const auto rank = draws.integer(-1, static_cast<int>(gpus.size()) - 1); rank >= 0)
        ++gpus[static_cast<std::size_t>(rank)];
    }
    const OnesSchedule next = reordered(current, gpus);
    EXPECT_EQ(gpus_of(next, gpus.size()), gpus);
    int pieces = 0;
    for (std::size_t i = 0; i < next.size(); ++i)
      if (next[i] != kIdle && (i == 0 || next[i] != next[i - 1])) ++pieces;
    EXPECT_EQ(pieces, std::ranges::count_if(gpus, [](int n) { return n > 0; }));
  }
}

// Mended (f): the artifact confuses the limit of now L with that of training R. A may have 1 GPU
// now and 3 in all, B 2 and 2. Six GPUs: first both to what they have now, 1 + 2, then A to 3. With
// only R for both steps a shorter job would take what the other holds.
TEST(OnesMended, PadsToTheLimitOfNowBeforeThatOfTraining) {
  std::vector<OnesJob> jobs = two_jobs();
  jobs[0].limit_now = 1;
  jobs[0].limit = 3;
  EXPECT_EQ(padded({0, 0}, jobs, std::vector{0, 1}, 3), (std::vector{1, 2}));
  EXPECT_EQ(padded({0, 0}, jobs, std::vector{0, 1}, 6), (std::vector{3, 2}));
}

TEST(Padded, StartsNewJobsFirstAndDropsPiecesOfGangs) {
  std::vector<OnesJob> jobs = two_jobs();
  jobs.push_back({.is_new = true, .least = 3, .limit = 3});
  EXPECT_EQ(padded({0, 0, 2}, jobs, std::vector{1, 0}, 4), (std::vector{0, 1, 3}));
}

TEST(Refreshed, DropsWhatExceedsTheLimitOfNow) {
  std::vector<OnesJob> jobs = two_jobs();
  jobs[0].limit_now = 1;
  EXPECT_EQ(refreshed({0, 0, 1, 1}, jobs), (OnesSchedule{0, kIdle, 1, 1}));
}

TEST(Crossed, KeepsBothChildrenWithinTheLimits) {
  std::vector<OnesJob> jobs = two_jobs();
  jobs[0].limit_now = 2;
  RandomStream draws(1, Purpose::test);
  for (int i = 0; i < 100; ++i) {
    const auto [first, second] = crossed({0, 0, 1, 1}, {1, 1, 0, 0}, jobs, 0.5, draws);
    for (const OnesSchedule& child : {first, second}) {
      EXPECT_LE(gpus_of(child, 2)[0], 2);
      EXPECT_LE(gpus_of(child, 2)[1], 2);
    }
  }
}

TEST(Mutated, PausesWholeJobsButNoNewOne) {
  std::vector<OnesJob> jobs = two_jobs();
  jobs[1].is_new = true;
  RandomStream draws(1, Purpose::test);
  EXPECT_EQ(mutated({0, 0, 1, 1}, jobs, 1, draws), (OnesSchedule{kIdle, kIdle, 1, 1}));
  EXPECT_EQ(mutated({0, 0, 1, 1}, jobs, 0, draws), (OnesSchedule{0, 0, 1, 1}));
}

struct RandomCase {
  std::vector<OnesJob> jobs;
  OnesSchedule current;
  std::vector<double> speeds;
};

RandomCase random_case(std::uint64_t i) {
  RandomStream draws(11, Purpose::test, i);
  RandomCase out;
  const auto gpu_count = static_cast<std::size_t>(draws.integer(1, 32));
  const auto job_count = static_cast<std::size_t>(draws.integer(1, 12));
  for (std::size_t j = 0; j < job_count; ++j) {
    OnesJob job;
    job.is_new = draws.uniform() < 0.4;
    job.least = static_cast<int>(draws.integer(1, 3));
    job.limit = job.least + static_cast<int>(draws.integer(0, 8));
    job.limit_now = job.is_new ? 0 : static_cast<int>(draws.integer(job.least, job.limit));
    job.is_predicted = !job.is_new;
    job.samples_left = draws.uniform(0, 1e6);
    out.jobs.push_back(job);
    out.speeds.push_back(draws.uniform(1, 1000));
  }
  for (std::size_t g = 0; g < gpu_count; ++g)
    out.current.push_back(
        static_cast<int>(draws.integer(-1, static_cast<std::int64_t>(job_count) - 1)));
  return out;
}

// Mended: reordering in the artifact may end with an empty schedule, which scores 0 and wins.
TEST(OnesMended, NeverEndsWithAnEmptyScheduleInAThousandRandomCases) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const RandomCase c = random_case(i);
    const auto speed = [&](int rank, int gpus) {
      return c.speeds[static_cast<std::size_t>(rank)] * gpus / (1 + 0.1 * gpus);
    };
    std::vector<OnesSchedule> population;
    for (std::uint64_t step = 1; step <= 2; ++step)
      evolve(population, c.current, c.jobs, speed, {.population = 4, .seed = i}, step);
    const int least = std::ranges::min(c.jobs, {}, &OnesJob::least).least;
    if (least > static_cast<int>(c.current.size())) continue;
    for (const OnesSchedule& schedule : population) {
      const std::vector<int> gpus = gpus_of(schedule, c.jobs.size());
      EXPECT_GT(std::accumulate(gpus.begin(), gpus.end(), 0), 0) << "case " << i;
      for (std::size_t j = 0; j < c.jobs.size(); ++j)
        EXPECT_TRUE(gpus[j] == 0 || gpus[j] >= c.jobs[j].least) << "case " << i;
    }
  }
}

TEST(Evolve, IsTheSameForTheSameSeed) {
  const RandomCase c = random_case(7);
  const auto speed = [&](int, int gpus) { return 100.0 * gpus; };
  std::vector<OnesSchedule> a;
  std::vector<OnesSchedule> b;
  for (std::uint64_t step = 1; step <= 5; ++step) {
    evolve(a, c.current, c.jobs, speed, {.seed = 3}, step);
    evolve(b, c.current, c.jobs, speed, {.seed = 3}, step);
  }
  EXPECT_EQ(a, b);
}

}  // namespace
}  // namespace bourse
