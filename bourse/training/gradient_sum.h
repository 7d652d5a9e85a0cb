#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bourse/program/buffer.h"
#include "bourse/training/layout.h"

namespace bourse::training {

/// The sum of the gradients of one step, over all microbatches, along their binary tree: left plus
/// right, whoever comes first. The same bits whatever the number of workers.
///
/// Cost: each number is read and written once per inner node; at most one block for each node that
/// waits for its sibling.
class GradientSum {
 public:
  /// Over `microbatches`, a power of two.
  explicit GradientSum(std::uint32_t microbatches) : microbatches_(microbatches) {}

  enum class Added : std::uint8_t {
    added,
    known,      ///< It was there already, as when work of a lost worker was done twice.
    malformed,  ///< No node of the tree, overlaps others in part, or has another length.
  };
  /// Adds the gradient of one node, a block of floats.
  Added add(MicroRange node, const program::Buffer& gradient);

  [[nodiscard]] bool is_complete() const;
  /// The sum, once it is complete.
  [[nodiscard]] const program::Buffer& total() const;
  void clear();

 private:
  std::uint32_t microbatches_;
  std::map<std::uint32_t, std::pair<std::uint32_t, program::Buffer>> nodes_;  ///< By first.
  std::vector<bool> known_ = std::vector<bool>(microbatches_);
};

}  // namespace bourse::training
