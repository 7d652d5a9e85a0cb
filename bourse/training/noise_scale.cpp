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
  ++sums_.count;
  const double weight = 1 / std::min(static_cast<double>(sums_.count), kMemory);
  sums_.signal += weight * (signal - sums_.signal);
  sums_.noise += weight * (noise - sums_.noise);
}

double NoiseScale::value() const {
  if (sums_.count == 0 || !(sums_.signal > 0) || !(sums_.noise > 0)) return -1;
  return sums_.noise / sums_.signal;
}

double NoiseScale::gain(double small, double big) const {
  const double ratio = big / small;
  if (sums_.count == 0 || ratio <= 1) return std::max(ratio, 1.0);
  const double variance = std::max(sums_.noise, 0.0) / small;
  const double signal = std::max(sums_.signal, 0.0);
  if (!(variance + signal > 0)) return 1;
  return std::clamp((variance + signal) / (variance / ratio + signal), 1.0, ratio);
}

}  // namespace bourse::training
