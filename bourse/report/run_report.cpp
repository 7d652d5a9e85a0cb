#include "bourse/report/run_report.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace bourse {

std::optional<double> RunReport::share_of_bound() const {
  if (!bound) return std::nullopt;
  return *bound > 0 ? metrics.utility / *bound : 1.0;
}

MeasuredCost decision_cost(std::vector<float> decision_seconds) {
  MeasuredCost cost;
  if (decision_seconds.empty()) return cost;
  const auto quantile_ms = [&](double q) {
    const double rank = std::ceil(q * static_cast<double>(decision_seconds.size()));
    const auto at = decision_seconds.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
    std::ranges::nth_element(decision_seconds, at);
    return static_cast<double>(*at) * 1e3;
  };
  cost.decision_p50_ms = quantile_ms(0.50);
  cost.decision_p99_ms = quantile_ms(0.99);
  cost.decision_max_ms = static_cast<double>(std::ranges::max(decision_seconds)) * 1e3;
  return cost;
}

namespace {

/// The point that holds at each of `limit` equally spaced times.
template <typename Point>
std::vector<Point> at_equal_steps(std::vector<Point> points, std::size_t limit) {
  if (points.size() <= limit) return points;
  const Seconds start = points.front().time;
  const Seconds length = points.back().time - start;
  std::vector<Point> out;
  std::size_t at = 0;
  for (std::size_t k = 0; k < limit; ++k) {
    const Seconds time = start + length * (static_cast<double>(k) / static_cast<double>(limit - 1));
    while (at + 1 < points.size() && points[at + 1].time <= time) ++at;
    Point point = points[at];
    point.time = time;
    out.push_back(point);
  }
  return out;
}

}  // namespace

std::vector<UsagePoint> sampled(std::vector<UsagePoint> points, std::size_t limit) {
  return at_equal_steps(std::move(points), limit);
}

std::vector<PricePoint> sampled(std::vector<PricePoint> prices, std::size_t limit) {
  return at_equal_steps(std::move(prices), limit);
}

std::string_view name_of(JobStatus status) {
  switch (status) {
    case JobStatus::pending:
      return "not-arrived";
    case JobStatus::waiting:
      return "waiting";
    case JobStatus::running:
      return "running";
    case JobStatus::finished:
      return "finished";
    case JobStatus::declined:
      return "declined";
  }
  return "unknown";
}

}  // namespace bourse
