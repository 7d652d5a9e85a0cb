#include "bourse/policy/pd_ors.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/model/workload.h"
#include "bourse/policy/rates.h"

namespace bourse {
namespace {

/// The slot that `now` lies in; an instant within rounding error of a start is that start.
SlotIndex slot_at(Seconds now, Seconds slot) {
  const double position = now / slot;
  return static_cast<SlotIndex>(std::floor(position + 1e-9 * std::max(1.0, position)));
}

/// An end this little after that of a slot, relative to the slot, is rounding error.
constexpr double kTimeTolerance = 1e-9;
/// A late job stays for at most so many slots before it is looked at again.
constexpr double kLongestStay = 100'000;
/// A job that waits is worthless once no completion is worth more than this share of the best.
constexpr double kWorthless = 1e-6;

bool touches(const Allocation& allocation, MachineId machine) {
  return std::ranges::find(allocation, machine, &TaskGroup::machine) != allocation.end();
}

}  // namespace

void PdOrsPolicy::start(const ClusterState& state) {
  bookings_.emplace(state.cluster());
  prices_->start(state.cluster());
}

Decision PdOrsPolicy::decide(const ClusterState& state, const Event& event) {
  if (!bookings_) start(state);
  bookings_->advance(slot_at(state.now(), options_.search.slot));
  Decision decision;
  if (event.kind == EventKind::finish || event.kind == EventKind::cancel) {
    // Others may complete at this very instant, so the slot is not entered yet.
    leave(state, event.job);
    settled_ = false;
    decision.wake_at = next_wake(state, event, false);
    return decision;
  }
  if (event.kind == EventKind::machine_down) lose_machine(state, event.machine, decision);
  if (event.kind == EventKind::machine_up) {
    bookings_->set_down(event.machine, false);
    waiting_.stir();
  }
  const bool enters_slot = entered_ < bookings_->current();
  if (enters_slot) enter_slot(state, decision);
  if (enters_slot && purse_) waiting_.stir();  // Credits come without an event.
  if (event.kind == EventKind::arrival) {
    prices_->arrive(state, bookings_->ledger(), event.job);
    arrived_.push_back(event.job);
    if (!options_.gather) decide_on_arrivals(state, decision);
  }
  // Others may arrive at this very instant, so they are settled with when all have.
  if (event.kind != EventKind::wake) settled_ = false;
  if (event.kind == EventKind::wake) settle(state, decision);
  enact(state, decision);
  if (has_filler()) yield_filler(state, decision);
  if (has_filler() && event.kind == EventKind::wake) fill(state, decision);
  decision.wake_at = next_wake(state, event, enters_slot);
  return decision;
}

bool PdOrsPolicy::adopt(const ClusterState& state, JobId job, std::span<const PlannedSlot> plan,
                        Seconds promised) {
  if (!bookings_) start(state);
  bookings_->advance(slot_at(state.now(), options_.search.slot));
  const JobSpec& spec = state.spec(job);
  if (promised == kForever) {
    // It waited; its turn comes in a round, so that a restart with a long queue is no long search.
    if (!options_.wait || best_utility(state, job) <= 0) return false;
    prices_->arrive(state, bookings_->ledger(), job);
    waiting_.add(job);
    waiting_.stir();
    // What runs without a booking has to give way.
    if (!state.job(job).allocation.empty()) unpaid_.insert(job);
    return true;
  }
  std::vector<ScheduledSlot> slots;
  for (const PlannedSlot& run : plan) {
    SlotIndex slot = std::max(bookings_->current(), slot_at(run.from, options_.search.slot));
    for (; slot < slot_at(run.to, options_.search.slot); ++slot) {
      if (!bookings_->ledger().has_room(slot, spec, run.allocation)) return false;
      slots.push_back({slot, run.allocation});
    }
  }
  prices_->arrive(state, bookings_->ledger(), job);
  Booking& booking = bookings_->add(job);
  booking.promised = promised;
  booking.utility = utility_of(spec, promised);
  bookings_->book(spec, booking, std::move(slots));
  return true;
}

Seconds PdOrsPolicy::next_wake(const ClusterState& state, const Event& event,
                               bool enters_slot) const {
  if (!arrived_.empty()) return state.now();
  const bool is_behind = entered_ < bookings_->current();
  const bool looks_on = waiting_.is_stirred();
  const bool fills = has_filler() && !waiting_.empty();
  const bool works_ahead = options_.replan && worked_ahead_ < bookings_->current();
  const bool has_jobs = !bookings_->all().empty();
  if (!settled_ && (looks_on || fills || (works_ahead && has_jobs))) return state.now();
  // If no job could be planned although nothing is booked, the next slot brings no more room.
  if (event.kind == EventKind::wake && enters_slot && bookings_->none_ahead() && !looks_on &&
      !fills)
    return kForever;
  const bool fillers_run = fills && std::ranges::any_of(waiting_.jobs(), [&](JobId id) {
                             return !state.job(id).allocation.empty();
                           });
  if (!has_jobs && !looks_on && !fillers_run) return kForever;
  return is_behind ? state.now() : start_of(bookings_->current() + 1);
}

void PdOrsPolicy::enter_slot(const ClusterState& state, Decision& decision) {
  entered_ = bookings_->current();
  prices_->enter_slot(state, bookings_->ledger(), entered_);
  replan_late_jobs(state, decision);
  waiting_.stir();
}

void PdOrsPolicy::settle(const ClusterState& state, Decision& decision) {
  settled_ = true;
  decide_on_arrivals(state, decision);
  look_again(state, decision);
  if (!options_.replan || worked_ahead_ == bookings_->current()) return;
  worked_ahead_ = bookings_->current();
  work_ahead(state, decision);
}

void PdOrsPolicy::leave(const ClusterState& state, JobId id) {
  waiting_.remove(id);
  unpaid_.erase(id);
  std::erase(arrived_, id);
  const Booking* booking = bookings_->find(id);
  if (booking == nullptr) return;
  if (!booking->is_spent()) waiting_.stir();
  const PhaseTimer timer(counters_, Phase::booking);
  bookings_->remove(state.spec(id), id);
}

SearchResult PdOrsPolicy::search(const ClusterState& state, JobId id, const OpenWork& open,
                                 bool must_finish, Seconds until) {
  JobPrices prices = prices_->prices_of(bookings_->ledger(), state.spec(id));
  SearchOptions options = options_.search;
  options.must_finish = must_finish;
  options.horizon = std::min(options.horizon, until);
  return find_schedule(bookings_->ledger(), state.spec(id), id, open.samples, open.from, prices,
                       options, counters_);
}

double PdOrsPolicy::cost_of(const JobSpec& spec, std::span<const ScheduledSlot> slots) const {
  const Ledger& ledger = bookings_->ledger();
  JobPrices prices = prices_->prices_of(ledger, spec);
  double cost = 0;
  for (const ScheduledSlot& slot : slots)
    for (const TaskGroup& group : slot.allocation) {
      const StateId machine = ledger.states(slot.slot)[group.machine.index()];
      cost += group.workers * prices.worker(machine, slot.slot) +
              group.servers * prices.server(machine, slot.slot);
    }
  return cost;
}

double PdOrsPolicy::best_utility(const ClusterState& state, JobId id) const {
  const JobSpec& spec = state.spec(id);
  const Seconds completion = state.now() + Seconds(state.samples_left(id) / full_rate(spec));
  if (completion > options_.search.horizon) return 0;
  const Seconds slot = options_.search.paper_time ? options_.search.slot : Seconds(0);
  return utility_at(spec.utility, utility_delay(spec.arrival, completion, slot));
}

double PdOrsPolicy::payoff_density(const ClusterState& state, JobId id) const {
  const JobSpec& spec = state.spec(id);
  const std::vector<double>& units = prices_->units();
  double demand = 0;
  for (std::size_t r = 0; r < units.size(); ++r)
    demand += static_cast<double>(spec.worker[r] + spec.server[r]) / units[r];
  const double task_seconds =
      max_workers(spec.throughput) * state.samples_left(id) / full_rate(spec);
  return best_utility(state, id) / std::max(1e-300, demand * task_seconds);
}

void PdOrsPolicy::decide_on_arrivals(const ClusterState& state, Decision& decision) {
  std::vector<JobId> undecided = arrived_;
  undecided.insert(undecided.end(), waiting_.jobs().begin(), waiting_.jobs().end());
  prices_->prepare(state, bookings_->ledger(), bookings_->current(), undecided);
  for (const JobId id : std::exchange(arrived_, {})) decide_on(state, id, decision);
}

void PdOrsPolicy::look_without_bids(const ClusterState& state, JobId id) {
  const JobSpec& spec = state.spec(id);
  std::optional<JobPrices> prices = prices_->prices_without_bids(bookings_->ledger(), spec);
  if (!prices) return;
  const SearchResult result = find_schedule(bookings_->ledger(), spec, id, state.samples_left(id),
                                            state.now(), *prices, options_.search, counters_);
  if (result.verdict == SearchVerdict::found) prices_->forgo(id, result.schedule.utility);
}

void PdOrsPolicy::decide_on(const ClusterState& state, JobId id, Decision& decision) {
  const SearchResult result = try_to_admit(state, id, decision);
  if (result.verdict == SearchVerdict::found) return;
  look_without_bids(state, id);
  const bool is_priced_out = result.verdict == SearchVerdict::priced_out;
  const bool is_unpaid = result.verdict == SearchVerdict::unpaid;
  ReasonCode code = is_priced_out ? ReasonCode::priced_out : ReasonCode::no_schedule;
  if (is_unpaid) code = ReasonCode::waits_for_credit;
  if (is_unpaid || (options_.wait && best_utility(state, id) > 0)) {
    if (!is_unpaid) code = is_priced_out ? ReasonCode::waits_for_price : ReasonCode::waits_for_room;
    waiting_.add(id);
  } else {
    decision.declined.push_back(id);
  }
  const PricedSchedule& best = result.schedule;
  give_reason(decision, {id, code, {best.payoff(), best.utility, best.cost, 0}});
}

bool PdOrsPolicy::pays(JobId id, double price) {
  const bool is_paid = !purse_ || purse_(id, price);
  if (is_paid)
    unpaid_.erase(id);
  else
    unpaid_.insert(id);
  return is_paid;
}

SearchResult PdOrsPolicy::try_to_admit(const ClusterState& state, JobId id, Decision& decision) {
  SearchResult result = search(state, id, all_work(state, id), false);
  if (result.verdict == SearchVerdict::found) {
    if (pays(id, result.schedule.cost))
      admit(state, id, std::move(result.schedule), decision);
    else
      result.verdict = SearchVerdict::unpaid;
  } else if (options_.replan && make_room(state, id, decision)) {
    result.verdict = SearchVerdict::found;
  }
  return result;
}

void PdOrsPolicy::look_again(const ClusterState& state, Decision& decision) {
  const auto rank = [&](JobId id) { return payoff_density(state, id); };
  for (int looks = 0; looks < options_.looks;) {
    const std::optional<JobId> id = waiting_.next(rank);
    if (!id) return;
    const JobSpec& spec = state.spec(*id);
    if (best_utility(state, *id) <= kWorthless * utility_at(spec.utility, Seconds(0))) {
      if (!state.job(*id).allocation.empty()) decision.changes.push_back({*id, {}});
      decision.declined.push_back(*id);
      give_reason(decision, {*id, ReasonCode::worthless, {}});
      waiting_.remove(*id);
      unpaid_.erase(*id);
      continue;
    }
    ++looks;
    if (try_to_admit(state, *id, decision).verdict == SearchVerdict::found) waiting_.remove(*id);
  }
}

void PdOrsPolicy::admit(const ClusterState& state, JobId id, PricedSchedule schedule,
                        Decision& decision) {
  const PhaseTimer timer(counters_, Phase::booking);
  give_reason(decision,
              {id,
               ReasonCode::admitted,
               {schedule.utility, schedule.cost, schedule.payoff(), schedule.completion.value}});
  append_plan(id, schedule.slots, options_.search.slot, decision.plan);
  Booking& booking = bookings_->add(id);
  booking.promised = schedule.completion;
  booking.utility = schedule.utility;
  prices_->earn(id, schedule.utility);
  bookings_->book(state.spec(id), booking, std::move(schedule.slots));
}

void PdOrsPolicy::lose_machine(const ClusterState& state, MachineId machine, Decision& decision) {
  std::vector<JobId> hit;
  for (Booking& booking : bookings_->all()) {
    const auto touched = [&](const ScheduledSlot& s) { return touches(s.allocation, machine); };
    const auto first = booking.slots.begin() + static_cast<std::ptrdiff_t>(booking.next);
    if (std::none_of(first, booking.slots.end(), touched)) continue;
    // What runs elsewhere in this slot goes on; all that comes after is planned anew.
    const bool keeps_current =
        bookings_->wanted_now(booking) != nullptr && !touched(booking.slots[booking.next]);
    bookings_->release(state.spec(booking.job), booking, booking.next + (keeps_current ? 1 : 0));
    hit.push_back(booking.job);
  }
  bookings_->set_down(machine, true);
  for (const JobId id : hit) {
    Booking& booking = *bookings_->find(id);
    const Allocation* running = bookings_->wanted_now(booking);
    if (running == nullptr) {
      plan_rest(state, booking, state.now(), state.samples_left(id), decision);
      continue;
    }
    const Seconds next = start_of(bookings_->current() + 1);
    const double rate = rate_of(state.spec(id), *running, state.cluster());
    const double left = state.samples_left(id) - rate * (next - state.now()).value;
    if (left > 0) plan_rest(state, booking, next, left, decision);
  }
}

void PdOrsPolicy::plan_rest(const ClusterState& state, Booking& booking, Seconds from,
                            double samples_left, Decision& decision) {
  // A job that moves or resumes first pays its restart cost; plan that time as if it were work.
  const JobSpec& spec = state.spec(booking.job);
  const OpenWork open{.from = from,
                      .samples = samples_left + full_rate(spec) * spec.restart_cost.value};
  SearchResult result;
  if (options_.replan) result = search(state, booking.job, open, true, slot_end(booking.promised));
  if (result.verdict != SearchVerdict::found) result = search(state, booking.job, open, true);
  // If there is no room at all, the job is asked again in the next slot.
  if (result.verdict != SearchVerdict::found) return;
  // A schedule with pauses restarts after each. If that eats up its slots, the job would be late
  // again and again, so it gets its slots in one piece.
  if (outcome_with(state, booking, result.schedule.slots) == kForever)
    result.schedule = unbroken(state, booking, from, samples_left, result.schedule);
  renew_promise(state, booking, std::move(result.schedule), decision);
}

Seconds PdOrsPolicy::outcome_with(const ClusterState& state, const Booking& booking,
                                  std::span<const ScheduledSlot> more) const {
  const auto booked = booking.slots.begin() + static_cast<std::ptrdiff_t>(booking.next);
  std::vector<ScheduledSlot> ahead(booked, booking.slots.end());
  ahead.insert(ahead.end(), more.begin(), more.end());
  return outcome_of(state, booking.job, ahead).completion;
}

PricedSchedule PdOrsPolicy::unbroken(const ClusterState& state, const Booking& booking,
                                     Seconds from, double samples_left,
                                     const PricedSchedule& broken) const {
  const JobSpec& spec = state.spec(booking.job);
  const auto rate_in = [&](const ScheduledSlot& slot) {
    return rate_of(spec, slot.allocation, state.cluster());
  };
  const Allocation tasks = std::ranges::max_element(broken.slots, {}, rate_in)->allocation;
  const double rate = rate_of(spec, tasks, state.cluster());
  const Seconds time = spec.restart_cost + Seconds(samples_left / rate);
  const Seconds slot = options_.search.slot;
  const auto begin_of = [&](SlotIndex first) { return std::max(from, start_of(first)); };
  const auto end_of = [&](SlotIndex first) {
    const double end = std::ceil((begin_of(first) + time) / slot - kTimeTolerance);
    const double latest = static_cast<double>(first) + kLongestStay;
    return std::max(first + 1, static_cast<SlotIndex>(std::min(end, latest)));
  };
  // Beyond all bookings there is room for ever.
  const Ledger& ledger = bookings_->ledger();
  SlotIndex first = slot_at(from, slot);
  for (SlotIndex at = first; at < std::min(end_of(first), ledger.end()); at = ledger.run(at).end)
    if (!ledger.has_room(at, spec, tasks)) first = ledger.run(at).end;
  PricedSchedule schedule{.completion = begin_of(first) + time};
  for (SlotIndex at = first; at < end_of(first); ++at) schedule.slots.push_back({at, tasks});
  schedule.utility = utility_of(spec, schedule.completion);
  schedule.cost = cost_of(spec, schedule.slots);
  return schedule;
}

bool PdOrsPolicy::stay(const ClusterState& state, Booking& booking, Decision& decision) {
  const JobSpec& spec = state.spec(booking.job);
  const JobState& running = state.job(booking.job);
  const double rate = rate_of(spec, running.allocation, state.cluster());
  if (running.allocation.empty() || rate <= 0) return false;
  const Seconds startup = std::max(Seconds(0), running.progress_from - state.now());
  const Seconds time = startup + Seconds(state.samples_left(booking.job) / rate);
  const double slots = std::max(1.0, std::ceil(time / options_.search.slot - kTimeTolerance));
  // Beyond all bookings there is room for ever, so the slots up to there decide.
  const SlotIndex current = bookings_->current();
  const SlotIndex end = current + static_cast<SlotIndex>(std::min(slots, kLongestStay));
  const Ledger& ledger = bookings_->ledger();
  for (SlotIndex slot = current; slot < std::min(end, ledger.end()); ++slot)
    if (!ledger.has_room(slot, spec, running.allocation)) return false;
  PricedSchedule schedule;
  for (SlotIndex slot = current; slot < end; ++slot)
    schedule.slots.push_back({slot, running.allocation});
  schedule.completion = state.now() + time;
  schedule.utility = utility_of(spec, schedule.completion);
  schedule.cost = cost_of(spec, schedule.slots);
  renew_promise(state, booking, std::move(schedule), decision);
  return true;
}

void PdOrsPolicy::renew_promise(const ClusterState& state, Booking& booking,
                                PricedSchedule schedule, Decision& decision) {
  const PhaseTimer timer(counters_, Phase::booking);
  give_reason(
      decision,
      {booking.job, ReasonCode::replanned, {schedule.cost, schedule.completion.value, 0, 0}});
  append_plan(booking.job, schedule.slots, options_.search.slot, decision.plan);
  booking.promised = std::max(booking.promised, schedule.completion);
  booking.utility = schedule.utility;
  bookings_->book(state.spec(booking.job), booking, std::move(schedule.slots));
}

void PdOrsPolicy::replan_late_jobs(const ClusterState& state, Decision& decision) {
  for (Booking& booking : bookings_->all())
    if (booking.is_spent() && !stay(state, booking, decision))
      plan_rest(state, booking, state.now(), state.samples_left(booking.job), decision);
}

void PdOrsPolicy::enact(const ClusterState& state, Decision& decision) {
  for (const Booking& booking : bookings_->all()) {
    const Allocation& held = state.job(booking.job).allocation;
    const Allocation* wanted = bookings_->wanted_now(booking);
    if (wanted == nullptr && !held.empty()) decision.changes.push_back({booking.job, {}});
    if (wanted != nullptr && *wanted != held) decision.changes.push_back({booking.job, *wanted});
  }
}

}  // namespace bourse
