#include "bourse/policy/oasis.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/policy/in_order.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/price_settings.h"

namespace bourse {

void OasisPolicy::start(const ClusterState& state) {
  const Cluster& cluster = state.cluster();
  const auto machines = static_cast<double>(cluster.machines.size());
  const double reserved =
      std::min(std::ceil(options_.server_machines * machines - 1e-9), machines - 1);
  bookings_.emplace(cluster, static_cast<std::size_t>(machines - std::max(0.0, reserved)));
  units_ = oasis_units(cluster, options_.normalized_units);
  const OasisSearchOptions& search = options_.search;
  const Seconds span = search.horizon < kForever ? search.horizon : search.window;
  estimator_.emplace(*bookings_, units_,
                     OasisBoundsOptions{.slot = search.slot,
                                        .slot_count = std::max(1.0, std::floor(span / search.slot)),
                                        .horizon = search.horizon,
                                        .window = search.window,
                                        .slotted = search.slotted,
                                        .floor_quantile = options_.floor_quantile,
                                        .density_ceiling = options_.density_ceiling});
}

OasisBounds OasisPolicy::bounds() const {
  if (!options_.fixed_bounds) return estimator_->bounds();
  const auto [lowest, highest] = *options_.fixed_bounds;
  const OasisRoleBounds role{lowest, std::vector<double>(units_.size(), highest)};
  return {role, role};
}

const Allocation& OasisPolicy::wanted_now(const Admitted& job) const {
  static const Allocation nothing;
  const auto now = std::ranges::find_if(
      job.booked, [&](const BookedStretch& b) { return b.from <= current_ && current_ < b.to; });
  return now == job.booked.end() ? nothing : now->allocation;
}

Decision OasisPolicy::decide(const ClusterState& state, const Event& event) {
  if (!bookings_) start(state);
  current_ = oasis_slot_at(state.now(), options_.search.slot);
  bookings_->forget_before(current_);
  Decision decision;
  const bool ends = event.kind == EventKind::finish || event.kind == EventKind::cancel;
  if (ends) finish(state, event.job);  // Others may end at this instant: the slot is not entered.
  bool is_stuck = false;
  if (!ends) {
    if (event.kind == EventKind::machine_down) lose_machine(state, event.machine, decision);
    if (event.kind == EventKind::machine_up) bookings_->set_down(event.machine, false);
    const bool enters_slot = entered_ < current_;
    entered_ = current_;
    if (enters_slot || event.kind == EventKind::machine_up) plan_late_jobs(state, decision);
    const bool is_admitted = event.kind == EventKind::arrival && arrive(state, event.job, decision);
    const bool enacts_all =
        enters_slot || event.kind == EventKind::machine_down || event.kind == EventKind::machine_up;
    for (const Admitted& job : admitted_)
      if (enacts_all || (is_admitted && job.job == event.job)) enact(state, job, decision);
    is_stuck =
        std::ranges::all_of(admitted_, [](const Admitted& job) { return job.booked.empty(); });
  }
  // If nothing is booked although jobs wait, only an event can help.
  if (!admitted_.empty() && !is_stuck)
    decision.wake_at = entered_ < current_ ? state.now() : start_of(current_ + 1);
  return decision;
}

bool OasisPolicy::arrive(const ClusterState& state, JobId id, Decision& decision) {
  const JobSpec& spec = state.spec(id);
  estimator_->observe(spec);
  const OasisBounds price_bounds = bounds();
  OasisPrices prices(*bookings_, price_bounds, units_, spec);
  auto schedule = find_oasis_schedule({*bookings_, prices, options_.search}, spec,
                                      state.samples_left(id), state.now());
  const bool is_worth_it = schedule && schedule->payoff() > 0;
  const bool is_unpaid = is_worth_it && purse_ && !purse_(id, schedule->cost);
  if (!is_worth_it || is_unpaid) {
    decision.declined.push_back(id);
    ReasonCode code =
        schedule && schedule->utility > 0 ? ReasonCode::priced_out : ReasonCode::no_schedule;
    if (is_unpaid) code = ReasonCode::waits_for_credit;
    Reason reason{id, code, {}};
    if (schedule) {
      reason.numbers[0] = schedule->payoff();
      reason.numbers[1] = schedule->utility;
      reason.numbers[2] = schedule->cost;
    }
    decision.reasons.push_back(reason);
    return false;
  }
  decision.reasons.push_back(
      {id,
       ReasonCode::admitted,
       {schedule->utility, schedule->cost, schedule->payoff(), schedule->completion.value}});
  const auto at = std::ranges::lower_bound(admitted_, id, {}, &Admitted::job);
  Admitted& job = *admitted_.insert(at, Admitted{id, {}});
  book(state, job, std::move(*schedule), decision);
  return true;
}

void OasisPolicy::book(const ClusterState& state, Admitted& job, OasisSchedule schedule,
                       Decision& decision) {
  for (BookedStretch& stretch : schedule.stretches) {
    bookings_->book(stretch.from, stretch.to, state.spec(job.job), stretch.allocation, +1);
    decision.plan.push_back(
        {job.job, start_of(stretch.from), start_of(stretch.to), stretch.allocation});
    job.booked.push_back(std::move(stretch));
  }
}

void OasisPolicy::release(const ClusterState& state, Admitted& job) {
  for (const BookedStretch& stretch : job.booked)
    bookings_->book(stretch.from, stretch.to, state.spec(job.job), stretch.allocation, -1);
  job.booked.clear();
}

void OasisPolicy::finish(const ClusterState& state, JobId id) {
  const auto at = std::ranges::lower_bound(admitted_, id, {}, &Admitted::job);
  if (at == admitted_.end() || at->job != id) return;
  release(state, *at);
  admitted_.erase(at);
}

void OasisPolicy::lose_machine(const ClusterState& state, MachineId machine, Decision& decision) {
  std::vector<JobId> hit;
  for (Admitted& job : admitted_) {
    const bool is_hit = std::ranges::any_of(job.booked, [&](const BookedStretch& b) {
      return b.to > current_ &&
             std::ranges::find(b.allocation, machine, &TaskGroup::machine) != b.allocation.end();
    });
    if (!is_hit) continue;
    release(state, job);
    hit.push_back(job.job);
  }
  bookings_->set_down(machine, true);
  for (const JobId id : hit)
    plan_rest(state, *std::ranges::lower_bound(admitted_, id, {}, &Admitted::job), decision);
}

/// The job has nothing booked.
void OasisPolicy::plan_rest(const ClusterState& state, Admitted& job, Decision& decision) {
  const JobSpec& spec = state.spec(job.job);
  const OasisBounds price_bounds = bounds();
  OasisPrices prices(*bookings_, price_bounds, units_, spec);
  // A job that resumes first pays its restart cost; that time is planned as if it were work.
  const double speed = farthest_speed(spec, requested_tasks(spec));
  const double samples = state.samples_left(job.job) + speed * spec.restart_cost.value;
  auto schedule = find_rest_of_oasis({*bookings_, prices, options_.search}, spec, samples,
                                     state.now(), state.job(job.job).allocation);
  if (!schedule) return;  // Asked again in the next slot.
  decision.reasons.push_back(
      {job.job, ReasonCode::replanned, {schedule->cost, schedule->completion.value}});
  book(state, job, std::move(*schedule), decision);
}

void OasisPolicy::plan_late_jobs(const ClusterState& state, Decision& decision) {
  for (Admitted& job : admitted_) {
    std::erase_if(job.booked, [&](const BookedStretch& b) { return b.to <= current_; });
    if (job.booked.empty()) plan_rest(state, job, decision);
  }
}

void OasisPolicy::enact(const ClusterState& state, const Admitted& job, Decision& decision) const {
  const Allocation& wanted = wanted_now(job);
  if (wanted != state.job(job.job).allocation) decision.changes.push_back({job.job, wanted});
}

namespace {

/// Where time is not slotted, no job waits for a price that saves it less than this share of its
/// payoff, as under PD-ORS.
constexpr double kLeastSaving = 1e-5;

Result<std::unique_ptr<Policy>> make_oasis(const SettingsReader& settings,
                                           const PolicyContext& context) {
  OasisOptions options;
  OasisSearchOptions& search = options.search;
  if (context.slot > Seconds(0)) search.slot = context.slot;
  BOURSE_TRY(search.slot, settings.period("slot", search.slot));
  search.slotted = context.slot > Seconds(0) && search.slot == context.slot;
  search.least_gain = search.slotted ? 0 : kLeastSaving;
  search.horizon = context.horizon;
  BOURSE_TRY(search.window, settings.seconds("window"));
  BOURSE_TRY(search.chunks, settings.whole("chunks", 1, 1000));
  BOURSE_TRY(search.stickiness, settings.number("stickiness", 0, 1));
  BOURSE_TRY(options.server_machines, settings.number("server-machines", 0, 0.9));
  BOURSE_TRY(options.floor_quantile, settings.number("price-floor", 0, 1));
  BOURSE_TRY(const std::size_t ceiling, settings.choice("price-ceiling", {"formula", "density"}));
  options.density_ceiling = ceiling == 1;
  BOURSE_TRY(options.normalized_units, settings.flag("normalize"));
  BOURSE_TRY(options.fixed_bounds, read_fixed_bounds(settings));
  return std::make_unique<OasisPolicy>(std::move(options));
}

}  // namespace

PolicyInfo oasis_info() {
  return {
      "oasis",
      "prices every machine and slot; servers and workers of a job never share a machine",
      "Bao, Peng, Wu, Li, OASiS, INFOCOM'18",
      "demands, throughput shape, work, utility",
      {{"slot", "auto", "auto | a duration from 1ms",
        "length of a slot; auto = the workload's, else 10min; shorter costs more time"},
       {"server-machines", "0", "0 to 0.9",
        "share of the machines that take servers only; 0 = any takes either, not both of a job"},
       {"price-floor", "0.95", "0 to 1",
        "L: which quantile of the jobs' values; 0 = their minimum, as in the paper"},
       {"price-ceiling", "density", "formula | density",
        "U: the paper's worth per task, or per unit and slot of all a job takes"},
       {"price-low", "auto", "auto | a number above 0", "fixes L; needs price-high too"},
       {"price-high", "auto", "auto | a number", "fixes U of every resource"},
       {"normalize", "true", "true | false", "price shares of a mean machine, not amounts"},
       {"chunks", "50", "1 to 1000", "least number of chunks a job's work is cut into"},
       {"window", "24h", "a duration", "how far ahead to look beyond twice the shortest time"},
       {"stickiness", "0.05", "0 to 1",
        "share of its payoff that a job may spend on staying on its machines"}},
      make_oasis};
}

}  // namespace bourse
