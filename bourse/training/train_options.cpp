#include "bourse/training/train_options.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace bourse::training {

double learning_rate_at(const TrainOptions& options, double samples, double warmup, double total) {
  if (samples < warmup) return options.learning_rate * samples / warmup;
  if (options.schedule == RateSchedule::constant) return options.learning_rate;
  const double share = std::clamp((samples - warmup) / std::max(total - warmup, 1.0), 0.0, 1.0);
  return options.learning_rate * (1 + std::cos(std::numbers::pi * share)) / 2;
}

}  // namespace bourse::training
