#include "bourse/training/optimiser.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/base/text.h"

namespace bourse::training {
namespace {

constexpr std::array<std::string_view, 3> kOptimiserNames{"sgd", "adam", "adamw"};

void apply_sgd(const OptimiserOptions& options, const OptimiserStep& step,
               std::span<const float> before, std::span<const float> gradient,
               std::span<float> after, std::span<float> velocity) {
  const auto momentum = static_cast<float>(options.momentum);
  const auto decay = static_cast<float>(options.weight_decay);
  const auto rate = static_cast<float>(step.learning_rate);
  const auto scale = static_cast<float>(step.scale);
  for (std::size_t i = 0; i < before.size(); ++i) {
    velocity[i] = momentum * velocity[i] + (gradient[i] * scale + decay * before[i]);
    after[i] = before[i] - rate * velocity[i];
  }
}

void apply_adam(const OptimiserOptions& options, const OptimiserStep& step,
                std::span<const float> before, std::span<const float> gradient,
                std::span<float> after, std::span<float> mean, std::span<float> square) {
  const auto number = static_cast<double>(step.number);
  const double correction1 = 1 - std::pow(options.beta1, number);
  const double correction2 = 1 - std::pow(options.beta2, number);
  const bool is_decoupled = options.kind == OptimiserKind::adamw;
  const auto rate = static_cast<float>(step.learning_rate / correction1);
  const auto root = static_cast<float>(1 / std::sqrt(correction2));
  const auto beta1 = static_cast<float>(options.beta1);
  const auto beta2 = static_cast<float>(options.beta2);
  const auto epsilon = static_cast<float>(options.epsilon);
  const auto decay = static_cast<float>(is_decoupled ? 0 : options.weight_decay);
  const auto kept =
      static_cast<float>(is_decoupled ? 1 - step.learning_rate * options.weight_decay : 1);
  const auto scale = static_cast<float>(step.scale);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const float slope = gradient[i] * scale + decay * before[i];
    mean[i] = beta1 * mean[i] + (1 - beta1) * slope;
    square[i] = beta2 * square[i] + (1 - beta2) * slope * slope;
    after[i] = kept * before[i] - rate * mean[i] / (std::sqrt(square[i]) * root + epsilon);
  }
}

}  // namespace

Result<OptimiserKind> parse_optimiser(std::string_view name) {
  for (std::size_t i = 0; i < kOptimiserNames.size(); ++i)
    if (kOptimiserNames[i] == name) return static_cast<OptimiserKind>(i);
  return invalid(fmt::format("there is no optimiser '{}'{}", quotable(name),
                             suggestion(name, kOptimiserNames)));
}

std::string_view name_of(OptimiserKind kind) {
  return kOptimiserNames[static_cast<std::size_t>(kind)];
}

std::size_t state_count(OptimiserKind kind) { return kind == OptimiserKind::sgd ? 1 : 2; }

void apply(const OptimiserOptions& options, const OptimiserStep& step,
           std::span<const float> before, std::span<const float> gradient, std::span<float> after,
           std::span<std::vector<float>> state) {
  const std::vector<std::span<float>> parts(state.begin(), state.end());
  apply(options, step, before, gradient, after, std::span<const std::span<float>>(parts));
}

void apply(const OptimiserOptions& options, const OptimiserStep& step,
           std::span<const float> before, std::span<const float> gradient, std::span<float> after,
           std::span<const std::span<float>> state) {
  BOURSE_CHECK(state.size() == state_count(options.kind));
  BOURSE_CHECK(before.size() == gradient.size());
  BOURSE_CHECK(before.size() == after.size());
  for (const std::span<float> part : state) BOURSE_CHECK(part.size() == before.size());
  if (options.kind == OptimiserKind::sgd)
    apply_sgd(options, step, before, gradient, after, state[0]);
  else
    apply_adam(options, step, before, gradient, after, state[0], state[1]);
}

}  // namespace bourse::training
