#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/base/quantity.h"
#include "bourse/model/allocation.h"
#include "bourse/policy/explanation.h"
#include "bourse/policy/state.h"

namespace bourse {

/// What happened.
enum class EventKind : std::uint8_t { arrival, finish, machine_down, machine_up, wake, cancel };

/// Why a policy is asked. The state already shows what happened.
struct Event {
  EventKind kind = EventKind::wake;
  JobId job{};          ///< Of arrival, finish and cancel.
  MachineId machine{};  ///< Of machine_down and machine_up.
};

/// Why a job has what it has. Kept as code and numbers; reason_text makes the sentence.
enum class ReasonCode : std::uint8_t {
  started,           ///< Runs now.
  no_room,           ///< Its tasks do not fit what is free.
  behind_head,       ///< Fits, but the head of the queue does not, and nobody overtakes.
  preempted,         ///< Gave way to a job that comes first by the policy's order.
  resized,           ///< Keeps running with another number of tasks.
  admitted,          ///< numbers: utility, cost, payoff, promised completion (s since the start).
  priced_out,        ///< numbers: best utility - cost, its utility, its cost.
  no_schedule,       ///< No schedule completes it in time.
  waits_for_price,   ///< As priced_out, but it is looked at again.
  waits_for_room,    ///< As no_schedule, but it is looked at again.
  filler,            ///< Runs on idle machines without a booking, until they are needed.
  worthless,         ///< Waited until no completion was worth anything.
  machine_lost,      ///< A machine under it went down.
  replanned,         ///< Late, or lost a machine; numbers: cost of the rest, promised completion.
  waits_for_credit,  ///< Its account cannot pay; numbers: as of priced_out. Filler (oasis:
                     ///< declined).
  moved,             ///< Its promise holds; numbers: as of replanned, then the completion promised.
};

/// One decision about one job, explained.
struct Reason {
  JobId job;
  ReasonCode code = ReasonCode::started;
  double numbers[4] = {0, 0, 0, 0};
};

/// One sentence without a full stop, e.g. "priced out: the best schedule is worth 3.2 and costs 4".
[[nodiscard]] std::string reason_text(const Reason& reason);

/// From now on the job has this allocation. Empty: it is paused.
struct Change {
  JobId job;
  Allocation allocation;
  /// Global batch from now on, 0: as requested. From base_batch to largest_batch for an adaptive
  /// job, 0 for any other. Another batch for the same allocation is no restart.
  int batch = 0;
};

/// A future the policy intends for a job; advice for people and for `explain`, not an order.
struct PlannedSlot {
  JobId job;
  Seconds from{0};
  Seconds to{0};
  Allocation allocation;
};

/// The answer of a policy. Jobs that are not mentioned keep what they have.
struct Decision {
  std::vector<Change> changes;    ///< At most one a job; taken as one step, releases first.
  std::vector<JobId> declined;    ///< Given up for good; may hold nothing.
  std::vector<Reason> reasons;    ///< At most one a job and decision.
  std::vector<PlannedSlot> plan;  ///< New plans, by job and time.
  Seconds wake_at = kForever;     ///< When to ask next if nothing happens; replaces the last wish.
};

/// Gives the decision this reason about its job, in place of one that it has already.
void give_reason(Decision& decision, const Reason& reason);

/// Pays the price of a job, in utility, before it is admitted. True if its account could, and has.
using Purse = std::function<bool(JobId job, double price)>;

/// An online scheduler: sees what has happened so far, decides what runs. The simulator and the
/// daemon call the same object, from one thread. Deterministic: the same calls give the same
/// answers.
class Policy {
 public:
  virtual ~Policy() = default;
  virtual Decision decide(const ClusterState& state, const Event& event) = 0;

  /// From now on a job is admitted only if its price is paid; one that cannot pay runs on idle
  /// machines only, until it can. Policies without prices ask for nothing.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who prices keeps it.
  virtual void set_purse(Purse /*purse*/) {}

  /// Tells a new policy of a job that an earlier one knew, with what is left of its plan (by time)
  /// and the completion it was promised, kForever if it was not admitted yet; called before the
  /// first event, when the state shows the job active, with what it runs on. True if the plan is
  /// kept, or if it goes on waiting; else the job is as one that arrives now.
  virtual bool adopt(const ClusterState& /*state*/, JobId /*job*/,
                     std::span<const PlannedSlot> /*plan*/, Seconds /*promised*/) {
    return false;
  }

  /// More about an active job, at the prices of now; nothing if the policy has no prices. Changes
  /// no decision. Cost: about three decisions.
  [[nodiscard]] virtual std::optional<Explanation> explain(const ClusterState& state, JobId job);
  /// What one unit of each resource type costs in the current slot, the mean over machines that are
  /// up, in utility per unit (devices, or MiB); empty if the policy has no prices.
  [[nodiscard]] virtual std::vector<double> prices_now() const { return {}; }
};

}  // namespace bourse
