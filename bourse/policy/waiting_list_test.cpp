#include "bourse/policy/waiting_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace bourse {
namespace {

std::vector<std::size_t> take_all(WaitingList& list, std::size_t most,
                                  const std::vector<double>& ranks) {
  std::vector<std::size_t> jobs;
  while (jobs.size() < most) {
    const auto job = list.next([&](JobId id) { return ranks[id.index()]; });
    if (!job) break;
    jobs.push_back(job->index());
  }
  return jobs;
}

WaitingList list_of(std::size_t jobs) {
  WaitingList list;
  for (std::size_t i = 0; i < jobs; ++i) list.add(JobId(i));
  return list;
}

TEST(WaitingList, GivesNothingUntilItIsStirred) {
  WaitingList list = list_of(2);
  EXPECT_FALSE(list.is_stirred());
  EXPECT_TRUE(take_all(list, 5, {1, 2}).empty());
}

TEST(WaitingList, GivesEachJobOnceARoundTheHighestRankFirst) {
  WaitingList list = list_of(4);
  list.stir();
  EXPECT_EQ(take_all(list, 9, {1, 3, 2, 3}), (std::vector<std::size_t>{1, 3, 2, 0}));
  EXPECT_FALSE(list.is_stirred());
}

// A second stir during a round lets the round end first: job 0 is not starved.
TEST(WaitingList, EndsARoundBeforeTheNext) {
  WaitingList list = list_of(3);
  const std::vector<double> ranks{1, 2, 3};
  list.stir();
  EXPECT_EQ(take_all(list, 2, ranks), (std::vector<std::size_t>{2, 1}));
  list.stir();
  EXPECT_EQ(take_all(list, 2, ranks), (std::vector<std::size_t>{0, 2}));
}

TEST(WaitingList, SkipsJobsThatLeftMeanwhile) {
  WaitingList list = list_of(3);
  list.stir();
  const std::vector<double> ranks{1, 2, 3};
  EXPECT_EQ(take_all(list, 1, ranks), std::vector<std::size_t>{2});
  list.remove(JobId(std::size_t{1}));
  EXPECT_EQ(take_all(list, 9, ranks), std::vector<std::size_t>{0});
}

}  // namespace
}  // namespace bourse
