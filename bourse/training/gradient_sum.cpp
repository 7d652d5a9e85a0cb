#include "bourse/training/gradient_sum.h"

#include <algorithm>
#include <bit>
#include <span>

#include "bourse/base/check.h"

namespace bourse::training {
namespace {

program::Buffer sum_of(const program::Buffer& left, const program::Buffer& right) {
  const std::span<const float> a = left.as<float>();
  const std::span<const float> b = right.as<float>();
  return program::Buffer::filled(left.size(), [&](std::span<std::byte> bytes) {
    auto* const sum = reinterpret_cast<float*>(bytes.data());
    for (std::size_t i = 0; i < a.size(); ++i) sum[i] = a[i] + b[i];
  });
}

}  // namespace

GradientSum::Added GradientSum::add(MicroRange node, const program::Buffer& gradient) {
  if (!std::has_single_bit(node.count) || node.first % node.count != 0 ||
      std::uint64_t{node.first} + node.count > microbatches_)
    return Added::malformed;
  const auto begin = known_.begin() + node.first;
  const auto count = std::count(begin, begin + node.count, true);
  if (count == node.count) return Added::known;
  if (count != 0) return Added::malformed;
  if (!nodes_.empty() && nodes_.begin()->second.second.size() != gradient.size())
    return Added::malformed;
  std::fill(begin, begin + node.count, true);
  program::Buffer sum = gradient;
  while (node.count < microbatches_) {
    const bool is_left = node.first % (2 * node.count) == 0;
    const auto sibling = nodes_.find(is_left ? node.first + node.count : node.first - node.count);
    if (sibling == nodes_.end() || sibling->second.first != node.count) break;
    sum = is_left ? sum_of(sum, sibling->second.second) : sum_of(sibling->second.second, sum);
    node = {is_left ? node.first : sibling->first, 2 * node.count};
    nodes_.erase(sibling);
  }
  nodes_[node.first] = {node.count, std::move(sum)};
  return Added::added;
}

bool GradientSum::is_complete() const {
  return !nodes_.empty() && nodes_.begin()->second.first == microbatches_;
}

const program::Buffer& GradientSum::total() const {
  BOURSE_CHECK(is_complete());
  return nodes_.begin()->second.second;
}

void GradientSum::clear() {
  nodes_.clear();
  known_.assign(microbatches_, false);
}

}  // namespace bourse::training
