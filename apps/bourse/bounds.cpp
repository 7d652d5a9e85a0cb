#include "apps/bourse/bounds.h"

#include "bourse/base/check.h"
#include "bourse/simulation/perturb.h"

namespace bourse {
namespace {

/// True if runs of different seeds differ in what the bound depends on.
bool depends_on_seed(const RunPlan& plan) {
  return plan.jitter > Seconds(0) || plan.belief_error > 0 || plan.failures.up_mean > Seconds(0);
}

double bound_of(const RunPlan& plan, UpperBoundOptions options, std::uint64_t seed) {
  const Instance instance = true_instance(plan, seed);
  options.losses = losses_of(outages_of(plan, instance, seed));
  return upper_bound(instance, options).utility;
}

}  // namespace

std::vector<CapacityLoss> losses_of(std::span<const Outage> outages) {
  std::vector<CapacityLoss> losses;
  for (const Outage& outage : outages) losses.push_back({outage.machine, outage.from, outage.to});
  return losses;
}

Instance true_instance(const RunPlan& plan, std::uint64_t seed) {
  Instance instance = jittered(*plan.instance, plan.jitter, seed);
  for (std::size_t i = 0; i < instance.jobs.size(); ++i)
    instance.jobs[i].samples /= speed_factor(plan.belief_error, seed, JobId(i));
  return instance;
}

void add_bounds(const RunPlan& plan, const UpperBoundOptions& options, std::span<RunReport> runs,
                const std::function<void(double)>& on_progress) {
  const std::uint64_t bounds = depends_on_seed(plan) ? plan.seed_count : 1;
  for (std::uint64_t done = 0; done < bounds; ++done) {
    UpperBoundOptions watched = options;
    watched.dual.progress = [&](double share, double) {
      on_progress((static_cast<double>(done) + share) / static_cast<double>(bounds));
      return true;
    };
    const double bound = bound_of(plan, watched, plan.first_seed + done);
    for (RunReport& run : runs) {
      if (bounds > 1 && run.seed != plan.first_seed + done) continue;
      run.bound = bound;
      BOURSE_CHECK(run.metrics.utility <= bound + bound_tolerance(bound));
    }
  }
}

}  // namespace bourse
