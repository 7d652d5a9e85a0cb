#include "bourse/policy/deadline.h"

#include <variant>

namespace bourse {
namespace {

Deadline delay_of(const ConstantUtility&) { return {}; }

Deadline delay_of(const SigmoidUtility& u) {
  if (u.value <= 0 || u.steepness <= 0) return {};
  return {u.midpoint, false};
}

Deadline delay_of(const DeadlineUtility& u) {
  if (u.late_value >= u.value) return {};
  return {u.deadline, u.late_value <= 0};
}

Deadline delay_of(const LinearDecayUtility& u) {
  if (u.value <= 0) return {};
  return {u.zero_at, true};
}

Deadline delay_of(const PiecewiseLinearUtility& u) {
  const double rest = u.points.back().value;
  if (u.points.front().value <= rest) return {};
  std::size_t last = u.points.size() - 1;
  while (u.points[last - 1].value <= rest) --last;
  return {u.points[last].delay, rest <= 0};
}

}  // namespace

Deadline deadline_of(const JobSpec& job) {
  Deadline deadline = std::visit([](const auto& u) { return delay_of(u); }, job.utility);
  deadline.time += job.arrival;
  return deadline;
}

}  // namespace bourse
