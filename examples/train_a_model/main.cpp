// A model of your own under bourse: softmax regression with a penalty on large weights. The four
// functions below are all that workers, servers, checkpoints and resizes need to know of it.
//
//     bourse train --program build/release/examples/train_a_model --model ridge --data digits
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "apps/train/member_main.h"

namespace {

using bourse::training::Examples;
using bourse::training::Model;
using bourse::training::Outcome;
using bourse::training::ParameterShape;
using bourse::training::SampleShape;

constexpr float kPenalty = 1e-3F;  ///< Half of it times the square of each weight, for each sample.

class Ridge final : public Model {
 public:
  explicit Ridge(const SampleShape& shape)
      : features_(shape.features()), classes_(static_cast<std::size_t>(shape.classes)) {}

  /// A row of weights for each class, and a bias for each.
  [[nodiscard]] std::vector<ParameterShape> parameters() const override {
    const auto classes = static_cast<std::int64_t>(classes_);
    return {{"weight", {classes, static_cast<std::int64_t>(features_)}}, {"bias", {classes}}};
  }

  void initialise(std::uint64_t /*seed*/, std::span<float> values) override {
    std::ranges::fill(values, 0.0F);
  }

  Outcome gradient(std::span<const float> values, const Examples& examples, std::uint64_t /*seed*/,
                   std::span<float> gradient) override {
    std::ranges::fill(gradient, 0.0F);
    return visit(values, examples, [&](std::span<const float> x, std::size_t label) {
      for (std::size_t c = 0; c < classes_; ++c) {
        const float slope = probabilities_[c] - (c == label ? 1.0F : 0.0F);
        for (std::size_t i = 0; i < features_; ++i) {
          const std::size_t at = c * features_ + i;
          gradient[at] += slope * x[i] + kPenalty * values[at];
        }
        gradient[classes_ * features_ + c] += slope;
      }
    });
  }

  Outcome evaluate(std::span<const float> values, const Examples& examples) override {
    return visit(values, examples, [](std::span<const float>, std::size_t) {});
  }

 private:
  /// Calls back for each sample, with its class probabilities in probabilities_.
  template <class F>
  Outcome visit(std::span<const float> values, const Examples& examples, F each) {
    Outcome outcome;
    probabilities_.resize(classes_);
    for (std::size_t row = 0; row < examples.labels.size(); ++row) {
      const auto x = std::span(examples.features).subspan(row * features_, features_);
      for (std::size_t c = 0; c < classes_; ++c) {
        float score = values[classes_ * features_ + c];
        for (std::size_t i = 0; i < features_; ++i) score += values[c * features_ + i] * x[i];
        probabilities_[c] = score;
      }
      const auto label = static_cast<std::size_t>(examples.labels[row]);
      const auto best = std::ranges::max_element(probabilities_);
      if (static_cast<std::size_t>(best - probabilities_.begin()) == label) ++outcome.correct;
      const float highest = *best;
      float sum = 0;
      for (float& score : probabilities_) sum += score = std::exp(score - highest);
      for (float& share : probabilities_) share /= sum;
      outcome.loss_sum -= std::log(std::max(probabilities_[label], 1e-30F));
      each(x, label);
    }
    return outcome;
  }

  std::size_t features_;
  std::size_t classes_;
  std::vector<float> probabilities_;
};

}  // namespace

int main(int argc, char** argv) {
  return bourse::train_member_main(
      argc, argv,
      {{"ridge", [](const SampleShape& shape) { return std::make_unique<Ridge>(shape); }}});
}
