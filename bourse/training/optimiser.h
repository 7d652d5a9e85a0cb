#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse::training {

/// The optimisers there are.
enum class OptimiserKind : std::uint8_t { sgd, adam, adamw };

/// How parameters follow their gradients.
struct OptimiserOptions {
  OptimiserKind kind = OptimiserKind::sgd;
  double momentum = 0.9;    ///< Of sgd, in [0, 1).
  double beta1 = 0.9;       ///< Of adam and adamw, in [0, 1).
  double beta2 = 0.999;     ///< The same.
  double epsilon = 1e-8;    ///< The same, > 0.
  double weight_decay = 0;  ///< sgd and adam add it to the gradient, adamw shrinks by it.
};

/// Errors: invalid_argument, with the names there are.
[[nodiscard]] Result<OptimiserKind> parse_optimiser(std::string_view name);
[[nodiscard]] std::string_view name_of(OptimiserKind kind);

/// Vectors as long as the parameters that the optimiser remembers: 1 for sgd, 2 for the others.
[[nodiscard]] std::size_t state_count(OptimiserKind kind);

/// One step of an optimiser on a part of the parameters. Element by element, so that splitting the
/// parameters changes nothing.
struct OptimiserStep {
  std::int64_t number = 1;  ///< Of the step, from 1.
  double learning_rate = 0;
  double scale = 1;  ///< The gradient is `gradient` times this.
};
/// Writes `after`, which may be `before` itself; updates `state` (state_count() vectors, zeros at
/// first).
///
/// Source: sgd as in PyTorch (velocity = momentum * velocity + gradient); Adam, Kingma and Ba 2015,
/// with bias correction; AdamW, Loshchilov and Hutter 2019. Cost: one pass.
void apply(const OptimiserOptions& options, const OptimiserStep& step,
           std::span<const float> before, std::span<const float> gradient, std::span<float> after,
           std::span<std::vector<float>> state);
/// The same for a part of the parameters, whose state is that part of each vector.
void apply(const OptimiserOptions& options, const OptimiserStep& step,
           std::span<const float> before, std::span<const float> gradient, std::span<float> after,
           std::span<const std::span<float>> state);

}  // namespace bourse::training
