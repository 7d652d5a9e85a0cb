#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "bourse/training/model.h"

// Users include <torch/torch.h> in their .cpp file; it costs 15 s and 1.1 GB for each. For Clang 19
// in C++20, <ATen/core/ivalue.h> must come before it.
namespace at {
class Tensor;
}  // namespace at
namespace torch::nn {
class Module;
}  // namespace torch::nn

namespace bourse::training {

/// A module, and how it makes scores (samples, classes) of images (samples, channels, height,
/// width).
struct TorchNetwork {
  std::shared_ptr<torch::nn::Module> module;  ///< Owned by us and by `forward`, if it likes.
  std::function<at::Tensor(const at::Tensor& images)> forward;
};

/// Any module of LibTorch as a Model; the loss is softmax cross-entropy. `make` is called more than
/// once: what it makes right after a seed was set are the values to start from. Throws
/// std::invalid_argument for a module with buffers (as of batch normalisation): workers would not
/// share them.
[[nodiscard]] std::unique_ptr<Model> torch_model(const SampleShape& shape,
                                                 std::function<TorchNetwork()> make);

}  // namespace bourse::training
