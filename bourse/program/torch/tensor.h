#pragma once

#include <ATen/core/ivalue.h>  // First of them: without it, Clang does not take tensors in C++20.
#include <ATen/ops/from_blob.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bourse/program/serialize.h"

/// Tensors of LibTorch as arguments and results. Include this before the calls that use them, and
/// link bourse::program_torch:
///
///     struct Learner { torch::Tensor step(const torch::Tensor& batch); };
///     torch::Tensor out = learner.call<&Learner::step>(batch);
///
/// What arrives is a tensor of its own, in the memory of the processor, without a history for
/// gradients. The elements of a dense, contiguous tensor are not copied on the way out, nor on
/// arrival by wire.
namespace bourse::program {

/// What says how the bytes of a tensor are to be read.
struct TensorShape {
  bool is_defined = false;
  std::int8_t type = 0;  ///< at::ScalarType.
  std::vector<std::int64_t> sizes;
};

/// Bytes of a tensor of this shape; -1 if there is none, or of more than fit into memory.
[[nodiscard]] inline std::int64_t tensor_bytes(const TensorShape& shape) {
  const auto type = static_cast<at::ScalarType>(shape.type);
  if (shape.type < 0 || type >= at::ScalarType::Undefined || at::isQIntType(type)) return -1;
  auto bytes = static_cast<std::int64_t>(at::elementSize(type));
  bool is_empty = false;
  for (const std::int64_t size : shape.sizes) {
    if (size < 0) return -1;
    is_empty = is_empty || size == 0;
    if (size > 0 && bytes > std::numeric_limits<std::int64_t>::max() / size) return -1;
    bytes *= size > 0 ? size : 1;
  }
  return is_empty ? 0 : bytes;
}

/// Throws std::invalid_argument for a tensor that has no dense elements.
inline void serialize(WireOutput& output, at::Tensor& tensor) {
  TensorShape shape;
  if (!tensor.defined()) return output(shape);
  if (tensor.layout() != at::kStrided || tensor.is_quantized())
    throw std::invalid_argument(
        "a tensor that is sparse or quantized cannot cross nodes; make it dense first");
  const auto dense = std::make_shared<at::Tensor>(tensor.detach().to(at::kCPU).contiguous());
  shape.is_defined = true;
  shape.type = static_cast<std::int8_t>(dense->scalar_type());
  shape.sizes = dense->sizes().vec();
  output(shape);
  output.writer.block(Buffer::view(dense->data_ptr(), dense->nbytes(), dense));
}

/// Fails the reader if the bytes are no tensor.
inline void serialize(WireInput& input, at::Tensor& tensor) {
  TensorShape shape;
  input(shape);
  tensor = at::Tensor();
  if (!input.reader.ok() || !shape.is_defined) return;
  std::byte* bytes = nullptr;
  const Buffer block = input.reader.own_block(&bytes);
  if (!input.reader.ok()) return;
  if (tensor_bytes(shape) != static_cast<std::int64_t>(block.size()))
    return input.reader.fail("a tensor has other bytes than its shape says");
  tensor = at::from_blob(
      bytes, shape.sizes, [block](void*) {}, at::dtype(static_cast<at::ScalarType>(shape.type)));
}

}  // namespace bourse::program
