#include "bourse/program/replay_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <stdexcept>

namespace bourse::program {
namespace {

// Weights 1, 0, 3, 4: running sums 1, 1, 4, 8.
TEST(WeightedPlaces, FindsWhereTheRunningSumPasses) {
  WeightedPlaces places(4);
  places.set(0, 1);
  places.set(2, 3);
  places.set(3, 4);
  EXPECT_DOUBLE_EQ(places.total(), 8);
  EXPECT_EQ(places.find(0), 0U);
  EXPECT_EQ(places.find(0.99), 0U);
  EXPECT_EQ(places.find(1), 2U);
  EXPECT_EQ(places.find(3.99), 2U);
  EXPECT_EQ(places.find(4), 3U);
  EXPECT_EQ(places.find(7.99), 3U);
}

TEST(ReplayTable, TheOldestItemGoesWhenItIsFull) {
  ReplayTable<int> table({.capacity = 3});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(table.insert(i * 10, 1), static_cast<std::uint64_t>(i));
  EXPECT_EQ(table.size(), 3U);
  for (const Replayed<int>& drawn : table.sample(50)) {
    EXPECT_GE(drawn.id, 2U);
    EXPECT_EQ(drawn.item, static_cast<int>(drawn.id) * 10);
    EXPECT_DOUBLE_EQ(drawn.probability, 1.0 / 3);
  }
}

TEST(ReplayTable, DrawsInProportionToPriorities) {
  ReplayTable<int> table({.capacity = 10, .seed = 7});
  table.insert(0, 1);
  table.insert(1, 3);
  table.insert(2, 0);
  int ones = 0;
  for (const Replayed<int>& drawn : table.sample(4000)) {
    EXPECT_NE(drawn.item, 2);
    ones += drawn.item;
  }
  EXPECT_NEAR(ones, 3000, 150);  // five standard deviations are 137
  EXPECT_EQ(table.update({{0, 0}, {1, 1}, {99, 5}}), 2U);
  for (const Replayed<int>& drawn : table.sample(20)) EXPECT_EQ(drawn.item, 1);
}

TEST(ReplayTable, TheSameSeedGivesTheSameSamples) {
  const auto sample = [](std::uint64_t seed) {
    ReplayTable<int> table({.seed = seed});
    for (int i = 0; i < 100; ++i) table.insert(i, i);
    std::vector<int> items;
    for (const Replayed<int>& drawn : table.sample(20)) items.push_back(drawn.item);
    return items;
  };
  EXPECT_EQ(sample(1), sample(1));
  EXPECT_NE(sample(1), sample(2));
}

TEST(ReplayTable, RefusesWhatIsNoPriorityAndToSampleTooEarly) {
  ReplayTable<int> table({.smallest_to_sample = 2});
  EXPECT_THROW(table.insert(1, -1), std::invalid_argument);
  table.insert(1, 1);
  EXPECT_THROW((void)table.sample(1), CallError);
  EXPECT_THROW(ReplayTable<int>({.capacity = 0}), std::invalid_argument);
}

TEST(ReplayTable, ACheckpointBringsItsItemsBack) {
  const std::string path = testing::TempDir() + "replay_checkpoint";
  std::remove(path.c_str());
  const ReplayOptions options{.capacity = 4, .checkpoint_file = path};
  {
    ReplayTable<std::string> table(options);
    for (int i = 0; i < 6; ++i) table.insert("item " + std::to_string(i), i);
    table.save();
  }
  ReplayTable<std::string> table(options);
  EXPECT_EQ(table.size(), 4U);
  table.update({{0, 0}, {1, 0}, {2, 0}});
  EXPECT_EQ(table.sample(1)[0].item, "item 5");
  std::ofstream(path) << "not a checkpoint";
  EXPECT_THROW(ReplayTable<std::string>{options}, CallError);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace bourse::program
