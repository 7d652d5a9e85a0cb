#pragma once

#include <cstdint>
#include <vector>

#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/policy/ledger.h"
#include "bourse/policy/prices.h"

namespace bourse {

/// A busy cluster to admit jobs to.
struct MixedStateOptions {
  std::size_t machines = 1000;
  SlotIndex slots = 100;
  std::size_t resource_types = 4;  ///< gpu, cpu, memory, storage, and further ones like cpu.
  double load = 0.6;               ///< Mean share of all resources, machines and slots in use.
  std::uint64_t seed = 1;
};

/// A ledger with random bookings: jobs with demands of their own, each on 1 to 8 machines with room
/// for 1 to 40 slots, until the load is reached. Hardly two machines are in the same state.
class MixedState {
 public:
  explicit MixedState(const MixedStateOptions& options);

  /// A parameter-server job with the ranges of the paper's experiments that arrives in slot 0;
  /// a job of all shares would take 1 to 20 slots with all its workers.
  [[nodiscard]] JobSpec job(std::uint64_t number) const;
  /// Distinct machine states in one slot, the mean over slots.
  [[nodiscard]] double states_per_slot() const;
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const PriceBounds& bounds() const { return bounds_; }
  [[nodiscard]] const std::vector<double>& units() const { return units_; }

 private:
  void fill();

  MixedStateOptions options_;
  Cluster cluster_;
  Ledger ledger_;
  std::vector<double> units_;
  PriceBounds bounds_;
};

}  // namespace bourse
