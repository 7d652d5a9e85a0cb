#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bourse::training {

/// A tensor of a model, as it lies in the flat vector of all parameters.
struct ParameterShape {
  std::string name;                 ///< "conv1.weight".
  std::vector<std::int64_t> sizes;  ///< Of its dimensions; empty for a single number.

  [[nodiscard]] std::size_t count() const;  ///< Numbers in it.
};

/// Numbers [begin, end) of a flat vector.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(end - begin); }
  friend bool operator==(const Range&, const Range&) = default;
};

/// How `count` parameters lie on so many parameter servers: one range each, in order, whose sizes
/// differ by less than two cache lines. Tensors that cross a border are split, so that the largest
/// tensor is no limit to the balance. Servers may have nothing if there are few parameters.
/// Requires servers > 0.
[[nodiscard]] std::vector<Range> partition(std::size_t count, std::size_t servers);

/// Microbatches [first, first + count) of the global batch of a step.
struct MicroRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;

  friend bool operator==(const MicroRange&, const MicroRange&) = default;
};

/// The fewest nodes of the binary tree over all microbatches that together are `range`, in order:
/// node (first, count) has count = 2^k, and first is a multiple of it. Gradients are summed along
/// this tree and in no other order, so that a sum of floats does not depend on how many workers
/// there are, nor on who is fastest.
[[nodiscard]] std::vector<MicroRange> tree_nodes(MicroRange range);

/// Splits `microbatches` into consecutive ranges in proportion to `weights` (all >= 0, some > 0);
/// largest remainders first, ties by position. Ranges may be empty.
[[nodiscard]] std::vector<MicroRange> split_by_weight(std::uint32_t microbatches,
                                                      const std::vector<double>& weights);

/// Samples [begin, end) of a batch of `batch` samples that are microbatch `index` of `count`. Sizes
/// differ by at most one; of a small batch some are empty.
[[nodiscard]] Range microbatch(std::uint64_t batch, std::uint32_t index, std::uint32_t count);

}  // namespace bourse::training
