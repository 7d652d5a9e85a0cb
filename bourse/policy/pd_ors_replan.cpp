#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/model/workload.h"
#include "bourse/policy/filler.h"
#include "bourse/policy/pd_ors.h"
#include "bourse/policy/placement.h"
#include "bourse/policy/rates.h"

namespace bourse {
namespace {

/// A completion this much later than promised, relative to the slot, is rounding error.
constexpr double kSlotEndTolerance = 1e-6;
/// So is work left, relative to all of the job's.
constexpr double kWorkTolerance = 1e-9;
/// Working ahead must train this many times what the slot would train anyway.
constexpr double kLeastGainAhead = 1.01;
/// So many jobs in a row that cannot train more end the search for one that can.
constexpr int kMaxMissesAhead = 32;

bool has_run(const ClusterState& state, JobId id) {
  const JobState& job = state.job(id);
  return job.attained > Seconds(0) || (!job.allocation.empty() && job.since < state.now());
}

}  // namespace

Seconds PdOrsPolicy::slot_end(Seconds time) const {
  const Seconds slot = options_.search.slot;
  return slot * std::ceil(time / slot - kSlotEndTolerance);
}

Seconds PdOrsPolicy::tolerance() const { return kSlotEndTolerance * options_.search.slot; }

PdOrsPolicy::OpenWork PdOrsPolicy::work_after_slot(const ClusterState& state,
                                                   const Booking& booking) const {
  const JobSpec& spec = state.spec(booking.job);
  const Allocation* running = bookings_->wanted_now(booking);
  OpenWork open{.first = booking.next + (running != nullptr ? 1 : 0),
                .from = start_of(bookings_->current() + 1),
                .samples = state.samples_left(booking.job)};
  if (running != nullptr) {
    const JobState& job = state.job(booking.job);
    Seconds since = std::max(state.now(), job.progress_from);
    if (*running != job.allocation)
      since = state.now() + (has_run(state, booking.job) ? spec.restart_cost : Seconds(0));
    const double rate = rate_of(spec, *running, state.cluster());
    open.samples -= rate * std::max(0.0, (open.from - since).value);
  }
  open.samples += full_rate(spec) * spec.restart_cost.value;
  return open;
}

PdOrsPolicy::OpenWork PdOrsPolicy::open_work(const ClusterState& state,
                                             const Booking& booking) const {
  const JobSpec& spec = state.spec(booking.job);
  const bool at_start = state.now() - start_of(bookings_->current()) <= tolerance();
  if (!at_start && bookings_->wanted_now(booking) != nullptr)
    return work_after_slot(state, booking);
  OpenWork open{
      .first = booking.next, .from = state.now(), .samples = state.samples_left(booking.job)};
  if (has_run(state, booking.job)) open.samples += full_rate(spec) * spec.restart_cost.value;
  return open;
}

PdOrsPolicy::Outcome PdOrsPolicy::outcome_of(const ClusterState& state, JobId id,
                                             std::span<const ScheduledSlot> slots) const {
  const JobSpec& spec = state.spec(id);
  const JobState& job = state.job(id);
  double left = state.samples_left(id);
  const Allocation* held = &job.allocation;
  Seconds progress_from = job.progress_from;
  Seconds end = state.now();
  bool restarts = has_run(state, id);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Allocation& allocation = slots[i].allocation;
    const Seconds begin = std::max(state.now(), start_of(slots[i].slot));
    const bool paused = begin - end > tolerance();
    if (paused || allocation != *held)
      progress_from = begin + (restarts ? spec.restart_cost : Seconds(0));
    held = &allocation;
    restarts = true;
    end = start_of(slots[i].slot + 1);
    const Seconds since = std::max(begin, progress_from);
    const double rate = rate_of(spec, allocation, state.cluster());
    const double trained = rate * std::max(0.0, (end - since).value);
    if (trained > 0 && trained >= left - kWorkTolerance * spec.samples)
      return {std::min(end, since + Seconds(left / rate)), i + 1};
    left -= trained;
  }
  return {kForever, slots.size()};
}

double PdOrsPolicy::utility_of(const JobSpec& spec, Seconds completion) const {
  if (completion == kForever) return 0;
  const Seconds slot = options_.search.paper_time ? options_.search.slot : Seconds(0);
  return utility_at(spec.utility, utility_delay(spec.arrival, completion, slot));
}

std::optional<PricedSchedule> PdOrsPolicy::keep_promise(const ClusterState& state,
                                                        const Booking& booking, OpenWork open) {
  const JobSpec& spec = state.spec(booking.job);
  const Seconds enough = outcome_with(state, booking, {});
  if (enough < kForever) {  // What runs in this slot is enough.
    if (enough > booking.promised + tolerance()) return std::nullopt;
    return PricedSchedule{.utility = utility_of(spec, enough), .completion = enough};
  }
  // Completions are looked for by whole slots, so the promise may lie within the last one.
  SearchResult result = search(state, booking.job, open, true, slot_end(booking.promised));
  if (result.verdict != SearchVerdict::found) return std::nullopt;
  const Seconds completion = outcome_with(state, booking, result.schedule.slots);
  if (completion > booking.promised + tolerance()) return std::nullopt;
  return std::move(result.schedule);
}

double PdOrsPolicy::open_volume(const JobSpec& spec, const Booking& booking,
                                std::size_t first) const {
  const TaskCounts tasks = tasks_of(booking.slots[first].allocation);
  double demand = 0;
  for (std::size_t r = 0; r < prices_->units().size(); ++r)
    demand += static_cast<double>(tasks.workers * spec.worker[r] + tasks.servers * spec.server[r]) /
              prices_->units()[r];
  return demand * static_cast<double>(booking.slots.size() - first);
}

bool PdOrsPolicy::make_room(const ClusterState& state, JobId id, Decision& decision) {
  std::vector<std::pair<double, JobId>> ranked;
  for (const Booking& booking : bookings_->all()) {
    const std::size_t first = open_work(state, booking).first;
    if (first < booking.slots.size())
      ranked.emplace_back(-open_volume(state.spec(booking.job), booking, first), booking.job);
  }
  std::ranges::sort(ranked);
  int searches = 0;
  std::vector<JobId> movers;
  for (const auto& [rank, job] : ranked) {
    searches += 2;
    if (searches > options_.moves) return false;
    if (try_moving(state, id, std::span(&job, 1), decision)) return true;
    movers.push_back(job);
    if (movers.size() < 2) continue;
    searches += 1 + static_cast<int>(movers.size());
    if (searches > options_.moves) return false;
    if (try_moving(state, id, movers, decision)) return true;
  }
  return false;
}

bool PdOrsPolicy::try_moving(const ClusterState& state, JobId newcomer,
                             std::span<const JobId> movers, Decision& decision) {
  struct Move {
    std::size_t first;
    std::vector<ScheduledSlot> before;
    PricedSchedule after;
  };
  std::vector<Move> moves(movers.size());
  double gain = 0;  // Of payoff, all told, each job priced at what is booked before it.
  for (std::size_t i = movers.size(); i-- > 0;) {
    Booking& booking = *bookings_->find(movers[i]);
    const JobSpec& spec = state.spec(movers[i]);
    moves[i].first = open_work(state, booking).first;
    moves[i].before = bookings_->release(spec, booking, moves[i].first);
    gain += cost_of(spec, moves[i].before) - booking.utility;
  }
  SearchResult result = search(state, newcomer, all_work(state, newcomer), false);
  bool fits = result.verdict == SearchVerdict::found;
  if (fits) {
    gain += result.schedule.payoff();
    bookings_->book(state.spec(newcomer), bookings_->add(newcomer), result.schedule.slots);
  }
  std::size_t placed = 0;
  while (fits && placed < movers.size()) {
    Booking& booking = *bookings_->find(movers[placed]);
    std::optional<PricedSchedule> schedule =
        keep_promise(state, booking, open_work(state, booking));
    fits = schedule.has_value();
    if (!fits) break;
    gain += schedule->payoff();
    bookings_->book(state.spec(booking.job), booking, schedule->slots);
    moves[placed++].after = *std::move(schedule);
  }
  const bool found = result.verdict == SearchVerdict::found;
  if (found) bookings_->remove(state.spec(newcomer), newcomer);
  if (fits && gain > 0) {
    for (std::size_t i = 0; i < movers.size(); ++i) {
      Booking& booking = *bookings_->find(movers[i]);
      const PricedSchedule& after = moves[i].after;
      booking.utility = after.utility;
      give_reason(decision, {booking.job,
                             ReasonCode::moved,
                             {after.cost, after.completion.value, booking.promised.value, 0}});
      append_plan(booking.job, after.slots, options_.search.slot, decision.plan);
    }
    admit(state, newcomer, std::move(result.schedule), decision);
    return true;
  }
  for (std::size_t i = 0; i < movers.size(); ++i) {
    Booking& booking = *bookings_->find(movers[i]);
    const JobSpec& spec = state.spec(movers[i]);
    if (i < placed) bookings_->release(spec, booking, moves[i].first);
  }
  for (std::size_t i = 0; i < movers.size(); ++i)
    bookings_->book(state.spec(movers[i]), *bookings_->find(movers[i]), std::move(moves[i].before));
  return false;
}

void PdOrsPolicy::work_ahead(const ClusterState& state, Decision& decision) {
  const SlotIndex current = bookings_->current();
  const Seconds slot = options_.search.slot;
  if (state.now() - start_of(current) > tolerance()) return;
  FreeCapacity idle(bookings_->ledger(), current);
  int searches = options_.moves;
  int misses = 0;
  for (Booking& booking : bookings_->all()) {
    if (misses >= kMaxMissesAhead) return;
    const JobSpec& spec = state.spec(booking.job);
    const Allocation* wanted = bookings_->wanted_now(booking);
    if (booking.slots.size() - booking.next <= (wanted != nullptr ? 1U : 0U)) continue;
    const Allocation own = wanted != nullptr ? *wanted : Allocation{};
    idle.give(spec, own);
    const JobState& job = state.job(booking.job);
    const auto trains = [&](const Allocation& allocation) {
      const bool restarts = allocation != job.allocation && state.samples_done(booking.job) > 0;
      const Seconds time = slot - (restarts ? spec.restart_cost : Seconds(0));
      return rate_of(spec, allocation, state.cluster()) * std::max(0.0, time.value);
    };
    const double left = state.samples_left(booking.job);
    const std::optional<Allocation> more = largest_placement(idle, spec, left / slot.value);
    if (more && trains(*more) > kLeastGainAhead * trains(own)) {
      use_now(state, booking, *more, searches, decision);
      misses = 0;
    } else {
      ++misses;
    }
    wanted = bookings_->wanted_now(booking);
    if (wanted != nullptr) idle.take(spec, *wanted);
  }
}

void PdOrsPolicy::use_now(const ClusterState& state, Booking& booking, const Allocation& now,
                          int& searches, Decision& decision) {
  const JobSpec& spec = state.spec(booking.job);
  const std::vector<ScheduledSlot> before = bookings_->release(spec, booking, booking.next);
  const bool had_now = before.front().slot == bookings_->current();
  const double cost_before = cost_of(spec, std::span(before).subspan(had_now ? 1 : 0));
  std::vector<ScheduledSlot> after = before;
  if (had_now)
    after.front().allocation = now;
  else
    after.insert(after.begin(), {bookings_->current(), now});
  // The later slots that are not needed any more are free again.
  const Outcome outcome = outcome_of(state, booking.job, after);
  after.resize(std::max<std::size_t>(1, outcome.slots));
  double cost = cost_of(spec, std::span(after).subspan(1));
  double utility = utility_of(spec, outcome.completion);
  const bool keeps = outcome.completion <= booking.promised + tolerance();
  bool gains = keeps && utility - cost > booking.utility - cost_before;
  bookings_->book(spec, booking, {after.front()});
  if (searches > 0 && after.size() > 1) {
    --searches;
    const std::optional<PricedSchedule> anew =
        keep_promise(state, booking, work_after_slot(state, booking));
    if (anew && anew->payoff() > (gains ? utility - cost : booking.utility - cost_before)) {
      gains = true;
      cost = anew->cost;
      utility = anew->utility;
      after.resize(1);
      after.insert(after.end(), anew->slots.begin(), anew->slots.end());
    }
  }
  bookings_->release(spec, booking, booking.next);
  if (gains) {
    booking.utility = utility;
    waiting_.stir();
    const Seconds done = outcome_of(state, booking.job, after).completion;
    give_reason(decision,
                {booking.job, ReasonCode::moved, {cost, done.value, booking.promised.value, 0}});
    append_plan(booking.job, after, options_.search.slot, decision.plan);
  }
  bookings_->book(spec, booking, gains ? after : before);
}

}  // namespace bourse
