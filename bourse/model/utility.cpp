#include "bourse/model/utility.h"

#include <cmath>

namespace bourse {
namespace {

double at(const ConstantUtility& u, Seconds) { return u.value; }

double at(const SigmoidUtility& u, Seconds delay) {
  return u.value / (1 + std::exp(u.steepness * (delay - u.midpoint).value));
}

double at(const DeadlineUtility& u, Seconds delay) {
  return delay <= u.deadline ? u.value : u.late_value;
}

double at(const LinearDecayUtility& u, Seconds delay) {
  if (delay <= u.full_until) return u.value;
  if (delay >= u.zero_at) return 0;
  return u.value * ((u.zero_at - delay) / (u.zero_at - u.full_until));
}

double at(const PiecewiseLinearUtility& u, Seconds delay) {
  const auto& points = u.points;
  if (delay <= points.front().delay) return points.front().value;
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (delay > points[i].delay) continue;
    const double share = (delay - points[i - 1].delay) / (points[i].delay - points[i - 1].delay);
    return points[i - 1].value + share * (points[i].value - points[i - 1].value);
  }
  return points.back().value;
}

bool is_value(double value) { return std::isfinite(value) && value >= 0; }
bool is_delay(Seconds delay) { return std::isfinite(delay.value) && delay.value >= 0; }

Result<void> check(const ConstantUtility& u) {
  if (!is_value(u.value)) return invalid("value must be a number of at least 0");
  return {};
}

Result<void> check(const SigmoidUtility& u) {
  if (!is_value(u.value)) return invalid("value must be a number of at least 0");
  if (!is_value(u.steepness)) return invalid("steepness must be a rate of at least 0");
  if (!is_delay(u.midpoint)) return invalid("midpoint must be a duration of at least 0");
  return {};
}

Result<void> check(const DeadlineUtility& u) {
  if (!is_value(u.value)) return invalid("value must be a number of at least 0");
  if (!is_delay(u.deadline)) return invalid("deadline must be a duration of at least 0");
  if (!is_value(u.late_value) || u.late_value > u.value)
    return invalid("late_value must be between 0 and value");
  return {};
}

Result<void> check(const LinearDecayUtility& u) {
  if (!is_value(u.value)) return invalid("value must be a number of at least 0");
  if (!is_delay(u.full_until)) return invalid("full_until must be a duration of at least 0");
  if (!is_delay(u.zero_at) || u.zero_at <= u.full_until)
    return invalid("zero_at must be later than full_until");
  return {};
}

Result<void> check(const PiecewiseLinearUtility& u) {
  if (u.points.empty()) return invalid("points must have at least one point");
  for (std::size_t i = 0; i < u.points.size(); ++i) {
    if (!is_delay(u.points[i].delay))
      return invalid("every delay must be a duration of at least 0");
    if (!is_value(u.points[i].value)) return invalid("every value must be a number of at least 0");
    if (i == 0) continue;
    if (u.points[i].delay <= u.points[i - 1].delay)
      return invalid("the delays of points must increase");
    if (u.points[i].value > u.points[i - 1].value)
      return invalid("the values of points must not increase");
  }
  return {};
}

}  // namespace

double utility_at(const Utility& utility, Seconds delay) {
  return std::visit([&](const auto& u) { return at(u, delay); }, utility);
}

Result<void> validate(const Utility& utility) {
  return std::visit([](const auto& u) { return check(u); }, utility);
}

}  // namespace bourse
