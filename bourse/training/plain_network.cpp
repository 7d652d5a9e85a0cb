#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/training/model.h"

namespace bourse::training {
namespace {

/// out = in * weights^T + bias, for `count` rows. Weights are stored input by input, so that the
/// inner loop runs over outputs that lie next to each other.
void forward_layer(std::span<const float> in, std::span<const float> weights,
                   std::span<const float> bias, std::size_t count, std::span<float> out) {
  const std::size_t outputs = bias.size();
  const std::size_t inputs = weights.size() / outputs;
  for (std::size_t row = 0; row < count; ++row) {
    float* const to = out.data() + row * outputs;
    std::copy(bias.begin(), bias.end(), to);
    for (std::size_t i = 0; i < inputs; ++i) {
      const float x = in[row * inputs + i];
      if (x == 0) continue;
      const float* const w = weights.data() + i * outputs;
      for (std::size_t o = 0; o < outputs; ++o) to[o] += x * w[o];
    }
  }
}

class PlainNetwork final : public Model {
 public:
  PlainNetwork(const SampleShape& shape, std::vector<std::size_t> hidden) {
    widths_.push_back(shape.features());
    widths_.insert(widths_.end(), hidden.begin(), hidden.end());
    widths_.push_back(static_cast<std::size_t>(shape.classes));
  }

  [[nodiscard]] std::vector<ParameterShape> parameters() const override {
    std::vector<ParameterShape> shapes;
    for (std::size_t layer = 0; layer + 1 < widths_.size(); ++layer) {
      const auto inputs = static_cast<std::int64_t>(widths_[layer]);
      const auto outputs = static_cast<std::int64_t>(widths_[layer + 1]);
      shapes.push_back({fmt::format("layer{}.weight", layer), {inputs, outputs}});
      shapes.push_back({fmt::format("layer{}.bias", layer), {outputs}});
    }
    return shapes;
  }

  void initialise(std::uint64_t seed, std::span<float> values) override {
    std::size_t at = 0;
    for (std::size_t layer = 0; layer + 1 < widths_.size(); ++layer) {
      RandomStream random(seed, Purpose::learning, layer, 2);
      const double deviation = std::sqrt(2.0 / static_cast<double>(widths_[layer]));
      for (std::size_t i = 0; i < widths_[layer] * widths_[layer + 1]; ++i)
        values[at++] = static_cast<float>(random.normal(0, deviation));
      for (std::size_t i = 0; i < widths_[layer + 1]; ++i) values[at++] = 0;
    }
    BOURSE_CHECK(at == values.size());
  }

  Outcome gradient(std::span<const float> values, const Examples& examples, std::uint64_t /*seed*/,
                   std::span<float> gradient) override {
    std::ranges::fill(gradient, 0.0F);
    const Outcome outcome = forward(values, examples);
    score_gradient(examples);
    backward(values, examples, gradient);
    return outcome;
  }

  Outcome evaluate(std::span<const float> values, const Examples& examples) override {
    return forward(values, examples);
  }

 private:
  [[nodiscard]] std::size_t layers() const { return widths_.size() - 1; }

  /// Where the weights of a layer begin; its bias is behind them.
  [[nodiscard]] std::size_t offset(std::size_t layer) const {
    std::size_t at = 0;
    for (std::size_t i = 0; i < layer; ++i) at += (widths_[i] + 1) * widths_[i + 1];
    return at;
  }

  /// Fills outputs_; those of the last layer become probabilities.
  Outcome forward(std::span<const float> values, const Examples& examples) {
    const std::size_t count = examples.labels.size();
    outputs_.resize(layers());
    std::span<const float> in = examples.features;
    for (std::size_t layer = 0; layer < layers(); ++layer) {
      const std::size_t weights = widths_[layer] * widths_[layer + 1];
      std::vector<float>& out = outputs_[layer];
      out.resize(count * widths_[layer + 1]);
      forward_layer(in, values.subspan(offset(layer), weights),
                    values.subspan(offset(layer) + weights, widths_[layer + 1]), count, out);
      if (layer + 1 < layers())
        for (float& x : out) x = std::max(x, 0.0F);
      in = out;
    }
    return score(examples);
  }

  Outcome score(const Examples& examples) {
    const std::size_t classes = widths_.back();
    Outcome outcome;
    for (std::size_t row = 0; row < examples.labels.size(); ++row) {
      const std::span<float> scores(outputs_.back().data() + row * classes, classes);
      const auto label = static_cast<std::size_t>(examples.labels[row]);
      const auto best = std::ranges::max_element(scores);
      if (static_cast<std::size_t>(best - scores.begin()) == label) ++outcome.correct;
      const float highest = *best;
      double sum = 0;
      for (const float x : scores) sum += std::exp(static_cast<double>(x - highest));
      outcome.loss_sum += std::log(sum) - static_cast<double>(scores[label] - highest);
      for (float& x : scores)
        x = static_cast<float>(std::exp(static_cast<double>(x - highest)) / sum);
    }
    return outcome;
  }

  /// d loss / d score = probability, less one at the label.
  void score_gradient(const Examples& examples) {
    const std::size_t classes = widths_.back();
    for (std::size_t row = 0; row < examples.labels.size(); ++row)
      outputs_.back()[row * classes + static_cast<std::size_t>(examples.labels[row])] -= 1;
  }

  /// From the last layer to the first; outputs_ turns into the gradient by the outputs on the way.
  void backward(std::span<const float> values, const Examples& examples,
                std::span<float> gradient) {
    const std::size_t count = examples.labels.size();
    for (std::size_t layer = layers(); layer-- > 0;) {
      const std::size_t inputs = widths_[layer];
      const std::size_t outputs = widths_[layer + 1];
      const float* const w = values.data() + offset(layer);
      float* const dw = gradient.data() + offset(layer);
      float* const db = dw + inputs * outputs;
      float* const in = layer == 0 ? nullptr : outputs_[layer - 1].data();
      for (std::size_t row = 0; row < count; ++row) {
        const float* const slope = outputs_[layer].data() + row * outputs;
        for (std::size_t o = 0; o < outputs; ++o) db[o] += slope[o];
        for (std::size_t i = 0; i < inputs; ++i) {
          const float x =
              in == nullptr ? examples.features[row * inputs + i] : in[row * inputs + i];
          if (x == 0) continue;  // Also where ReLU was 0: no slope goes through.
          float back = 0;
          for (std::size_t o = 0; o < outputs; ++o) {
            dw[i * outputs + o] += x * slope[o];
            back += slope[o] * w[i * outputs + o];
          }
          if (in != nullptr) in[row * inputs + i] = back;
        }
      }
    }
  }

  std::vector<std::size_t> widths_;          ///< Of the input and of each layer.
  std::vector<std::vector<float>> outputs_;  ///< Of each layer, row after row.
};

}  // namespace

std::size_t parameter_count(const Model& model) {
  std::size_t count = 0;
  for (const ParameterShape& shape : model.parameters()) count += shape.count();
  return count;
}

std::unique_ptr<Model> plain_network(const SampleShape& shape, std::vector<std::size_t> hidden) {
  return std::make_unique<PlainNetwork>(shape, std::move(hidden));
}

ModelTable plain_models() {
  return {{"plain-logistic", [](const SampleShape& shape) { return plain_network(shape, {}); }},
          {"plain-mlp", [](const SampleShape& shape) { return plain_network(shape, {128}); }}};
}

}  // namespace bourse::training
