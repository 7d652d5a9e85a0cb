#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/training/dataset.h"
#include "bourse/training/layout.h"

namespace bourse::training {

/// What a model made of some examples.
struct Outcome {
  double loss_sum = 0;       ///< Sum over the examples, not the mean.
  std::int64_t correct = 0;  ///< Examples whose class had the highest score.
};

/// Something that can be trained: this interface is all that the runtime knows of it. Parameters
/// are one flat vector that the runtime owns and hands in. One thread at a time calls. What throws
/// ends the worker with the message.
class Model {
 public:
  virtual ~Model() = default;

  /// The tensors in the order in which they lie in the flat vector.
  [[nodiscard]] virtual std::vector<ParameterShape> parameters() const = 0;
  /// Writes the values to start from, a function of the seed alone.
  virtual void initialise(std::uint64_t seed, std::span<float> values) = 0;
  /// Writes the gradient of the *sum* of the losses of the examples. `seed` is another one for each
  /// microbatch, for dropout and the like.
  virtual Outcome gradient(std::span<const float> values, const Examples& examples,
                           std::uint64_t seed, std::span<float> gradient) = 0;
  /// Loss and hits without a gradient.
  virtual Outcome evaluate(std::span<const float> values, const Examples& examples) = 0;
};

/// Numbers in all tensors of a model.
[[nodiscard]] std::size_t parameter_count(const Model& model);

/// Makes a model for samples of this shape.
using MakeModel = std::function<std::unique_ptr<Model>(const SampleShape& shape)>;
/// Models by name.
using ModelTable = std::map<std::string, MakeModel, std::less<>>;

/// A network of fully connected layers with ReLU between them and softmax cross-entropy at the end,
/// in plain C++; without hidden layers, logistic regression. Initialised as He et al. 2015.
[[nodiscard]] std::unique_ptr<Model> plain_network(const SampleShape& shape,
                                                   std::vector<std::size_t> hidden);

/// The models that need no library: "plain-logistic" and "plain-mlp" (one hidden layer of 128).
[[nodiscard]] ModelTable plain_models();

}  // namespace bourse::training
