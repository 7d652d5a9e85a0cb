#include "bourse/training/optimiser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "bourse/training/dataset.h"
#include "bourse/training/model.h"
#include "bourse/training/noise_scale.h"
#include "bourse/training/train_options.h"
#include "bourse/training/training_curve.h"

namespace bourse::training {
namespace {

using State = std::vector<std::vector<float>>;

// Velocity 0.5 * 0 + 2 = 2, then 0.5 * 2 + 2 = 3; at rate 0.1 the value goes 1, 0.8, 0.5.
TEST(Sgd, RemembersItsVelocity) {
  const OptimiserOptions options{.kind = OptimiserKind::sgd, .momentum = 0.5};
  std::vector<float> value = {1};
  State state = {{0}};
  for (std::int64_t step = 1; step <= 2; ++step)
    apply(options, {.number = step, .learning_rate = 0.1, .scale = 0.5}, value,
          std::vector<float>{4}, value, state);
  EXPECT_FLOAT_EQ(state[0][0], 3);
  EXPECT_FLOAT_EQ(value[0], 0.5F);
}

// The first step of Adam has the size of the learning rate, whatever the gradient: mean and root of
// the square, both corrected, are 7 and 7.
TEST(Adam, StepsByTheLearningRateFirst) {
  std::vector<float> value = {1, 1};
  State state = {{0, 0}, {0, 0}};
  apply({.kind = OptimiserKind::adam}, {.number = 1, .learning_rate = 0.01}, value,
        std::vector<float>{7, -0.3F}, value, state);
  EXPECT_NEAR(value[0], 0.99, 1e-6);
  EXPECT_NEAR(value[1], 1.01, 1e-6);
}

// Without a gradient AdamW only shrinks: 2 * (1 - 0.1 * 0.5) = 1.9. Adam takes the decay for a
// gradient, and steps by the learning rate: 1.9 too, but for any size of the decay.
TEST(AdamW, ShrinksApartFromTheGradient) {
  std::vector<float> value = {2};
  State state = {{0}, {0}};
  apply({.kind = OptimiserKind::adamw, .weight_decay = 0.5}, {.number = 1, .learning_rate = 0.1},
        value, std::vector<float>{0}, value, state);
  EXPECT_FLOAT_EQ(value[0], 1.9F);
  value = {2};
  apply({.kind = OptimiserKind::adam, .weight_decay = 0.01}, {.number = 1, .learning_rate = 0.1},
        value, std::vector<float>{0}, value, state);
  EXPECT_NEAR(value[0], 1.9, 1e-5);
}

TEST(Optimiser, IsFoundByName) {
  EXPECT_EQ(parse_optimiser("adamw").value(), OptimiserKind::adamw);
  const auto unknown = parse_optimiser("adan");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().message, "there is no optimiser 'adan'; did you mean 'adam'?");
}

// Warm-up over 10 of 110 samples, then half a cosine over 100: at its middle half the rate.
TEST(LearningRate, WarmsUpThenFollowsACosine) {
  const TrainOptions options{.learning_rate = 0.2};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 5, 10, 110), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 10, 10, 110), 0.2);
  EXPECT_NEAR(learning_rate_at(options, 60, 10, 110), 0.1, 1e-12);
  EXPECT_NEAR(learning_rate_at(options, 110, 10, 110), 0, 1e-12);
}

// |G|^2 = 4 and variance 96 per sample: norms of means over 8 and 32 samples are 4 + 96 / 8 = 16
// and 4 + 96 / 32 = 7. From these: (32 * 7 - 8 * 16) / 24 = 4, (16 - 7) / (1/8 - 1/32) = 96, and
// the scale is 24. A batch of 32 in the place of 8 has the gain (12 + 4) / (3 + 4).
TEST(NoiseScale, FollowsFromTwoBatchSizes) {
  NoiseScale noise;
  EXPECT_LT(noise.value(), 0);
  noise.add(8, 16, 32, 7);
  EXPECT_NEAR(noise.value(), 24, 1e-9);
  EXPECT_NEAR(noise.gain(8, 32), 16.0 / 7, 1e-9);
  noise.add(32, 1, 32, 1);  // One batch size says nothing.
  EXPECT_NEAR(noise.value(), 24, 1e-9);
}

TEST(Curve, IsReadAsItWasWritten) {
  const std::vector<CurvePoint> points = {
      {.step = 1, .samples = 64, .loss = 1.0 / 3},
      {.step = 2, .samples = 128, .loss = 0.1, .accuracy = 0.75, .noise_scale = 12.5}};
  const auto read = parse_curve_csv(curve_csv(points));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].loss, 1.0 / 3);
  EXPECT_LT((*read)[0].accuracy, 0);
  EXPECT_EQ((*read)[1].accuracy, 0.75);
  EXPECT_EQ((*read)[1].noise_scale, 12.5);
  EXPECT_NE(curve_svg(points, "title", "below").find("test accuracy"), std::string::npos);
  EXPECT_EQ(parse_curve_csv("x\n1,2\n").error().message,
            "line 2 is not 'step,samples,loss,accuracy,noise_scale'");
}

TEST(EpochOrder, VisitsEverySampleOnceAndAnotherWayEachEpoch) {
  std::vector<std::uint32_t> first = epoch_order(100, 1, 0);
  EXPECT_EQ(first, epoch_order(100, 1, 0));
  EXPECT_NE(first, epoch_order(100, 1, 1));
  EXPECT_NE(first, epoch_order(100, 2, 0));
  std::ranges::sort(first);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(first[i], i);
}

// The slope of the loss along each parameter, by its definition: (f(x + h) - f(x - h)) / 2h.
TEST(PlainNetwork, HasTheGradientOfItsLoss) {
  const SampleShape shape{.channels = 1, .height = 2, .width = 2, .classes = 3};
  const auto model = plain_network(shape, {5});
  std::vector<float> values(parameter_count(*model));
  ASSERT_EQ(values.size(), 4U * 5 + 5 + 5 * 3 + 3);
  model->initialise(7, values);
  const Examples examples{.features = {0.5F, -1, 2, 0.25F, 1, 1, -0.5F, 0.75F}, .labels = {2, 0}};
  std::vector<float> gradient(values.size());
  const Outcome outcome = model->gradient(values, examples, 0, gradient);
  EXPECT_FLOAT_EQ(static_cast<float>(model->evaluate(values, examples).loss_sum),
                  static_cast<float>(outcome.loss_sum));
  for (std::size_t i = 0; i < values.size(); ++i) {
    constexpr float kStep = 1e-2F;
    std::vector<float> moved = values;
    moved[i] = values[i] + kStep;
    const double above = model->evaluate(moved, examples).loss_sum;
    moved[i] = values[i] - kStep;
    const double below = model->evaluate(moved, examples).loss_sum;
    EXPECT_NEAR(gradient[i], (above - below) / (2 * kStep), 2e-3) << "parameter " << i;
  }
}

}  // namespace
}  // namespace bourse::training
