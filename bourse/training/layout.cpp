#include "bourse/training/layout.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "bourse/base/check.h"

namespace bourse::training {

std::size_t ParameterShape::count() const {
  std::size_t product = 1;
  for (const std::int64_t size : sizes) product *= static_cast<std::size_t>(size);
  return product;
}

std::vector<Range> partition(std::size_t count, std::size_t servers) {
  BOURSE_CHECK(servers > 0);
  constexpr std::size_t kLine = 16;  // Floats of a cache line: no line belongs to two servers.
  const std::size_t lines = (count + kLine - 1) / kLine;
  std::vector<Range> ranges;
  for (std::size_t i = 0; i < servers; ++i)
    ranges.push_back({std::min(count, lines * i / servers * kLine),
                      std::min(count, lines * (i + 1) / servers * kLine)});
  return ranges;
}

std::vector<MicroRange> tree_nodes(MicroRange range) {
  std::vector<MicroRange> nodes;
  while (range.count > 0) {
    // As large as its place allows: the lowest set bit of `first`, at most what is left.
    std::uint32_t size = std::bit_floor(range.count);
    if (range.first != 0) size = std::min(size, range.first & (~range.first + 1));
    nodes.push_back({range.first, size});
    range.first += size;
    range.count -= size;
  }
  return nodes;
}

std::vector<MicroRange> split_by_weight(std::uint32_t microbatches,
                                        const std::vector<double>& weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  BOURSE_CHECK(total > 0);
  std::vector<std::uint32_t> counts;
  std::vector<double> remainders;
  std::uint32_t given = 0;
  for (const double weight : weights) {
    const double share = microbatches * weight / total;
    counts.push_back(static_cast<std::uint32_t>(share));
    remainders.push_back(share - std::floor(share));
    given += counts.back();
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return remainders[i]; });
  for (std::size_t i = 0; given < microbatches; i = (i + 1) % order.size()) {
    if (!(weights[order[i]] > 0)) continue;
    ++counts[order[i]];
    ++given;
  }
  std::vector<MicroRange> ranges;
  std::uint32_t first = 0;
  for (const std::uint32_t count : counts) {
    ranges.push_back({first, count});
    first += count;
  }
  return ranges;
}

Range microbatch(std::uint64_t batch, std::uint32_t index, std::uint32_t count) {
  return {batch * index / count, batch * (index + 1) / count};
}

}  // namespace bourse::training
