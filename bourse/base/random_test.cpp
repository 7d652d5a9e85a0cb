#include "bourse/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {
namespace {

constexpr int kDraws = 20'000;

struct Moments {
  double mean = 0;
  double deviation = 0;
};

template <class Draw>
Moments moments_of(Draw draw) {
  std::vector<double> values;
  for (int i = 0; i < kDraws; ++i) values.push_back(draw());
  Moments moments;
  for (const double value : values) moments.mean += value / kDraws;
  for (const double value : values)
    moments.deviation += (value - moments.mean) * (value - moments.mean) / kDraws;
  moments.deviation = std::sqrt(moments.deviation);
  return moments;
}

// Philox4x32-10 with key and counter 0, from the known answers of Random123 (kat_vectors):
// 6627e8d5 e169c58d bc57ac4c 9b00dbd8. Seed 0 is that key; the counter holds the purpose, here 0.
TEST(RandomStream, IsPhilox) {
  RandomStream stream(0, Purpose{0});
  EXPECT_EQ(stream.bits(), 0x6627e8d5e169c58dU);
  EXPECT_EQ(stream.bits(), 0xbc57ac4c9b00dbd8U);
}

TEST(RandomStream, OfOneAddressIsAlwaysTheSame) {
  RandomStream a(7, Purpose::test, 3, 4);
  RandomStream b(7, Purpose::test, 3, 4);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.bits(), b.bits());
}

TEST(RandomStream, OfAnotherAddressSharesNoNumber) {
  std::set<std::uint64_t> seen;
  std::size_t draws = 0;
  const auto draw_all = [&](RandomStream stream) {
    for (int i = 0; i < 50; ++i, ++draws) seen.insert(stream.bits());
  };
  const std::uint64_t high = std::uint64_t{1} << 32;
  draw_all(RandomStream(7, Purpose::test, 3, 4));
  draw_all(RandomStream(8, Purpose::test, 3, 4));
  draw_all(RandomStream(7 + high, Purpose::test, 3, 4));
  draw_all(RandomStream(7, Purpose::failure, 3, 4));
  draw_all(RandomStream(7, Purpose::test, 4, 4));
  draw_all(RandomStream(7, Purpose::test, 3 + high, 4));
  draw_all(RandomStream(7, Purpose::test, 3, 5));
  EXPECT_EQ(seen.size(), draws);
}

// The correlation of two independent streams of n draws has deviation 1 / sqrt(n) = 0.007.
TEST(RandomStream, OfNeighbouringSubjectsIsUncorrelated) {
  RandomStream a(1, Purpose::test, 1);
  RandomStream b(1, Purpose::test, 2);
  const Moments product =
      moments_of([&] { return 12 * (a.uniform() - 0.5) * (b.uniform() - 0.5); });
  EXPECT_NEAR(product.mean, 0, 0.03);
}

// Bands of four to five deviations of the mean of 20,000 draws: 4.5 / sqrt(20000) = 0.032
// deviations.
TEST(RandomStream, HasTheMomentsOfItsDistributions) {
  RandomStream stream(1, Purpose::test);
  const Moments uniform = moments_of([&] { return stream.uniform(2, 4); });
  EXPECT_NEAR(uniform.mean, 3, 0.032 * 0.577);
  EXPECT_NEAR(uniform.deviation, 2 / std::sqrt(12), 0.02);
  const Moments exponential = moments_of([&] { return stream.exponential(5); });
  EXPECT_NEAR(exponential.mean, 5, 0.032 * 5);
  EXPECT_NEAR(exponential.deviation, 5, 0.4);
  const Moments normal = moments_of([&] { return stream.normal(10, 2); });
  EXPECT_NEAR(normal.mean, 10, 0.032 * 2);
  EXPECT_NEAR(normal.deviation, 2, 0.06);
  const Moments logarithm = moments_of([&] { return std::log(stream.lognormal(1, 0.5)); });
  EXPECT_NEAR(logarithm.mean, 1, 0.032 * 0.5);
  EXPECT_NEAR(logarithm.deviation, 0.5, 0.02);
}

TEST(RandomStream, DrawsEveryIntegerAlikeAndBothEnds) {
  RandomStream stream(1, Purpose::test);
  std::vector<int> count(7, 0);
  for (int i = 0; i < 7'000; ++i) ++count.at(static_cast<std::size_t>(stream.integer(-3, 3) + 3));
  // Expected 1000 each with a deviation of sqrt(7000 / 7 * 6 / 7) = 29.
  for (const int each : count) EXPECT_NEAR(each, 1000, 150);
  EXPECT_EQ(stream.integer(5, 5), 5);
  const auto lowest = std::numeric_limits<std::int64_t>::min();
  const auto highest = std::numeric_limits<std::int64_t>::max();
  EXPECT_NE(stream.integer(lowest, highest), stream.integer(lowest, highest));
}

TEST(RandomStream, UniformStaysBelowOne) {
  RandomStream stream(1, Purpose::test);
  for (int i = 0; i < kDraws; ++i) {
    const double draw = stream.uniform();
    ASSERT_GE(draw, 0);
    ASSERT_LT(draw, 1);
  }
}

}  // namespace
}  // namespace bourse
