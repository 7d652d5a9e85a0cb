// The search for a schedule against brute force over few slots, on random ledgers.

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <optional>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/schedule_search.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr int kFewSlots = 6;

/// Two machines of 4 GPUs, six slots of 1 s until the horizon, random bookings.
struct RandomSetting {
  Cluster cluster = cluster_of(2, {{"gpu", 4}});
  Ledger ledger{cluster};
  std::vector<double> units = price_units(cluster, true);
  PriceBounds bounds{0.1, {10.0}};
  SlotCostCounters counters{};
  SearchOptions options{
      .slot = Seconds(1), .chunks = 4, .stickiness = 0, .horizon = Seconds(kFewSlots)};

  SearchResult search(const JobSpec& job) {
    JobPrices prices(ledger, bounds, units, job);
    return find_schedule(ledger, job, JobId(0u), job.samples, Seconds(0), prices, options,
                         counters);
  }
  /// Cost of training `chunk` x 0 .. levels in each slot.
  std::vector<std::vector<double>> curves(const JobSpec& job, double chunk, int levels) {
    JobPrices prices(ledger, bounds, units, job);
    SlotCosts costs(ledger, job, JobId(0u), prices, options.rounding, {chunk, levels, Seconds(1)},
                    counters);
    std::vector<std::vector<double>> all;
    for (SlotIndex slot = 0; slot < kFewSlots; ++slot) {
      all.push_back(costs.curve(slot));
    }
    return all;
  }
};

void book_at_random(RandomSetting& s) {
  for (SlotIndex slot = 0; slot < kFewSlots; ++slot) {
    for (std::uint32_t h = 0; h < 2; ++h) {
      const int used = *rc::gen::inRange(0, 5);
      if (used == 0) continue;
      const TaskGroup group{MachineId(h), used, 0};
      s.ledger.book(slot, gang("other", 0, used, 1), {&group, 1}, +1);
    }
  }
}

/// Worth `value` at first and nothing in the end.
Utility any_utility() {
  const double value = *rc::gen::inRange(1, 40) / 4.0;
  const double until = *rc::gen::inRange(0, kFewSlots);
  return LinearDecayUtility{value, Seconds(until), Seconds(until + 4)};
}

/// The job done as one elastic worker count a slot: n workers train n samples a second.
JobSpec elastic(double samples, Utility utility) {
  JobSpec job = gang("elastic", 0, 1, samples, std::move(utility));
  TableThroughput table;
  for (int n = 1; n <= 8; ++n) table.points.push_back({n, 0, Locality::cluster, 1.0 * n});
  job.throughput = table;
  return job;
}

/// Books the schedule, which stops at a machine over its capacity, and checks what it says.
void check_schedule_of(RandomSetting& s, const JobSpec& job, const PricedSchedule& schedule,
                       double last_share = 1) {
  double trained = 0;
  double cost = 0;
  JobPrices prices(s.ledger, s.bounds, s.units, job);
  SlotIndex last = -1;
  for (const ScheduledSlot& slot : schedule.slots) {
    RC_ASSERT(slot.slot > last);
    last = slot.slot;
    RC_ASSERT(slot.slot < kFewSlots);
    trained += samples_per_second(job.throughput, tasks_of(slot.allocation),
                                  locality_of(slot.allocation, s.cluster));
    for (const TaskGroup& group : slot.allocation)
      cost += (&slot == &schedule.slots.back() ? last_share : 1) * group.workers *
              prices.worker(s.ledger.states(slot.slot)[group.machine.index()], slot.slot);
  }
  RC_ASSERT(trained >= job.samples * (1 - 1e-9));
  RC_ASSERT(std::abs(cost - schedule.cost) <= 1e-9 * std::max(1.0, cost));
  for (const ScheduledSlot& slot : schedule.slots)
    s.ledger.book(slot.slot, job, slot.allocation, +1);
}

/// The best payoff over all subsets of slots, each with the whole gang; the last one in part.
double best_gang_payoff(const JobSpec& job, const std::vector<std::vector<double>>& curves) {
  double best = -kNever;
  const int needed = static_cast<int>(std::ceil(job.samples));
  const double last_part = job.samples - (needed - 1);
  for (unsigned subset = 1; subset < 1u << kFewSlots; ++subset) {
    if (__builtin_popcount(subset) != needed) continue;
    double cost = 0;
    int last = 0;
    for (int slot = 0; slot < kFewSlots; ++slot) {
      if ((subset >> slot & 1u) == 0) continue;
      cost += curves[static_cast<std::size_t>(slot)][1];
      last = slot;
    }
    cost -= (1 - last_part) * curves[static_cast<std::size_t>(last)][1];
    best = std::max(best, utility_at(job.utility, Seconds(last + last_part)) - cost);
  }
  return best;
}

RC_GTEST_PROP(FindSchedule, IsTheBestSubsetOfSlotsForAGang, ()) {
  RandomSetting s;
  book_at_random(s);
  const int workers = *rc::gen::inRange(1, 9);
  const double samples = *rc::gen::inRange(1, 9) / 2.0;
  const JobSpec job = gang("gang", 0, workers, samples, any_utility());
  const double exact = best_gang_payoff(job, s.curves(job, 1, 1));
  const SearchResult result = s.search(job);
  RC_ASSERT((result.verdict == SearchVerdict::found) == (exact > 1e-12));
  if (result.verdict != SearchVerdict::found) return;
  RC_ASSERT(std::abs(result.schedule.payoff() - exact) <= 1e-9);
  check_schedule_of(s, job, result.schedule, job.samples - (std::ceil(job.samples) - 1));
}

/// The best payoff over all vectors of levels.
double best_level_payoff(const JobSpec& job, const std::vector<std::vector<double>>& curves,
                         int chunks) {
  double best = -kNever;
  const auto visit = [&](const auto& self, std::size_t slot, int done, double cost,
                         std::size_t last) -> void {
    if (done >= chunks)
      best = std::max(best, utility_at(job.utility, Seconds(static_cast<double>(last + 1))) - cost);
    if (done >= chunks || slot == curves.size()) return;
    for (std::size_t level = 0; level < curves[slot].size(); ++level)
      if (curves[slot][level] < kNever)
        self(self, slot + 1, done + static_cast<int>(level), cost + curves[slot][level],
             level > 0 ? slot : last);
  };
  visit(visit, 0, 0, 0, 0);
  return best;
}

// 16 samples at most 8 a slot: 4 chunks at least, so a chunk is half a slot's most, 4 samples.
RC_GTEST_PROP(FindSchedule, IsTheBestVectorOfLevelsForAnElasticJob, ()) {
  RandomSetting s;
  book_at_random(s);
  const int chunks = *rc::gen::inRange(1, 9);
  s.options.chunk_samples = 2;
  const JobSpec job = elastic(2.0 * chunks, any_utility());
  const double exact = best_level_payoff(job, s.curves(job, 2, 4), chunks);
  const SearchResult result = s.search(job);
  RC_ASSERT((result.verdict == SearchVerdict::found) == (exact > 1e-12));
  if (result.verdict != SearchVerdict::found) return;
  RC_ASSERT(std::abs(result.schedule.payoff() - exact) <= 1e-9);
  check_schedule_of(s, job, result.schedule);
}

RC_GTEST_PROP(FindSchedule, NeverPaysBetterAtHigherPrices, ()) {
  RandomSetting s;
  book_at_random(s);
  const double samples = *rc::gen::inRange(1, 30) / 2.0;
  const bool rigid = *rc::gen::arbitrary<bool>();
  const JobSpec job =
      rigid ? gang("gang", 0, 3, samples / 4, any_utility()) : elastic(samples, any_utility());
  s.options.must_finish = true;
  const SearchResult cheap = s.search(job);
  s.bounds = {0.2, {15.0}};
  const SearchResult dear = s.search(job);
  RC_ASSERT(cheap.verdict == dear.verdict);
  if (cheap.verdict != SearchVerdict::found) return;
  RC_ASSERT(dear.schedule.payoff() <= cheap.schedule.payoff() + 1e-9);
}

// A nanosecond of work is one slot, not none.
TEST(FindSchedule, GivesTheLeastWorkASlotOfItsOwn) {
  RandomSetting s;
  for (const double samples : {1e-8, 1e-10, 1e-300}) {
    const SearchResult rigid = s.search(gang("gang", 0, 1, samples));
    ASSERT_EQ(rigid.verdict, SearchVerdict::found) << samples;
    EXPECT_EQ(rigid.schedule.slots.size(), 1u) << samples;
    s.options.chunk_samples = 2;
    const SearchResult resized = s.search(elastic(samples, ConstantUtility{1}));
    ASSERT_EQ(resized.verdict, SearchVerdict::found) << samples;
    EXPECT_EQ(resized.schedule.slots.size(), 1u) << samples;
  }
}

// The network is so slow that two workers train less than one: 1 sample a second alone, with two
// 16 / (8 + 100) = .15. So a slot trains 1 sample, and 2 samples take two slots.
TEST(FindSchedule, KnowsThatARingMayBeFastestAlone) {
  RandomSetting s;
  JobSpec ring = gang("ring", 0, 1, 2, DeadlineUtility{100, Seconds(2)});
  ring.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                   .gradient = Bytes(50),
                                   .global_batch = 8,
                                   .rate_inside = BytesPerSecond(1),
                                   .rate_in_rack = BytesPerSecond(1),
                                   .rate_across = BytesPerSecond(1)};
  const SearchResult result = s.search(ring);
  ASSERT_EQ(result.verdict, SearchVerdict::found);
  EXPECT_EQ(result.schedule.slots.size(), 2u);
  EXPECT_EQ(result.schedule.completion, Seconds(2));
}

}  // namespace
}  // namespace bourse
