#include "bourse/simulation/time_bins.h"

#include <algorithm>
#include <cmath>

#include "bourse/base/check.h"

namespace bourse {

TimeBins::TimeBins(std::size_t series_count, std::size_t limit)
    : series_count_(series_count), limit_(limit) {
  BOURSE_CHECK(series_count > 0);
  BOURSE_CHECK(limit >= 2);
  BOURSE_CHECK(limit % 2 == 0);
}

void TimeBins::widen() {
  const std::size_t bins = sums_.size() / series_count_;
  std::vector<double> joined((bins + 1) / 2 * series_count_, 0.0);
  for (std::size_t bin = 0; bin < bins; ++bin)
    for (std::size_t s = 0; s < series_count_; ++s)
      joined[bin / 2 * series_count_ + s] += sums_[bin * series_count_ + s];
  sums_ = std::move(joined);
  width_ = width_ * 2;
}

void TimeBins::add(Seconds from, Seconds to, std::span<const double> values) {
  BOURSE_CHECK(values.size() == series_count_);
  BOURSE_CHECK(to < kForever);
  while (to / width_ > static_cast<double>(limit_)) widen();
  end_ = std::max(end_, to);
  while (from < to) {
    const auto bin = std::min(limit_ - 1, static_cast<std::size_t>(from / width_));
    const Seconds bin_end = bin + 1 == limit_ ? to : width_ * static_cast<double>(bin + 1);
    const Seconds until = std::min(to, bin_end);
    if (sums_.size() < (bin + 1) * series_count_) sums_.resize((bin + 1) * series_count_, 0.0);
    for (std::size_t s = 0; s < series_count_; ++s)
      sums_[bin * series_count_ + s] += values[s] * (until - from).value;
    if (until <= from) break;
    from = until;
  }
}

std::vector<double> TimeBins::means(std::size_t series) const {
  const std::size_t bins = sums_.size() / series_count_;
  std::vector<double> out(bins);
  for (std::size_t bin = 0; bin < bins; ++bin) {
    const Seconds start = width_ * static_cast<double>(bin);
    const Seconds seen = std::min(width_, end_ - start);
    out[bin] = seen > Seconds(0) ? sums_[bin * series_count_ + series] / seen.value : 0;
  }
  return out;
}

}  // namespace bourse
