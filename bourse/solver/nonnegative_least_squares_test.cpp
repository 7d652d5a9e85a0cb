#include "bourse/solver/nonnegative_least_squares.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <limits>

namespace bourse {
namespace {

double residual(const std::vector<LeastSquaresRow>& rows, const std::vector<double>& x) {
  double sum = 0;
  for (const LeastSquaresRow& row : rows) {
    double difference = -row.target;
    for (std::size_t c = 0; c < x.size(); ++c) difference += row.values[c] * x[c];
    sum += row.weight * row.weight * difference * difference;
  }
  return sum;
}

// x + y = 3 and x - y = 1 hold at (2, 1), which is inside.
TEST(NonnegativeLeastSquares, SolvesWhatHasASolutionInside) {
  const std::vector<LeastSquaresRow> rows{{{1, 1}, 3}, {{1, -1}, 1}};
  const std::vector<double> x = nonnegative_least_squares(rows, 2);
  EXPECT_NEAR(x[0], 2, 1e-9);
  EXPECT_NEAR(x[1], 1, 1e-9);
}

// x + y = 1 and x - y = 3 hold at (2, -1). With y = 0: min (x - 1)^2 + (x - 3)^2, so x = 2.
TEST(NonnegativeLeastSquares, KeepsAtZeroWhatWouldBeNegative) {
  const std::vector<LeastSquaresRow> rows{{{1, 1}, 1}, {{1, -1}, 3}};
  const std::vector<double> x = nonnegative_least_squares(rows, 2);
  EXPECT_NEAR(x[0], 2, 1e-9);
  EXPECT_EQ(x[1], 0);
}

// x = 0 and x = 3 with weights 1 and 2: min x^2 + 4 (x - 3)^2, so 5 x = 12.
TEST(NonnegativeLeastSquares, WeighsResiduals) {
  const std::vector<LeastSquaresRow> rows{{{1}, 0, 1}, {{1}, 3, 2}};
  EXPECT_NEAR(nonnegative_least_squares(rows, 1)[0], 2.4, 1e-9);
}

TEST(NonnegativeLeastSquares, CopesWithColumnsThatSayTheSameOrNothing) {
  const std::vector<LeastSquaresRow> rows{{{1, 2, 0}, 4}, {{2, 4, 0}, 8}};
  const std::vector<double> x = nonnegative_least_squares(rows, 3);
  EXPECT_NEAR(residual(rows, x), 0, 1e-12);
  EXPECT_EQ(x[2], 0);
  EXPECT_EQ(nonnegative_least_squares({}, 2), (std::vector<double>{0, 0}));
}

// No point of a grid around the answer, nor along any axis from it, is better.
RC_GTEST_PROP(NonnegativeLeastSquares, IsNotBeatenByItsNeighbours, ()) {
  const auto columns = *rc::gen::inRange<std::size_t>(1, 5);
  std::vector<LeastSquaresRow> rows(*rc::gen::inRange<std::size_t>(1, 9));
  for (LeastSquaresRow& row : rows) {
    for (std::size_t c = 0; c < columns; ++c) row.values.push_back(*rc::gen::inRange(-9, 10));
    row.target = 1000.0 * *rc::gen::inRange(-9, 10);
    row.weight = *rc::gen::inRange(1, 4);
  }
  const std::vector<double> x = nonnegative_least_squares(rows, columns);
  const double least = residual(rows, x);
  for (std::size_t c = 0; c < columns; ++c) {
    RC_ASSERT(x[c] >= 0);
    for (const double step : {-100.0, -1.0, -0.01, 0.01, 1.0, 100.0}) {
      std::vector<double> other = x;
      other[c] = std::max(0.0, other[c] + step);
      RC_ASSERT(least <= residual(rows, other) * (1 + 1e-9) + 1e-6);
    }
  }
}

}  // namespace
}  // namespace bourse
