#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bourse/program/buffer.h"
#include "bourse/training/messages.h"
#include "bourse/training/model.h"

namespace bourse::training {

/// What a worker computes, whoever gets it: gradients and evaluations of what is assigned.
class Computation {
 public:
  /// `data` and `model` outlive it.
  Computation(std::uint64_t seed, const Dataset& data, Model& model)
      : seed_(seed), data_(data), model_(model), parameters_(parameter_count(model)) {}

  /// Numbers in the flat vector.
  [[nodiscard]] std::size_t parameters() const { return parameters_; }
  /// The gradient of a node of the tree, in floats, at these values; reports its microbatches.
  [[nodiscard]] program::Buffer node_gradient(const Assignment& work, MicroRange node,
                                              std::span<const float> values, Report& report);
  /// Losses and hits of the assigned part of the test samples.
  void evaluate(const Assignment& work, std::span<const float> values, Report& report);

 private:
  void load_examples(const Assignment& work, Range samples);

  const std::uint64_t seed_;
  const Dataset& data_;
  Model& model_;
  const std::size_t parameters_;
  std::int64_t epoch_ = -1;  ///< Of order_.
  std::vector<std::uint32_t> order_;
  Examples examples_;
};

/// Summed in eight strides, then in order: quick, and the same on every machine.
[[nodiscard]] double squared_norm_of(std::span<const float> values, double scale = 1);

}  // namespace bourse::training
