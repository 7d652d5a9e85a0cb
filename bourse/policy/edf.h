#pragma once

#include <optional>
#include <vector>

#include "bourse/policy/deadline.h"
#include "bourse/policy/in_order.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// What becomes of a job whose deadline has passed.
enum class WhenLate : std::uint8_t {
  last,      ///< It runs after all others.
  in_order,  ///< It keeps its place, which is the first: others may be late for it.
  decline,   ///< It is given up if it is worth nothing any more, else it comes last.
};

/// What becomes of jobs that are late or do not fit.
struct EdfOptions {
  WhenLate when_late = WhenLate::last;
  WhenBlocked when_blocked = WhenBlocked::skip;
};

/// Earliest deadline first, preemptive. It is told the deadline that each job's utility states
/// (deadline.h) and the tasks it requested, not how long it takes. Steps: at arrivals, ends,
/// changes of machines and deadlines, jobs are sorted by deadline, those without one last; each in
/// turn runs if it fits beside those before it, and running jobs that do not are paused. While
/// nobody waits nothing changes. Ties by arrival, then id. Guarantee: a job waits only if it does
/// not fit beside those before it; on one machine with gangs of the machine's size that can all be
/// on time, all are. Source: Liu and Layland, 1973; baseline of ElasticFlow (ASPLOS'23). Cost:
/// O(jobs log jobs + jobs x machines) an event while jobs wait.
class EdfPolicy final : public Policy {
 public:
  explicit EdfPolicy(EdfOptions options) : options_(options) {}
  Decision decide(const ClusterState& state, const Event& event) override;

 private:
  [[nodiscard]] const Deadline& deadline(const ClusterState& state, JobId id);

  EdfOptions options_;
  DemandClasses classes_;
  std::vector<std::optional<Deadline>> deadlines_;  ///< By job, as far as they were needed.
};

/// Name, parameters and maker of the policy, for the registry.
[[nodiscard]] PolicyInfo edf_info();

}  // namespace bourse
