#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

/// What is booked on every machine in every slot from now on, kept as stretches of slots that are
/// alike. Machines in equal states (class, group and use) share a number, so that prices and room
/// are worked out once for all of them.
/// Memory: 4 bytes a machine and stretch; a booked stretch of slots adds at most two stretches.
class SlotBookings {
 public:
  /// Everything about a machine that prices and room depend on.
  struct State {
    std::uint32_t class_index = 0;
    bool is_reserved = false;  ///< One of the last machines, see the constructor.
    bool is_down = false;
    ResourceVector used;
    ResourceVector free;  ///< All -1 if down.
  };
  /// Slots from `from` to the next stretch.
  struct Stretch {
    std::int64_t from = 0;
    std::vector<std::uint32_t> states;  ///< By machine; index into states().
    std::vector<std::uint32_t> counts;  ///< Machines in each state; may be shorter than states().
  };

  /// `cluster` outlives this. Machines from `first_reserved` on are marked as reserved.
  SlotBookings(const Cluster& cluster, std::size_t first_reserved);

  /// Forgets all slots before this one.
  void forget_before(std::int64_t slot);
  /// Books (`sign` = +1) or releases (-1) an allocation in slots [from, to). Over-booking a machine
  /// is a defect. Slots that are forgotten are passed over.
  void book(std::int64_t from, std::int64_t to, const JobSpec& job,
            std::span<const TaskGroup> allocation, int sign);
  /// A machine goes down in all slots, or comes up. Nothing may be booked on it.
  void set_down(MachineId machine, bool is_down);

  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }
  [[nodiscard]] const State& state(std::uint32_t id) const { return states_[id]; }
  [[nodiscard]] std::size_t state_count() const { return states_.size(); }
  /// By slot; the last one has no end and no bookings.
  [[nodiscard]] const std::vector<Stretch>& stretches() const { return stretches_; }
  /// Position of the stretch that holds the slot, which is not forgotten.
  [[nodiscard]] std::size_t stretch_of(std::int64_t slot) const;
  /// True if the stretch has room for the allocation of the job.
  [[nodiscard]] bool has_room(const Stretch& stretch, const JobSpec& job,
                              std::span<const TaskGroup> allocation) const;

 private:
  std::uint32_t intern(State state);
  void change_state(Stretch& stretch, std::size_t machine, std::uint32_t to);
  std::size_t split_at(std::int64_t slot);

  const Cluster* cluster_;
  std::vector<State> states_;
  std::map<std::tuple<std::uint32_t, bool, bool, ResourceVector>, std::uint32_t> ids_;
  std::vector<Stretch> stretches_;
};

}  // namespace bourse
