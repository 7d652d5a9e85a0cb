#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/id.h"
#include "bourse/base/quantity.h"
#include "bourse/model/workload.h"
#include "bourse/policy/check_decision.h"
#include "bourse/policy/policy.h"

namespace bourse {

/// A machine is down from `from` until `to`.
struct Outage {
  MachineId machine;
  Seconds from{0};
  Seconds to{0};  ///< > from.
};

/// Sees a run from outside; what it does costs the policy no time that is measured.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// The run is about to begin under this policy.
  virtual void begin(const Policy& policy) = 0;
  /// After each event, when the decision has been applied. Allocations of the decision have moved
  /// into the state; its job ids are still there.
  virtual void after(const ClusterState& state, const Event& event, const Decision& decision) = 0;
};

struct SimulationOptions {
  std::uint64_t seed = 1;
  /// Largest relative error of the declared speed: job i truly runs at its declared speed times a
  /// factor drawn uniformly from [1 - e, 1 + e]. Policies see the declared one. In [0, 1).
  double belief_error = 0;
  /// Outages of one machine do not overlap. Any order.
  std::vector<Outage> outages;
  /// A job under a machine that goes down falls back to the last multiple of this much running time
  /// since its allocation began; 0: nothing is lost.
  Seconds checkpoint_every{0};
  /// Keep how many GPUs (or of the first resource) are in use over time.
  bool record_usage = false;
  /// Keep the reasons and plans that the policy gives.
  bool record_reasons = false;
  /// Keep the policy's prices over time, if it has any.
  bool record_prices = false;
  /// Keep what the policy can say about this job whenever it gives a reason for it.
  std::optional<JobId> explain{};
  /// Seconds of some clock that only moves on, to time decisions with; null: they are not timed.
  double (*stopwatch)() = nullptr;
  /// Watches the run; null: nobody does. Outlives it.
  RunObserver* observer = nullptr;
  /// Called every few thousand events with the share of jobs that are over, in [0, 1]; may be null.
  /// False stops the run: the rest counts as unfinished.
  std::function<bool(double)> progress;
};

/// What became of one job.
struct JobRecord {
  JobStatus status = JobStatus::pending;
  Seconds first_start = kForever;  ///< kForever if it never ran.
  Seconds finish = kForever;       ///< kForever if it did not.
  Seconds executed{0};             ///< Time it held an allocation.
  double resource_seconds = 0;     ///< GPUs (or units of the first resource) x time held.
  std::uint32_t restarts = 0;
  double samples_trained = 0;  ///< That passed through its model, by the end.
  double utility = 0;          ///< What completing it was worth; 0 if it did not.
  /// Completion time over that of a fair share of the cluster, see metrics.h. 0 if not finished.
  double fairness = 0;
};

/// Units of the primary resource in use from `time` on.
struct UsagePoint {
  Seconds time{0};
  double used = 0;
  std::uint32_t waiting_jobs = 0;
  std::uint32_t running_jobs = 0;
};

/// What a policy said about a job, and when.
struct RecordedReason {
  Seconds time{0};
  Reason reason;
};

/// What a unit of each resource type costs from `time` on, see Policy::prices_now.
struct PricePoint {
  Seconds time{0};
  std::vector<double> prices;
};

/// What a policy said about the job that is explained, and when.
struct RecordedExplanation {
  Seconds time{0};
  Reason reason;
  std::optional<Explanation> more;  ///< If the policy has prices and the job is not over.
};

/// What one run of one policy came to.
struct SimulationResult {
  std::vector<JobRecord> jobs;  ///< Indexed by JobId.
  Seconds makespan{0};          ///< Last completion, since the start.
  Seconds ended{0};             ///< When the run stopped.
  double capacity_seconds = 0;  ///< Primary resource units that were up x time until the makespan.
  double used_seconds = 0;      ///< Of these, held by jobs.
  std::uint64_t decisions = 0;
  std::uint64_t events = 0;
  bool stopped = false;                        ///< By `progress`.
  std::vector<float> decision_seconds;         ///< One a decision, if timed.
  std::vector<UsagePoint> usage;               ///< If recorded, by time.
  std::vector<PricePoint> prices;              ///< If recorded, by time.
  std::vector<RecordedExplanation> explained;  ///< Of the job asked for, by time.
  std::vector<RecordedReason> reasons;         ///< If recorded, by time.
  std::vector<PlannedSlot> plans;              ///< If recorded, in the order they were made.
};

/// True speed over declared speed of a job in a run with this seed: 1 without a belief error.
[[nodiscard]] double speed_factor(double belief_error, std::uint64_t seed, JobId job);

/// Index of the resource that utilisation is told of: "gpu" if there is one, else the first.
[[nodiscard]] std::size_t primary_resource(const Cluster& cluster);

/// Replays the jobs of the instance under a policy. Event-driven with exact times.
///
/// Tie rule at one instant: completions by job id, then machines that come up, then machines that
/// go down, both by id, then arrivals by id, then the wake-up that the policy asked for. The policy
/// is asked after each event.
/// A job with less than 1e-8 of its work left is done when anything happens, or at the horizon.
/// A job pays its restart cost (time held without progress) whenever it gets a new allocation after
/// it has run before.
/// Nothing after the horizon happens; what is not done by then is unfinished. The run also ends
/// when nothing is to come but wake-ups and a million of them in a row changed nothing. A policy
/// that over-allocates, runs a job that is over or declines a running one is a defect.
/// Deterministic: the same input gives the same result. Cost: O(events log jobs) plus the policy.
[[nodiscard]] SimulationResult simulate(const Instance& instance, Policy& policy,
                                        const SimulationOptions& options = {});

/// The same under a policy that is not trusted: each of its decisions is checked first.
/// Errors: those of the policy and of check_decision, with the time and the event it was asked
/// about.
[[nodiscard]] Result<SimulationResult> simulate(const Instance& instance, ForeignPolicy& policy,
                                                const SimulationOptions& options = {});

}  // namespace bourse
