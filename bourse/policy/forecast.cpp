#include "bourse/policy/forecast.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "bourse/policy/rates.h"

namespace bourse {
namespace {

/// 1 / golden ratio: multiples of it, modulo 1, spread evenly however many there are.
constexpr double kGolden = 0.6180339887498949;

}  // namespace

ArrivalForecast::ArrivalForecast(ForecastOptions options, const std::vector<JobSpec>& history,
                                 Seconds history_span)
    : options_(options), history_span_(history_span) {
  for (const JobSpec& job : history) history_.push_back(template_of(job));
}

ArrivalForecast::Template ArrivalForecast::template_of(const JobSpec& job) {
  return {job, Seconds(job.samples / full_rate(job))};
}

double ArrivalForecast::fading(Seconds age) const { return std::exp2(-(age / options_.memory)); }

Seconds ArrivalForecast::exposure(Seconds now) const {
  if (first_arrival_ == kForever) return Seconds(0);
  const double age = (now - first_arrival_ + options_.grain) / options_.memory;
  return options_.memory * ((1 - std::exp2(-age)) / std::numbers::ln2);
}

void ArrivalForecast::observe(const JobSpec& job) {
  first_arrival_ = std::min(first_arrival_, job.arrival);
  count_ = count_ * fading(job.arrival - counted_at_) + 1;
  counted_at_ = job.arrival;
  seen_.push_back(template_of(job));
  if (seen_.size() > options_.templates) seen_.pop_front();
}

double ArrivalForecast::rate(Seconds now) const {
  const Seconds past = history_.empty() ? Seconds(0) : options_.history_weight;
  const double seen = count_ * fading(now - counted_at_);
  const double told =
      history_.empty() ? 0 : static_cast<double>(history_.size()) * (past / history_span_);
  const Seconds time = exposure(now) + past;
  return time > Seconds(0) ? (seen + told) / time.value : 0;
}

std::vector<ExpectedJob> ArrivalForecast::expect(Seconds now, std::span<const Seconds> times,
                                                 Seconds end, std::size_t most) const {
  struct Share {
    const Template* job;
    double share;  ///< Of all arrivals.
  };
  std::vector<Share> shares;
  const double per_second = rate(now);
  if (per_second <= 0) return {};
  double total = 0;
  for (const Template& job : seen_) total += fading(now - job.spec.arrival);
  const Seconds past = history_.empty() ? Seconds(0) : options_.history_weight;
  const double told =
      history_.empty() ? 0 : static_cast<double>(history_.size()) * (past / history_span_);
  // Templates that were dropped are stood for by those that were kept.
  const double seen = count_ * fading(now - counted_at_);
  for (const Template& job : seen_)
    shares.push_back({&job, fading(now - job.spec.arrival) / total * seen / (seen + told)});
  for (const Template& job : history_)
    shares.push_back({&job, told / static_cast<double>(history_.size()) / (seen + told)});
  std::ranges::stable_sort(shares, {}, [](const Share& share) { return share.job->shortest; });

  std::vector<ExpectedJob> expected;
  const std::size_t periods = times.size() - 1;
  const std::size_t each = std::max<std::size_t>(1, most / std::max<std::size_t>(1, periods));
  for (std::size_t k = 0; k < periods; ++k) {
    const auto in_time = std::ranges::partition_point(
        shares, [&](const Share& share) { return times[k] + share.job->shortest <= end; });
    const std::span<const Share> fit(shares.begin(), in_time);
    double sum = 0;
    for (const Share& share : fit) sum += share.share;
    const double arrivals = per_second * (times[k + 1] - times[k]).value;
    if (fit.size() <= each) {
      for (const Share& share : fit)
        expected.push_back({&share.job->spec, times[k], arrivals * share.share});
      continue;
    }
    // Systematic sampling: equal steps through the shares, from another start in each period.
    const double step = sum / static_cast<double>(each);
    double next =
        step * (static_cast<double>(k) * kGolden - std::floor(static_cast<double>(k) * kGolden));
    double reached = 0;
    for (const Share& share : fit) {
      reached += share.share;
      int times_taken = 0;
      for (; next < reached; next += step) ++times_taken;
      if (times_taken > 0)
        expected.push_back({&share.job->spec, times[k], arrivals * step * times_taken});
    }
  }
  return expected;
}

}  // namespace bourse
