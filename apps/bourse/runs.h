#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/policy/parameters.h"
#include "bourse/report/run_report.h"
#include "bourse/simulation/simulate.h"

namespace bourse {

/// A policy with what the user set of it.
struct PolicyChoice {
  std::string name;
  Settings settings;
};

/// How machines fail.
struct FailureModel {
  std::vector<Outage> outages;  ///< The same in every run.
  Seconds up_mean{0};           ///< > 0: machines also fail at random, another way for each seed.
  Seconds down_mean{0};
};

/// Jobs of another time, for policies that forecast.
struct History {
  std::vector<JobSpec> jobs{};  ///< Demands in the resource types of the cluster.
  Seconds span{0};              ///< They arrived within this time.
};

/// All runs of one command: every policy with every seed.
struct RunPlan {
  const Instance* instance = nullptr;  ///< Outlives the plan.
  std::vector<PolicyChoice> policies;
  std::uint64_t first_seed = 1;
  std::uint64_t seed_count = 1;
  Seconds jitter{0};
  double belief_error = 0;
  Seconds checkpoint_every{0};
  FailureModel failures;
  History history{};
  bool keep_details = false;
  std::optional<JobId> explain{};   ///< Also keep what is said about this job.
  RunObserver* observer = nullptr;  ///< Watches the run of a plan that has only one; may be null.
  std::size_t thread_count = 1;
};

/// What came of a plan, by (policy as given, seed). `details` is empty unless they were kept.
struct RunResults {
  std::vector<RunReport> runs;
  std::vector<RunDetail> details;
};

/// Until when machines fail at random: the horizon, or the time in which the jobs could run one
/// after another.
[[nodiscard]] Seconds failures_until(const Instance& instance);

/// Outages of the runs with this seed.
[[nodiscard]] std::vector<Outage> outages_of(const RunPlan& plan, const Instance& instance,
                                             std::uint64_t seed);

/// Does the runs on `thread_count` threads; results do not depend on it. `on_progress` is called
/// from the caller's thread about five times a second with the share of the work done, in [0, 1].
/// Errors: those of make_policy.
[[nodiscard]] Result<RunResults> run_all(const RunPlan& plan,
                                         const std::function<void(double)>& on_progress);

}  // namespace bourse
