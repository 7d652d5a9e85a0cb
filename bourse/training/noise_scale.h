#pragma once

#include <cstdint>

namespace bourse::training {

/// What a NoiseScale has seen, for checkpoints.
struct NoiseSums {
  double signal = 0;  ///< |G|^2
  double noise = 0;   ///< Trace of the covariance of one sample's gradient.
  std::int64_t count = 0;
};

/// Estimates the gradient noise scale: the batch size, in samples, up to which larger batches save
/// steps almost in proportion.
///
/// Source: McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", appendix A: from
/// squared norms of gradients over few (`small`) and many (`big`) samples follow unbiased
/// estimates of |G|^2 and of the trace of the covariance; each is averaged on its own.
class NoiseScale {
 public:
  NoiseScale() = default;
  explicit NoiseScale(const NoiseSums& sums) : sums_(sums) {}
  [[nodiscard]] const NoiseSums& sums() const { return sums_; }

  /// `small_norm` is the mean squared norm of mean gradients over `small` samples each, `big_norm`
  /// that of the mean gradient over `big`. Left out unless 0 < small < big.
  void add(double small, double small_norm, double big, double big_norm);
  /// In samples; below 0 as long as nothing sensible is known.
  [[nodiscard]] double value() const;
  /// How much further one step of the big batch gets than one of the small batch, from 1 to
  /// big / small: the gain of AdaScale (Johnson et al. 2020), (variance + |G|^2) over
  /// (variance / ratio + |G|^2) with the variance of the small batch.
  [[nodiscard]] double gain(double small, double big) const;

 private:
  NoiseSums sums_;
};

}  // namespace bourse::training
