#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "bourse/policy/bookings.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/price_source.h"
#include "bourse/policy/price_view.h"
#include "bourse/policy/schedule_search.h"
#include "bourse/policy/waiting_list.h"

namespace bourse {

struct PdOrsOptions {
  SearchOptions search;
  bool wait = false;    ///< Jobs priced out wait for lower prices; else they are declined.
  int looks = 8;        ///< Waiting jobs looked at again in one event.
  bool replan = false;  ///< Booked slots may move as long as all promises hold.
  int moves = 8;        ///< Searches that re-planning may spend on one job or one event.
  /// Jobs that arrive at one instant are decided about together, once all are known.
  bool gather = false;
  bool filler = false;  ///< Waiting jobs run on idle machines, without a booking.
};

/// PD-ORS: a primal-dual online scheduler. Every machine, resource and slot has a price that grows
/// exponentially with what is booked on it. On arrival of a job:
///  1. U and L are learned from the jobs seen so far, the new one included;
///  2. the schedule with the largest payoff, utility less the price of what it takes, is found at
///     frozen prices (schedule_search.h): how many workers and servers, on which machines, in which
///     slots, until which completion;
///  3. payoff > 0: the job is admitted and its schedule booked, which raises prices; else it is
///     declined for good, or waits.
/// Then it is a matter of keeping promises: each slot runs what is booked; a job that ends early
/// gives back the rest; a job that is late, or loses a machine, is planned again for the work that
/// is left at the prices of the day, whatever they are; it waits while there is no room at all.
///
/// Three switches go beyond the paper, each on its own:
///  - wait: see WaitingList. A job that waits is declined once no completion is worth anything.
///  - replan: where a job finds no paying schedule, booked slots of admitted jobs are moved, one
///    job or a few at a time, if every promised completion holds and the total payoff grows. When
///    a slot has begun and nobody else has come, its idle machines work ahead for admitted jobs.
///  - filler: what then is idle runs waiting jobs, the most utility for the least work first. They
///    give way to whatever is booked; what they have trained counts when they are looked at again.
///    A job whose price nobody pays (set_purse) is filler whatever the switch says.
/// Assumes: declared speeds; jobs may be resized, moved and paused between slots.
/// Ties: events in their order; equal prices by machine id.
/// Guarantees: no machine is ever over-booked; every admitted job had a positive payoff; no
/// decision depends on jobs that come later; re-planning never breaks a promise. With exact theta
/// and small jobs the total utility is within 2 max_r(1, ln(U^r / L)) of the best possible.
/// Source: Yu, Liu, Wu, Ji, Bentley (2021); the switches are ours.
class PdOrsPolicy final : public Policy, public PriceView {
 public:
  PdOrsPolicy(const PdOrsOptions& options, std::unique_ptr<PriceSource> prices)
      : options_(options), prices_(std::move(prices)) {}
  Decision decide(const ClusterState& state, const Event& event) override;
  [[nodiscard]] std::optional<Explanation> explain(const ClusterState& state, JobId id) override;
  bool adopt(const ClusterState& state, JobId job, std::span<const PlannedSlot> plan,
             Seconds promised) override;
  void set_purse(Purse purse) override { purse_ = std::move(purse); }
  [[nodiscard]] std::vector<double> prices_now() const override;
  [[nodiscard]] double price_now(const ClusterState& state, MachineId machine,
                                 std::size_t resource) const override;

  /// Work done so far, for benchmarks.
  [[nodiscard]] const SlotCostCounters& counters() const { return counters_; }
  /// From now on the time of each phase is taken with this clock (seconds); results do not change.
  void time_phases(double (*stopwatch)()) { counters_.stopwatch = stopwatch; }
  /// What is booked; null before the first event.
  [[nodiscard]] const Ledger* ledger() const { return bookings_ ? &bookings_->ledger() : nullptr; }
  /// The admitted jobs that are not over; null before the first event.
  [[nodiscard]] const Bookings* bookings() const { return bookings_ ? &*bookings_ : nullptr; }
  /// Bounds of the prices in force. Requires that a job has arrived.
  [[nodiscard]] const PriceBounds& bounds() const { return prices_->bounds(); }

 private:
  /// What is left to plan of a job, and from when on.
  struct OpenWork {
    std::size_t first = 0;  ///< Index of the first booked slot that may still change.
    Seconds from{0};
    double samples = 0;  ///< Restart included.
  };

  struct Outcome {
    Seconds completion = kForever;  ///< kForever: the slots are too few.
    std::size_t slots = 0;          ///< How many of them it needs.
  };

  // pd_ors.cpp: events, admission and promises.
  void start(const ClusterState& state);
  void enter_slot(const ClusterState& state, Decision& decision);
  void settle(const ClusterState& state, Decision& decision);
  void leave(const ClusterState& state, JobId id);
  [[nodiscard]] Seconds next_wake(const ClusterState& state, const Event& event,
                                  bool enters_slot) const;
  void decide_on_arrivals(const ClusterState& state, Decision& decision);
  void decide_on(const ClusterState& state, JobId id, Decision& decision);
  /// Tells the prices if the job would have been admitted without bids.
  void look_without_bids(const ClusterState& state, JobId id);
  /// True if the price is paid; from then on a job whose price is not is filler.
  [[nodiscard]] bool pays(JobId id, double price);
  /// True if some waiting jobs may run on idle machines.
  [[nodiscard]] bool has_filler() const { return options_.filler || !unpaid_.empty(); }
  [[nodiscard]] bool is_filler(JobId id) const { return options_.filler || unpaid_.contains(id); }
  [[nodiscard]] SearchResult try_to_admit(const ClusterState& state, JobId id, Decision& decision);
  void look_again(const ClusterState& state, Decision& decision);
  void admit(const ClusterState& state, JobId id, PricedSchedule schedule, Decision& decision);
  void lose_machine(const ClusterState& state, MachineId machine, Decision& decision);
  void plan_rest(const ClusterState& state, Booking& booking, Seconds from, double samples_left,
                 Decision& decision);
  /// Completion of a job that runs what is booked for it and `more` after it; kForever: it does not
  /// complete in these slots.
  [[nodiscard]] Seconds outcome_with(const ClusterState& state, const Booking& booking,
                                     std::span<const ScheduledSlot> more) const;
  /// The fastest tasks of a schedule in one piece, in the first slots from `from` on that have room
  /// for them until the job is done. Requires that the schedule has a slot.
  [[nodiscard]] PricedSchedule unbroken(const ClusterState& state, const Booking& booking,
                                        Seconds from, double samples_left,
                                        const PricedSchedule& broken) const;
  /// A late job goes on where it is, without a restart, if all slots it still needs have room
  /// there.
  [[nodiscard]] bool stay(const ClusterState& state, Booking& booking, Decision& decision);
  void renew_promise(const ClusterState& state, Booking& booking, PricedSchedule schedule,
                     Decision& decision);
  void replan_late_jobs(const ClusterState& state, Decision& decision);
  void enact(const ClusterState& state, Decision& decision);
  [[nodiscard]] SearchResult search(const ClusterState& state, JobId id, const OpenWork& open,
                                    bool must_finish, Seconds until = kForever);
  /// All that is left of a job that is not booked.
  [[nodiscard]] OpenWork all_work(const ClusterState& state, JobId id) const {
    return {.first = 0, .from = state.now(), .samples = state.samples_left(id)};
  }
  /// Cost of slots that are not booked, at the prices of what is.
  [[nodiscard]] double cost_of(const JobSpec& spec, std::span<const ScheduledSlot> slots) const;
  /// Utility of the fastest completion from now on, on an idle cluster.
  [[nodiscard]] double best_utility(const ClusterState& state, JobId id) const;
  [[nodiscard]] double payoff_density(const ClusterState& state, JobId id) const;
  [[nodiscard]] Seconds start_of(SlotIndex slot) const {
    return static_cast<double>(slot) * options_.search.slot;
  }

  // pd_ors_replan.cpp: moving what is booked.
  /// What comes after the current slot.
  [[nodiscard]] OpenWork work_after_slot(const ClusterState& state, const Booking& booking) const;
  /// What may still change: at the start of a slot all of it, later what comes after the slot.
  [[nodiscard]] OpenWork open_work(const ClusterState& state, const Booking& booking) const;
  /// What becomes of a job that runs these slots from now on at its declared speed.
  [[nodiscard]] Outcome outcome_of(const ClusterState& state, JobId id,
                                   std::span<const ScheduledSlot> slots) const;
  [[nodiscard]] double utility_of(const JobSpec& spec, Seconds completion) const;
  [[nodiscard]] Seconds tolerance() const;
  /// The end of the slot that `time` lies in or ends.
  [[nodiscard]] Seconds slot_end(Seconds time) const;
  /// How much of the cluster the open slots of a job take, from the tasks in the first of them.
  [[nodiscard]] double open_volume(const JobSpec& spec, const Booking& booking,
                                   std::size_t first) const;
  [[nodiscard]] bool make_room(const ClusterState& state, JobId id, Decision& decision);
  [[nodiscard]] bool try_moving(const ClusterState& state, JobId newcomer,
                                std::span<const JobId> movers, Decision& decision);
  /// A schedule for the open work of a job, whose slots from there on are released, that keeps its
  /// promise; without slots if what is booked is enough.
  [[nodiscard]] std::optional<PricedSchedule> keep_promise(const ClusterState& state,
                                                           const Booking& booking, OpenWork open);
  void work_ahead(const ClusterState& state, Decision& decision);
  void use_now(const ClusterState& state, Booking& booking, const Allocation& now, int& searches,
               Decision& decision);

  // pd_ors_explain.cpp: what people are told.
  [[nodiscard]] PricedOption priced_option(const ClusterState& state, JobId id,
                                           const PricedSchedule& schedule) const;
  [[nodiscard]] std::optional<PricedOption> best_option(const ClusterState& state, JobId id,
                                                        const OpenWork& open, Seconds until);

  // pd_ors_filler.cpp: idle machines.
  [[nodiscard]] std::vector<JobId> waiting_by_rank(const ClusterState& state,
                                                   bool only_running) const;
  void yield_filler(const ClusterState& state, Decision& decision) const;
  /// How long nothing that is booked needs this room; no more than `enough`.
  [[nodiscard]] Seconds free_for(const ClusterState& state, JobId job, const Allocation& placed,
                                 Seconds enough) const;
  void fill(const ClusterState& state, Decision& decision) const;

  PdOrsOptions options_;
  std::unique_ptr<PriceSource> prices_;
  std::optional<Bookings> bookings_;
  WaitingList waiting_;
  Purse purse_;                 ///< Empty: nobody is charged.
  std::set<JobId> unpaid_;      ///< Waiting jobs that could not pay, or ran when they were adopted.
  std::vector<JobId> arrived_;  ///< Gathered and not decided about.
  SlotIndex entered_ = -1;      ///< Last slot whose bookings were enacted.
  SlotIndex worked_ahead_ = -1;  ///< Last slot whose idle machines were offered to admitted jobs.
  bool settled_ = true;          ///< Nothing has changed since jobs were looked at again.
  SlotCostCounters counters_;
};

}  // namespace bourse
