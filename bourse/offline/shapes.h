#pragma once

#include <vector>

#include "bourse/base/id.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

// How a job can run in a slot, as the mixed-integer program sees it. Shared by optimum.cpp.

/// A fixed number of tasks and what they train.
struct Config {
  int workers = 0;
  int servers = 0;
  double rate = 0;  ///< Samples per second.
};

/// A set of machines to spread tasks over, with the speed that is then guaranteed: tasks that
/// happen to land closer together or on faster machines train at least as fast, and that case has a
/// scope of its own.
struct Scope {
  std::vector<MachineId> machines{};
  std::vector<char>
      takes_workers{};            ///< One a machine; 0 where the machine is slower than assumed.
  double rate_per_worker = 0;     ///< > 0 for parameter servers: any number of workers.
  int most_workers = 0;           ///< Of those, no more than fit into an empty cluster.
  std::vector<Config> configs{};  ///< Else: one of these.

  /// Samples per second that no allocation in the scope exceeds.
  [[nodiscard]] double fastest() const;
};

/// The scopes of a job: each machine, each rack and the whole cluster, each once for every distinct
/// machine speed in it. Scopes and configs that another one dominates are left out, and so are
/// those that need more than the scope's machines have together.
/// Cost: O(machines + racks x speeds) scopes of at most max_workers configs.
[[nodiscard]] std::vector<Scope> scopes_of(const JobSpec& job, const Cluster& cluster);

/// Tasks of this demand that fit an empty machine; at most `limit`.
[[nodiscard]] int most_on(const ResourceVector& demand, const Cluster& cluster, MachineId machine,
                          int limit);

}  // namespace bourse
