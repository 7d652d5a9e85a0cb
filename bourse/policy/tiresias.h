#pragma once

#include <vector>

#include "bourse/policy/gittins.h"
#include "bourse/policy/in_order.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// Order of the jobs of one queue.
enum class TiresiasOrder : std::uint8_t {
  start,     ///< By first start, then arrival: discretised 2D-LAS.
  attained,  ///< Least attained service first: with one queue and a quantum, continuous 2D-LAS.
  gittins,   ///< Highest Gittins index first, learned from the jobs that are over.
};

struct TiresiasOptions {
  /// Attained service at which a job falls to the next queue, GPU-seconds; increasing, > 0.
  std::vector<double> thresholds{3250, 7200};
  TiresiasOrder order = TiresiasOrder::start;
  /// A job that has waited this many times as long as it ran goes back to the first queue with no
  /// service attained; 0: never.
  double promote = 0;
  Seconds quantum{0};  ///< Also decide anew this long after a decision; 0: at events alone.
  WhenBlocked when_blocked = WhenBlocked::skip;
};

/// Two-dimensional least attained service. It assumes nothing of a job but the tasks it requested.
/// Steps: attained service is GPUs x time held, restarts aside; a job starts in the first queue and
/// falls a queue at every threshold. At arrivals, ends, changes of machines, crossings of a
/// threshold and promotions, queues are read in order and each job runs if it fits beside those
/// before it; running jobs that do not are paused. While nobody waits nothing changes. Within a
/// queue by `order`; ties by first start, arrival, id. The last queue of Gittins order is by first
/// start. Everything is placed on as few machines as possible: no job says how skewed its tensors
/// are. Guarantee: a job waits only if it does not fit beside those before it in the order. Source:
/// Gu et al., Tiresias, NSDI'19. The repository's late demotion and its index of absolute sizes are
/// not copied. Cost: O(jobs + jobs looked at x (log jobs + machines)) an event while jobs wait.
class TiresiasPolicy final : public Policy {
 public:
  explicit TiresiasPolicy(TiresiasOptions options) : options_(std::move(options)) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  /// Of one job.
  struct Past {
    Seconds arrival{0};
    double gpus = 0;  ///< Of the tasks requested.
    Seconds first_start = kForever;
    Seconds counted_at_promotion{0};  ///< Time held until then, which does not count any more.
  };

  void enter(const ClusterState& state, JobId id);
  [[nodiscard]] JobRank rank(const ClusterState& state, JobId id) const;
  [[nodiscard]] std::vector<JobRank> ranks(const ClusterState& state) const;
  void promote_starved(const ClusterState& state);
  [[nodiscard]] Seconds next_wake(const ClusterState& state, const Decision& decision) const;
  [[nodiscard]] Seconds counted(const ClusterState& state, JobId id) const;
  void note_starts(const ClusterState& state, const Decision& decision);

  TiresiasOptions options_;
  std::vector<Past> past_;  ///< By job.
  DemandClasses classes_;
  GittinsTable history_;
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo tiresias_info();

}  // namespace bourse
