#include "bourse/training/computation.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "bourse/training/gradient_sum.h"

namespace bourse::training {
namespace {

/// Samples that are evaluated at once. More are no faster: what a convolution needs for hundreds is
/// so large that it is asked of the system, and given back, for every layer (five times as slow).
constexpr std::uint64_t kEvaluated = 50;

}  // namespace

double squared_norm_of(std::span<const float> values, double scale) {
  constexpr std::size_t kStrides = 8;
  std::array<double, kStrides> sums{};
  const auto add = [&](std::size_t stride, float value) {
    const double x = static_cast<double>(value) * scale;
    sums[stride] += x * x;
  };
  // A compiler makes vectors of strides that it can count.
  const std::size_t whole = values.size() / kStrides * kStrides;
  for (std::size_t i = 0; i < whole; i += kStrides)
    for (std::size_t stride = 0; stride < kStrides; ++stride) add(stride, values[i + stride]);
  for (std::size_t i = whole; i < values.size(); ++i) add(i - whole, values[i]);
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

program::Buffer Computation::node_gradient(const Assignment& work, MicroRange node,
                                           std::span<const float> values, Report& report) {
  GradientSum sum(node.count);
  for (std::uint32_t i = 0; i < node.count; ++i) {
    const std::uint32_t index = node.first + i;
    load_examples(work, microbatch(work.batch, index, work.microbatches));
    Outcome outcome;
    const auto seed =
        seed_ ^ (static_cast<std::uint64_t>(work.step) << 20 | std::uint64_t{index} << 1 | 1);
    const auto gradient =
        program::Buffer::filled(parameters_ * sizeof(float), [&](std::span<std::byte> bytes) {
          const std::span<float> slopes(reinterpret_cast<float*>(bytes.data()), parameters_);
          if (examples_.labels.empty())
            std::ranges::fill(slopes, 0.0F);
          else
            outcome = model_.gradient(values, examples_, seed, slopes);
        });
    report.microbatches.push_back({.loss_sum = outcome.loss_sum,
                                   .correct = outcome.correct,
                                   .squared_norm = squared_norm_of(gradient.as<float>())});
    sum.add({i, 1}, gradient);
  }
  return sum.total();
}

void Computation::load_examples(const Assignment& work, Range samples) {
  if (work.kind == WorkKind::evaluate) {
    std::vector<std::uint32_t> places(samples.count());
    std::iota(places.begin(), places.end(), static_cast<std::uint32_t>(samples.begin));
    return gather(data_, data_.test, places, examples_);
  }
  if (epoch_ != work.epoch) {
    order_ = epoch_order(data_.train.count(), seed_, work.epoch);
    epoch_ = work.epoch;
  }
  gather(data_, data_.train,
         std::span(order_).subspan(work.position + samples.begin, samples.count()), examples_);
}

void Computation::evaluate(const Assignment& work, std::span<const float> values, Report& report) {
  for (std::uint32_t i = 0; i < work.range.count; ++i) {
    const Range all = microbatch(work.batch, work.range.first + i, work.microbatches);
    MicroReport sum;
    for (std::uint64_t begin = all.begin; begin < all.end; begin += kEvaluated) {
      load_examples(work, {begin, std::min(all.end, begin + kEvaluated)});
      const Outcome outcome = model_.evaluate(values, examples_);
      sum.loss_sum += outcome.loss_sum;
      sum.correct += outcome.correct;
    }
    report.microbatches.push_back(sum);
  }
}

}  // namespace bourse::training
