#include "bourse/policy/elastic_plan.h"

#include <gtest/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

JobSpec table(const std::vector<std::pair<int, double>>& speeds) {
  JobSpec job = gang("a", 0, 1, 100);
  TableThroughput throughput;
  for (const auto& [workers, speed] : speeds)
    throughput.points.push_back({workers, 0, Locality::cluster, speed});
  job.throughput = throughput;
  return job;
}

SlotBook book_of(double gpus) {
  SlotBook book(Seconds(10));
  book.set_capacity(amounts({gpus}));
  return book;
}

TEST(ElasticSizes, AreTheGangTheMeasuredOnesOrPowersOfTwo) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const auto workers = [&](const JobSpec& job) {
    std::vector<int> counts;
    for (const ElasticSize& size : elastic_sizes(cluster, job))
      counts.push_back(size.tasks.workers);
    return counts;
  };
  EXPECT_EQ(workers(gang("g", 0, 3, 1)), (std::vector<int>{3}));
  EXPECT_EQ(workers(table({{1, 1}, {3, 2}, {4, 2}, {8, 3}, {16, 9}})), (std::vector<int>{1, 3, 8}))
      << "4 is no faster than 3, and 16 do not fit";
  JobSpec ring = gang("r", 0, 1, 1);
  ring.throughput = RingThroughput{.compute_per_sample = Seconds(1),
                                   .gradient = Bytes(1),
                                   .global_batch = 6,
                                   .rate_inside = BytesPerSecond(1e9),
                                   .rate_in_rack = BytesPerSecond(1e9),
                                   .rate_across = BytesPerSecond(1e9)};
  EXPECT_EQ(workers(ring), (std::vector<int>{1, 2, 4, 6}));
}

// 30 samples until 20, slots of 10 s. One worker does 20, two do 2 x 15 = 30: two, and in both
// slots.
TEST(LeastShare, IsTheSmallestSizeThatIsOnTime) {
  const auto sizes = elastic_sizes(cluster_of(1, {{"gpu", 8}}), table({{1, 1}, {2, 1.5}, {4, 3}}));
  const auto plan = least_share(book_of(8), sizes, 30, Seconds(0), Seconds(20));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->sizes, (std::vector<int>{1, 1}));
}

// As before, but in the first slot only one GPU is left: 10 by one worker, then 20 more need 2 a
// second: four workers, 3 a second, are the smallest size that does it.
TEST(LeastShare, TakesASmallerSizeWhereThatIsAllThatFits) {
  const auto sizes = elastic_sizes(cluster_of(1, {{"gpu", 8}}), table({{1, 1}, {2, 1.5}, {4, 3}}));
  SlotBook book = book_of(8);
  book.add(0, amounts({7}), 1);
  const auto plan = least_share(book, sizes, 30, Seconds(0), Seconds(20));
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->sizes, (std::vector<int>{0, 2}));
  EXPECT_DOUBLE_EQ(planned_samples(book, sizes, *plan, Seconds(0)), 10 + 30);
  EXPECT_DOUBLE_EQ(planned_samples(book, sizes, *plan, Seconds(15)), 15);
}

// From 5 on the first slot has 5 s left; the deadline cuts the last at 17: 5 + 7 = 12 s of one
// worker.
TEST(LeastShare, CountsPartsOfSlots) {
  const auto sizes = elastic_sizes(cluster_of(1, {{"gpu", 8}}), table({{1, 1}}));
  EXPECT_TRUE(least_share(book_of(8), sizes, 12, Seconds(5), Seconds(17)).has_value());
  EXPECT_FALSE(least_share(book_of(8), sizes, 12.1, Seconds(5), Seconds(17)).has_value());
}

TEST(SlotBook, ForgetsWhatIsPast) {
  SlotBook book = book_of(4);
  book.add(2, amounts({4}), 1);
  EXPECT_FALSE(book.fits(2, amounts({1})));
  book.advance(Seconds(25));
  EXPECT_EQ(book.current(), 2);
  EXPECT_FALSE(book.fits(2, amounts({1})));
  EXPECT_TRUE(book.fits(3, amounts({4})));
  book.advance(Seconds(30));
  book.add(2, amounts({4}), -1);
  EXPECT_TRUE(book.fits(3, amounts({4})));
}

}  // namespace
}  // namespace bourse
