#include "bourse/policy/pd_ors.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// The slot that `now` lies in; an instant within rounding error of a start is that start.
SlotIndex slot_at(Seconds now, Seconds slot) {
  const double position = now / slot;
  return static_cast<SlotIndex>(std::floor(position + 1e-9 * std::max(1.0, position)));
}

/// A late job stays for at most so many slots before it is looked at again.
constexpr double kLongestStay = 100'000;

bool touches(const Allocation& allocation, MachineId machine) {
  return std::ranges::find(allocation, machine, &TaskGroup::machine) != allocation.end();
}

/// The plan for people: runs of slots with one allocation are joined.
void append_plan(JobId job, const std::vector<ScheduledSlot>& slots, Seconds slot_length,
                 std::vector<PlannedSlot>& plan) {
  const std::size_t first = plan.size();
  for (const ScheduledSlot& slot : slots) {
    const Seconds from = static_cast<double>(slot.slot) * slot_length;
    const Seconds to = static_cast<double>(slot.slot + 1) * slot_length;
    if (plan.size() > first && plan.back().to == from && plan.back().allocation == slot.allocation)
      plan.back().to = to;
    else
      plan.push_back({job, from, to, slot.allocation});
  }
}

}  // namespace

void PdOrsPolicy::start(const ClusterState& state) {
  ledger_.emplace(state.cluster());
  units_ = price_units(state.cluster(), options_.normalized_units);
  const SearchOptions& search = options_.search;
  const Seconds span = search.horizon < kForever ? search.horizon : search.window;
  estimator_.emplace(state.cluster(), units_,
                     BoundsOptions{.slot = search.slot,
                                   .slot_count = std::max(1.0, std::floor(span / search.slot)),
                                   .horizon = search.horizon,
                                   .window = search.window,
                                   .paper_time = search.paper_time,
                                   .quantile = options_.floor_quantile,
                                   .density_ceiling = options_.density_ceiling});
}

PriceBounds PdOrsPolicy::bounds() const {
  if (!options_.fixed_bounds) return estimator_->bounds();
  return {options_.fixed_bounds->first,
          std::vector<double>(units_.size(), options_.fixed_bounds->second)};
}

Decision PdOrsPolicy::decide(const ClusterState& state, const Event& event) {
  if (!ledger_) start(state);
  current_ = slot_at(state.now(), options_.search.slot);
  ledger_->forget_before(current_);
  for (Admitted& job : admitted_)
    while (job.next < job.slots.size() && job.slots[job.next].slot < current_) ++job.next;
  Decision decision;
  bool waits_for_event = false;
  if (event.kind == EventKind::finish || event.kind == EventKind::cancel) {
    // Others may complete at this very instant, so the slot is not entered yet.
    finish(state, event.job);
  } else {
    if (event.kind == EventKind::machine_down) lose_machine(state, event.machine, decision);
    if (event.kind == EventKind::machine_up) ledger_->set_down(event.machine, false);
    const bool enters_slot = entered_ < current_;
    entered_ = current_;
    if (enters_slot) replan_late_jobs(state, decision);
    const bool admitted = event.kind == EventKind::arrival && arrive(state, event.job, decision);
    if (enters_slot || event.kind == EventKind::machine_down)
      enact(state, decision);
    else if (admitted)
      enact_one(state, find(event.job), decision);
    // If no job could be planned although nothing is booked, the next slot brings no more room.
    waits_for_event = enters_slot && event.kind == EventKind::wake && nothing_is_booked();
  }
  if (!admitted_.empty() && !waits_for_event)
    decision.wake_at = entered_ < current_ ? state.now() : start_of(current_ + 1);
  return decision;
}

bool PdOrsPolicy::nothing_is_booked() const {
  return std::ranges::all_of(admitted_,
                             [](const Admitted& job) { return job.next == job.slots.size(); });
}

PdOrsPolicy::Admitted& PdOrsPolicy::find(JobId id) {
  const auto at = std::ranges::lower_bound(admitted_, id, {}, &Admitted::job);
  BOURSE_CHECK(at != admitted_.end() && at->job == id);
  return *at;
}

SearchResult PdOrsPolicy::search(const ClusterState& state, JobId id, double samples_left,
                                 Seconds from, bool must_finish) {
  const PriceBounds price_bounds = bounds();
  JobPrices prices(*ledger_, price_bounds, units_, state.spec(id));
  SearchOptions options = options_.search;
  options.must_finish = must_finish;
  return find_schedule(*ledger_, state.spec(id), id, samples_left, from, prices, options,
                       counters_);
}

bool PdOrsPolicy::arrive(const ClusterState& state, JobId id, Decision& decision) {
  const JobSpec& spec = state.spec(id);
  estimator_->observe(spec);
  SearchResult result = search(state, id, state.samples_left(id), state.now(), false);
  const PricedSchedule& schedule = result.schedule;
  if (result.verdict != SearchVerdict::found) {
    decision.declined.push_back(id);
    const bool priced_out = result.verdict == SearchVerdict::priced_out;
    decision.reasons.push_back({id,
                                priced_out ? ReasonCode::priced_out : ReasonCode::no_schedule,
                                {schedule.payoff(), schedule.utility, schedule.cost, 0}});
    return false;
  }
  decision.reasons.push_back(
      {id,
       ReasonCode::admitted,
       {schedule.utility, schedule.cost, schedule.payoff(), schedule.completion.value}});
  const auto at = std::ranges::lower_bound(admitted_, id, {}, &Admitted::job);
  Admitted& job = *admitted_.insert(at, Admitted{.job = id, .slots = {}});
  admit(state, job, std::move(result.schedule), decision);
  return true;
}

void PdOrsPolicy::admit(const ClusterState& state, Admitted& job, PricedSchedule schedule,
                        Decision& decision) {
  const PhaseTimer timer(counters_, Phase::booking);
  book_slots(*ledger_, state.spec(job.job), schedule.slots, +1);
  append_plan(job.job, schedule.slots, options_.search.slot, decision.plan);
  job.slots.insert(job.slots.end(), std::make_move_iterator(schedule.slots.begin()),
                   std::make_move_iterator(schedule.slots.end()));
}

void PdOrsPolicy::release(const ClusterState& state, Admitted& job, std::size_t from) {
  const PhaseTimer timer(counters_, Phase::booking);
  book_slots(*ledger_, state.spec(job.job), std::span(job.slots).subspan(from), -1);
  job.slots.resize(from);
}

void PdOrsPolicy::finish(const ClusterState& state, JobId id) {
  const auto at = std::ranges::lower_bound(admitted_, id, {}, &Admitted::job);
  if (at == admitted_.end() || at->job != id) return;
  release(state, *at, at->next);
  admitted_.erase(at);
}

const Allocation* PdOrsPolicy::wanted_now(const Admitted& job) const {
  if (job.next >= job.slots.size() || job.slots[job.next].slot != current_) return nullptr;
  return &job.slots[job.next].allocation;
}

void PdOrsPolicy::lose_machine(const ClusterState& state, MachineId machine, Decision& decision) {
  std::vector<JobId> hit;
  for (Admitted& job : admitted_) {
    const auto touched = [&](const ScheduledSlot& s) { return touches(s.allocation, machine); };
    const auto first = job.slots.begin() + static_cast<std::ptrdiff_t>(job.next);
    if (std::none_of(first, job.slots.end(), touched)) continue;
    // What runs elsewhere in this slot goes on; all that comes after is planned anew.
    const bool keeps_current = wanted_now(job) != nullptr && !touched(job.slots[job.next]);
    release(state, job, job.next + (keeps_current ? 1 : 0));
    hit.push_back(job.job);
  }
  ledger_->set_down(machine, true);
  for (const JobId id : hit) {
    Admitted& job = find(id);
    if (wanted_now(job) == nullptr) {
      plan_rest(state, job, state.now(), state.samples_left(id), decision);
      continue;
    }
    const Seconds next = start_of(current_ + 1);
    const Allocation& running = *wanted_now(job);
    const double rate = samples_per_second(state.spec(id).throughput, tasks_of(running),
                                           locality_of(running, state.cluster()),
                                           slowest_speed(running, state.cluster()));
    const double trained = rate * (next - state.now()).value;
    const double left = state.samples_left(id) - trained;
    if (left > 0) plan_rest(state, job, next, left, decision);
  }
}

void PdOrsPolicy::plan_rest(const ClusterState& state, Admitted& job, Seconds from,
                            double samples_left, Decision& decision) {
  // A job that moves or resumes first pays its restart cost; plan that time as if it were work.
  const JobSpec& spec = state.spec(job.job);
  const int most = max_workers(spec.throughput);
  const double rate = samples_per_second(
      spec.throughput, {most, servers_for(spec.throughput, most)}, Locality::machine);
  SearchResult result =
      search(state, job.job, samples_left + rate * spec.restart_cost.value, from, true);
  if (result.verdict != SearchVerdict::found) return;  // No room at all: asked again next slot.
  decision.reasons.push_back({job.job,
                              ReasonCode::replanned,
                              {result.schedule.cost, result.schedule.completion.value, 0, 0}});
  admit(state, job, std::move(result.schedule), decision);
}

bool PdOrsPolicy::stay(const ClusterState& state, Admitted& job, Decision& decision) {
  const JobSpec& spec = state.spec(job.job);
  const JobState& running = state.job(job.job);
  const double rate = samples_per_second(spec.throughput, tasks_of(running.allocation),
                                         locality_of(running.allocation, state.cluster()),
                                         slowest_speed(running.allocation, state.cluster()));
  if (running.allocation.empty() || rate <= 0) return false;
  const Seconds startup = std::max(Seconds(0), running.progress_from - state.now());
  const Seconds time = startup + Seconds(state.samples_left(job.job) / rate);
  const double slots = std::max(1.0, std::ceil(time / options_.search.slot - 1e-9));
  // Beyond all bookings there is room for ever, so the slots up to there decide.
  const SlotIndex end = current_ + static_cast<SlotIndex>(std::min(slots, kLongestStay));
  for (SlotIndex slot = current_; slot < std::min(end, ledger_->end()); ++slot)
    if (!ledger_->has_room(slot, spec, running.allocation)) return false;
  PricedSchedule schedule;
  for (SlotIndex slot = current_; slot < end; ++slot)
    schedule.slots.push_back({slot, running.allocation});
  schedule.completion = state.now() + time;
  const PriceBounds price_bounds = bounds();
  JobPrices prices(*ledger_, price_bounds, units_, spec);
  for (const ScheduledSlot& slot : schedule.slots)
    for (const TaskGroup& group : slot.allocation) {
      const StateId machine = ledger_->states(slot.slot)[group.machine.index()];
      schedule.cost += group.workers * prices.worker(machine, slot.slot) +
                       group.servers * prices.server(machine, slot.slot);
    }
  decision.reasons.push_back(
      {job.job, ReasonCode::replanned, {schedule.cost, schedule.completion.value, 0, 0}});
  admit(state, job, std::move(schedule), decision);
  return true;
}

void PdOrsPolicy::replan_late_jobs(const ClusterState& state, Decision& decision) {
  for (Admitted& job : admitted_)
    if (job.next == job.slots.size() && !stay(state, job, decision))
      plan_rest(state, job, state.now(), state.samples_left(job.job), decision);
}

void PdOrsPolicy::enact(const ClusterState& state, Decision& decision) {
  for (const Admitted& job : admitted_) enact_one(state, job, decision);
}

void PdOrsPolicy::enact_one(const ClusterState& state, const Admitted& job, Decision& decision) {
  const Allocation& held = state.job(job.job).allocation;
  const Allocation* wanted = wanted_now(job);
  if (wanted == nullptr && !held.empty()) decision.changes.push_back({job.job, {}});
  if (wanted != nullptr && *wanted != held) decision.changes.push_back({job.job, *wanted});
}

namespace {

Result<GainForm> gain_form(const SettingsReader& settings, RoundingOptions& rounding) {
  if (settings.text("gain") == "cover") return GainForm::cover;
  if (settings.text("gain") == "packing") return GainForm::packing;
  if (settings.text("gain") == "safe") return GainForm::safe;
  BOURSE_TRY(rounding.gain, settings.number("gain", 1e-3, 1e3));
  return GainForm::fixed;
}

Result<double> floor_quantile(const SettingsReader& settings) {
  const std::string_view text = settings.text("price-floor");
  if (text == "formula") return 0.0;
  constexpr std::string_view kPrefix = "quantile:";
  if (text.starts_with(kPrefix)) {
    const Settings only{{"quantile", std::string(text.substr(kPrefix.size()))}};
    const std::vector<Parameter> parameters{{"quantile", "0.5", "0 to 1", ""}};
    return SettingsReader("pd-ors.price-floor", parameters, only).number("quantile", 0, 1);
  }
  return invalid("setting 'pd-ors.price-floor': write formula or quantile:Q with Q from 0 to 1");
}

Result<void> read_bounds(const SettingsReader& settings, PdOrsOptions& options) {
  const bool low = settings.text("price-low") != "auto";
  const bool high = settings.text("price-high") != "auto";
  if (low != high)
    return invalid("settings 'pd-ors.price-low' and 'pd-ors.price-high' go together");
  if (!low) return {};
  BOURSE_TRY(const double lowest, settings.number("price-low", 1e-300, 1e300));
  BOURSE_TRY(const double highest, settings.number("price-high", lowest, 1e300));
  options.fixed_bounds = {lowest, highest};
  return {};
}

Result<std::unique_ptr<Policy>> make_pd_ors(const SettingsReader& settings,
                                            const PolicyContext& context) {
  PdOrsOptions options;
  SearchOptions& search = options.search;
  search.slot = context.slot > Seconds(0) ? context.slot : Seconds(600);
  if (settings.text("slot") != "auto") {
    BOURSE_TRY(search.slot, settings.seconds("slot"));
    if (search.slot <= Seconds(0)) return invalid("setting 'pd-ors.slot': must be above 0");
  }
  search.paper_time = context.slot > Seconds(0) && search.slot == context.slot;
  search.horizon = context.horizon;
  BOURSE_TRY(search.window, settings.seconds("window"));
  BOURSE_TRY(search.chunks, settings.whole("chunks", 1, 1000));
  if (settings.text("chunk") != "auto") {
    BOURSE_TRY(search.chunk_samples, settings.number("chunk", 1e-9, 1e300));
  }
  BOURSE_TRY(search.stickiness, settings.number("stickiness", 0, 1));
  BOURSE_TRY(const std::size_t rounding,
             settings.choice("rounding", {"deterministic", "randomized"}));
  search.rounding.mode = rounding == 0 ? RoundingMode::deterministic : RoundingMode::randomized;
  BOURSE_TRY(const std::size_t solver, settings.choice("solver", {"core", "clp"}));
  search.rounding.solver = solver == 0 ? SlotSolver::core : SlotSolver::clp;
  BOURSE_TRY(search.rounding.gain_form, gain_form(settings, search.rounding));
  BOURSE_TRY(search.rounding.delta, settings.number("delta", 1e-6, 0.999));
  BOURSE_TRY(search.rounding.tries, settings.whole("tries", 1, 4096));
  search.rounding.seed = context.seed;
  BOURSE_TRY(options.floor_quantile, floor_quantile(settings));
  BOURSE_TRY(const std::size_t ceiling, settings.choice("price-ceiling", {"formula", "density"}));
  options.density_ceiling = ceiling == 1;
  BOURSE_TRY(options.normalized_units, settings.flag("normalize"));
  BOURSE_TRY_VOID(read_bounds(settings, options));
  return std::make_unique<PdOrsPolicy>(std::move(options));
}

}  // namespace

PolicyInfo pd_ors_info() {
  return {"pd-ors",
          "prices every machine and slot; a job gets its best-paying schedule or is declined",
          "Yu, Liu, Wu, Ji, Bentley, PD-ORS, 2021",
          "demands, throughput shape, work, utility",
          {{"slot", "auto", "auto | a duration",
            "length of a slot; auto = the workload's, else 10min; shorter costs more time"},
           {"solver", "core", "core | clp",
            "of placements over machines: exact and fast, or the paper's linear programmes, which "
            "rounding=randomized always takes"},
           {"rounding", "deterministic", "deterministic | randomized",
            "how relaxed placements become whole; randomized = as in the paper"},
           {"gain", "cover", "cover | packing | safe | a number",
            "G of randomized rounding, by the form whose rows it favours"},
           {"delta", "0.1", "above 0, below 1", "chance of failure the gain factor allows for"},
           {"tries", "20", "1 to 4096", "draws of randomized rounding before the repair"},
           {"price-floor", "quantile:0.95", "formula | quantile:Q",
            "L: the paper's minimum over jobs, or a quantile; formula lets one urgent job free the "
            "rest"},
           {"price-ceiling", "density", "formula | density",
            "U: the paper's worth per task, or per unit and slot of all a job takes"},
           {"price-low", "auto", "auto | a number above 0", "fixes L; needs price-high too"},
           {"price-high", "auto", "auto | a number", "fixes U of every resource"},
           {"normalize", "true", "true | false", "price shares of a mean machine, not amounts"},
           {"chunks", "50", "1 to 1000", "least number of chunks a job's work is cut into"},
           {"chunk", "auto", "auto | a number above 0", "samples of a chunk; overrides chunks"},
           {"window", "24h", "a duration", "how far ahead to look beyond twice the shortest time"},
           {"stickiness", "0.05", "0 to 1",
            "share of its payoff that a job may spend on staying on its machines"}},
          make_pd_ors};
}

}  // namespace bourse
