#include "bourse/training/noise_scale.h"

#include <algorithm>
#include <cmath>

namespace bourse::training {

void NoiseScale::add(double small, double small_norm, double big, double big_norm) {
  if (!(small > 0) || !(small < big)) return;
  const double signal = (big * big_norm - small * small_norm) / (big - small);
  const double noise = (small_norm - big_norm) / (1 / small - 1 / big);
  // The mean of all at first, then a moving one.
  constexpr double kMemory = 100;
  ++count_;
  const double weight = 1 / std::min(static_cast<double>(count_), kMemory);
  signal_ += weight * (signal - signal_);
  noise_ += weight * (noise - noise_);
}

double NoiseScale::value() const {
  if (count_ == 0 || !(signal_ > 0) || !(noise_ > 0)) return -1;
  return noise_ / signal_;
}

double NoiseScale::gain(double small, double big) const {
  const double ratio = big / small;
  if (count_ == 0 || ratio <= 1) return std::max(ratio, 1.0);
  const double variance = std::max(noise_, 0.0) / small;
  const double signal = std::max(signal_, 0.0);
  if (!(variance + signal > 0)) return 1;
  return std::clamp((variance + signal) / (variance / ratio + signal), 1.0, ratio);
}

}  // namespace bourse::training
