#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/base/error.h"

namespace bourse::training {

/// One step of a training, as it was measured.
struct CurvePoint {
  std::int64_t step = 0;     ///< From 1.
  std::int64_t samples = 0;  ///< Trained on so far.
  double loss = 0;           ///< Mean over the batch.
  double accuracy = -1;      ///< On the test samples, after this step; below 0: not measured.
  double noise_scale = -1;   ///< Gradient noise scale in samples; below 0: not known yet.
};

/// Lines "step,samples,loss,accuracy,noise_scale" below a header. All digits of a loss, so that two
/// curves can be compared to the last bit.
[[nodiscard]] std::string curve_csv(const std::vector<CurvePoint>& points);
/// Errors: data_corrupted with the line.
[[nodiscard]] Result<std::vector<CurvePoint>> parse_curve_csv(const std::string& text);

/// The losses, smoothed, and the accuracies over samples, as a picture.
[[nodiscard]] std::string curve_svg(const std::vector<CurvePoint>& points, const std::string& title,
                                    const std::string& subtitle);

}  // namespace bourse::training
