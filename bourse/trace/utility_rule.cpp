#include "bourse/trace/utility_rule.h"

#include <algorithm>
#include <cmath>

#include "bourse/base/random.h"

namespace bourse {
namespace {

Result<void> check(const UtilityRule& rule) {
  const auto ordered = [](double low, double high) { return low >= 0 && low <= high; };
  if (!ordered(rule.value_min, rule.value_max))
    return invalid("the value of a job must be from a minimum of at least 0 up to a maximum");
  if (!ordered(rule.midpoint_min, rule.midpoint_max) ||
      !ordered(rule.sensitive_min, rule.sensitive_max) ||
      !ordered(rule.critical_min, rule.critical_max))
    return invalid("a range of the utility rule must be from a minimum of at least 0 to a maximum");
  if (rule.share_insensitive < 0 || rule.share_critical < 0 ||
      rule.share_insensitive + rule.share_critical > 1)
    return invalid("the shares of the utility rule must be at least 0 and at most 1 in sum");
  if (!(rule.shortest.value > 0)) return invalid("shortest must be above 0");
  return {};
}

bool is_default(const Utility& utility) {
  const auto* constant = std::get_if<ConstantUtility>(&utility);
  return constant != nullptr && constant->value == 1;
}

}  // namespace

double gpu_hours(const Workload& workload, const JobSpec& job) {
  const auto gpu = workload.types.find("gpu");
  const Amount a_worker = gpu && job.worker[*gpu] > 0 ? job.worker[*gpu] : kAmountsPerUnit;
  const double gpus =
      static_cast<double>(a_worker) / static_cast<double>(kAmountsPerUnit) * job.requested_workers;
  return gpus * requested_duration(job).value / 3600;
}

Result<UtilityCounts> assign_utilities(Workload& workload, std::uint64_t seed,
                                       const UtilityRule& rule) {
  BOURSE_TRY_VOID(check(rule));
  UtilityCounts counts;
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) {
    JobSpec& job = workload.jobs[i];
    auto* const deadline = std::get_if<DeadlineUtility>(&job.utility);
    const bool valueless = deadline != nullptr && deadline->value == 1;
    if (!valueless && !is_default(job.utility)) {
      ++counts.kept;
      continue;
    }
    // Every job makes the same draws in the same order, so that changing a share changes no value.
    RandomStream stream(seed, Purpose::utility, i);
    const double theta1 = stream.uniform(rule.value_min, rule.value_max);
    const double kind = stream.uniform();
    const double midpoint = stream.uniform(rule.midpoint_min, rule.midpoint_max);
    const double steepness = stream.uniform();
    const double value = theta1 * std::pow(gpu_hours(workload, job), rule.size_exponent);
    if (valueless) {
      deadline->value = value;
      ++counts.deadline;
      continue;
    }
    const double duration = std::max(requested_duration(job).value, rule.shortest.value);
    SigmoidUtility sigmoid{.value = value, .midpoint = Seconds(midpoint * duration)};
    if (kind < rule.share_insensitive) {
      ++counts.insensitive;
    } else if (kind < rule.share_insensitive + rule.share_critical) {
      sigmoid.steepness = std::lerp(rule.critical_min, rule.critical_max, steepness) / duration;
      ++counts.critical;
    } else {
      sigmoid.steepness = std::lerp(rule.sensitive_min, rule.sensitive_max, steepness) / duration;
      ++counts.sensitive;
    }
    job.utility = sigmoid;
  }
  return counts;
}

}  // namespace bourse
