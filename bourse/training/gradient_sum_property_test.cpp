#include "bourse/training/gradient_sum.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "bourse/training/layout.h"

namespace bourse::training {
namespace {

program::Buffer block(std::vector<float> values) { return program::Buffer(std::move(values)); }

std::vector<float> floats(const program::Buffer& buffer) {
  const auto values = buffer.as<float>();
  return {values.begin(), values.end()};
}

// Eight microbatches for three workers: 3 + 3 + 2. Range [3, 6) is 3 alone, then the pair (4, 5):
// a node of two begins at an even place.
TEST(TreeNodes, AreTheFewestThatCoverARange) {
  EXPECT_EQ(tree_nodes({0, 8}), (std::vector<MicroRange>{{0, 8}}));
  EXPECT_EQ(tree_nodes({0, 3}), (std::vector<MicroRange>{{0, 2}, {2, 1}}));
  EXPECT_EQ(tree_nodes({3, 3}), (std::vector<MicroRange>{{3, 1}, {4, 2}}));
  EXPECT_EQ(tree_nodes({6, 2}), (std::vector<MicroRange>{{6, 2}}));
  EXPECT_TRUE(tree_nodes({5, 0}).empty());
}

// 100 floats are 7 lines of 16; two servers have 3 and 4 of them: 48 and 52 floats.
TEST(Partition, GivesServersWholeCacheLines) {
  EXPECT_EQ(partition(100, 2), (std::vector<Range>{{0, 48}, {48, 100}}));
  EXPECT_EQ(partition(16, 2), (std::vector<Range>{{0, 0}, {0, 16}}));
}

RC_GTEST_PROP(Partition, CoversAllInOrderAndIsBalanced, ()) {
  const auto count = *rc::gen::inRange<std::size_t>(0, 100'000);
  const auto servers = *rc::gen::inRange<std::size_t>(1, 20);
  const std::vector<Range> ranges = partition(count, servers);
  RC_ASSERT(ranges.size() == servers);
  std::uint64_t at = 0;
  std::size_t least = count;
  std::size_t most = 0;
  for (const Range& range : ranges) {
    RC_ASSERT(range.begin == at);
    RC_ASSERT(range.end >= range.begin);
    at = range.end;
    least = std::min(least, range.count());
    most = std::max(most, range.count());
  }
  RC_ASSERT(at == count);
  RC_ASSERT(most - least < 32);
}

// Weights 1 : 1 : 2 of 8 are 2, 2 and 4; 1 : 1 : 1 of 8 are 2.67 each, and the first two get what
// is left.
TEST(SplitByWeight, FollowsTheWeights) {
  EXPECT_EQ(split_by_weight(8, {1, 1, 2}), (std::vector<MicroRange>{{0, 2}, {2, 2}, {4, 4}}));
  EXPECT_EQ(split_by_weight(8, {1, 1, 1}), (std::vector<MicroRange>{{0, 3}, {3, 3}, {6, 2}}));
  EXPECT_EQ(split_by_weight(2, {0, 1, 1}), (std::vector<MicroRange>{{0, 0}, {0, 1}, {1, 1}}));
}

RC_GTEST_PROP(Microbatch, CoversABatchWithSizesThatDifferByOne, ()) {
  const auto batch = *rc::gen::inRange<std::uint64_t>(1, 1000);
  const auto count = *rc::gen::inRange<std::uint32_t>(1, 64);
  std::uint64_t at = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const Range range = microbatch(batch, i, count);
    RC_ASSERT(range.begin == at);
    at = range.end;
    RC_ASSERT(range.count() >= batch / count);
    RC_ASSERT(range.count() <= batch / count + 1);
  }
  RC_ASSERT(at == batch);
}

// Floats for which the order of the sum shows: 1e8 + 1 = 1e8. Along the tree of four it is
// (1e8 + 1) + (-1e8 + 1) = 1e8 + -1e8 = 0, from left to right it would be 1.
TEST(GradientSum, AddsAlongTheTree) {
  GradientSum sum(4);
  EXPECT_EQ(sum.add({2, 1}, block({-1e8F})), GradientSum::Added::added);
  EXPECT_EQ(sum.add({0, 1}, block({1e8F})), GradientSum::Added::added);
  EXPECT_EQ(sum.add({3, 1}, block({1})), GradientSum::Added::added);
  EXPECT_FALSE(sum.is_complete());
  EXPECT_EQ(sum.add({1, 1}, block({1})), GradientSum::Added::added);
  ASSERT_TRUE(sum.is_complete());
  EXPECT_EQ(floats(sum.total()), std::vector<float>{0});
}

TEST(GradientSum, LeavesOutWhatItKnowsAndRefusesWhatDoesNotFit) {
  GradientSum sum(4);
  EXPECT_EQ(sum.add({0, 2}, block({1, 2})), GradientSum::Added::added);
  EXPECT_EQ(sum.add({1, 1}, block({1, 2})), GradientSum::Added::known);
  EXPECT_EQ(sum.add({0, 4}, block({1, 2})), GradientSum::Added::malformed);
  EXPECT_EQ(sum.add({1, 2}, block({1, 2})), GradientSum::Added::malformed);
  EXPECT_EQ(sum.add({4, 1}, block({1, 2})), GradientSum::Added::malformed);
  EXPECT_EQ(sum.add({2, 0}, block({1, 2})), GradientSum::Added::malformed);
  EXPECT_EQ(sum.add({2, 2}, block({1})), GradientSum::Added::malformed);
  EXPECT_EQ(sum.add({2, 2}, block({1, 2})), GradientSum::Added::added);
  EXPECT_EQ(floats(sum.total()), (std::vector<float>{2, 4}));
}

/// The sum of [first, first + count) along the tree, as a worker makes it.
std::vector<float> tree_sum(const std::vector<std::vector<float>>& leaves, MicroRange node) {
  GradientSum sum(node.count);
  for (std::uint32_t i = 0; i < node.count; ++i) sum.add({i, 1}, block(leaves[node.first + i]));
  return floats(sum.total());
}

RC_GTEST_PROP(GradientSum, HasTheSameBitsHoweverWorkersShareIt, ()) {
  const std::uint32_t count = 1U << *rc::gen::inRange(0, 5);
  std::vector<std::vector<float>> leaves(count);
  for (auto& leaf : leaves)
    leaf = {static_cast<float>(*rc::gen::inRange(-1'000'000, 1'000'000)) * 1e-3F,
            static_cast<float>(*rc::gen::inRange(-1000, 1000)) * 1e6F};
  const std::vector<float> alone = tree_sum(leaves, {0, count});

  const auto workers = *rc::gen::inRange<std::size_t>(1, 9);
  std::vector<double> weights(workers);
  for (double& weight : weights) weight = *rc::gen::inRange(1, 5);
  std::vector<MicroRange> nodes;
  for (const MicroRange& range : split_by_weight(count, weights))
    for (const MicroRange& node : tree_nodes(range)) nodes.push_back(node);
  GradientSum sum(count);
  while (!nodes.empty()) {
    const auto next = static_cast<std::ptrdiff_t>(*rc::gen::inRange<std::size_t>(0, nodes.size()));
    const MicroRange node = nodes[static_cast<std::size_t>(next)];
    RC_ASSERT(sum.add(node, block(tree_sum(leaves, node))) == GradientSum::Added::added);
    nodes.erase(nodes.begin() + next);
  }
  RC_ASSERT(sum.is_complete());
  RC_ASSERT(floats(sum.total()) == alone);
}

}  // namespace
}  // namespace bourse::training
