#include "bourse/policy/gavel.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "bourse/policy/in_order.h"

namespace bourse {
namespace {

constexpr double kNoShare = 1e-9;

/// A job on a class, or on several (the last number).
struct Pair {
  double priority;
  double owed;
  double share;
  std::size_t rank;  ///< In order of arrival, then id.
  std::size_t place;
};

bool comes_later(const Pair& a, const Pair& b) {
  return std::tuple(-a.priority, -a.owed, -a.share, a.rank, a.place) >
         std::tuple(-b.priority, -b.owed, -b.share, b.rank, b.place);
}

/// The class that the job is on, or `classes` if it is on several.
std::size_t place_of(const ClusterState& state, const Allocation& allocation) {
  const auto& machines = state.cluster().machines;
  const std::uint32_t first = machines[allocation.front().machine.index()].class_index;
  const bool is_one = std::ranges::all_of(allocation, [&](const TaskGroup& group) {
    return machines[group.machine.index()].class_index == first;
  });
  return is_one ? first : state.cluster().classes.size();
}

}  // namespace

/// A newcomer gets an account.
void GavelPolicy::enter(const ClusterState& state, JobId id) {
  reset_at_ = std::min(reset_at_, state.now());
  if (id.index() >= accounts_.size()) {
    accounts_.resize(id.index() + 1);
    history_.resize(id.index() + 1);
  }
  accounts_[id.index()].received.resize(state.cluster().classes.size() + 1);
  accounts_[id.index()].counted_from = state.spec(id).arrival;
}

void GavelPolicy::settle_job(const ClusterState& state, JobId id) {
  Account& account = accounts_[id.index()];
  const JobState& job = state.job(id);
  if (job.status == JobStatus::running)
    account.received[place_of(state, job.allocation)] +=
        (state.now() - std::max(job.since, settled_at_)).value;
  const double done = state.samples_done(id);
  if (account.isolated_rate > 0)
    history_[id.index()].isolated_seconds +=
        std::max(0.0, done - account.samples_seen) / account.isolated_rate;
  account.samples_seen = done;
}

/// Books the time received since the last time.
void GavelPolicy::settle(const ClusterState& state) {
  for (const JobId id : state.running()) settle_job(state, id);
  // Who has waited all the time has received nothing.
  const std::vector<JobId>& waiting = state.waiting();
  for (auto at = waiting.rbegin(); at != waiting.rend(); ++at) {
    if (state.job(*at).since < settled_at_) break;
    settle_job(state, *at);
  }
  settled_at_ = state.now();
}

void GavelPolicy::decide_shares(const ClusterState& state) {
  const GavelRates rates(state);
  const std::size_t classes = rates.class_count();
  const std::vector<double> shares = gavel_shares(state, rates, options_.objective, history_);
  shared_ = state.active();
  shares_.clear();
  for (std::size_t job = 0; job < shared_.size(); ++job) {
    for (std::size_t k = 0; k < classes; ++k) shares_.push_back(shares[job * classes + k]);
    const auto count = static_cast<double>(shared_.size());
    shares_.push_back(rates.fits_a_class(job) ? 0 : 1 / count);
    accounts_[shared_[job].index()].isolated_rate = isolated_rate(rates, job, shared_.size());
  }
  is_dirty_ = false;
  if (state.now() - reset_at_ < options_.reset_after) return;
  reset_at_ = state.now();
  for (const JobId id : shared_) {
    Account& account = accounts_[id.index()];
    std::ranges::fill(account.received, 0.0);
    account.counted_from = state.now();
  }
}

void GavelPolicy::run_round(const ClusterState& state, Repacking& repacking,
                            std::vector<JobId>& left) {
  const std::size_t places = state.cluster().classes.size() + 1;
  std::vector<Pair> pairs;
  for (std::size_t job = 0; job < shared_.size(); ++job) {
    const Account& account = accounts_[shared_[job].index()];
    const double passed = (state.now() - account.counted_from).value;
    for (std::size_t place = 0; place < places; ++place) {
      const double share = shares_[job * places + place];
      if (share <= kNoShare) continue;
      const double received = account.received[place];
      const double priority = received > 0 ? share * passed / received : 1e9 * share;
      pairs.push_back({priority, share * passed - received, share, job, place});
    }
  }
  std::ranges::make_heap(pairs, comes_later);
  std::vector<bool> runs(shared_.size());
  std::vector<OpenDemands> open(places, OpenDemands(state, classes_));
  bool any_waiting = true;
  while (!pairs.empty()) {
    if (any_waiting && std::ranges::none_of(open, &OpenDemands::any_waiting)) {
      any_waiting = false;
      std::erase_if(pairs, [&](const Pair& pair) {
        return state.job(shared_[pair.rank]).allocation.empty();
      });
      std::ranges::make_heap(pairs, comes_later);
      continue;
    }
    std::ranges::pop_heap(pairs, comes_later);
    const Pair pair = pairs.back();
    pairs.pop_back();
    if (runs[pair.rank]) continue;
    const JobId id = shared_[pair.rank];
    const std::uint32_t demand = classes_.of(state, id);
    const TaskCounts tasks = requested_tasks(state.spec(id));
    const bool waits = state.job(id).allocation.empty();
    if (waits && open[pair.place].has_failed(demand)) continue;
    runs[pair.rank] = pair.place + 1 == places
                          ? repacking.try_run(id, tasks)
                          : repacking.try_run_on(id, tasks, static_cast<std::uint32_t>(pair.place));
    if (!runs[pair.rank]) {
      open[pair.place].fail(demand);
    } else if (waits) {
      for (OpenDemands& each : open) each.start(demand);
    }
  }
  for (std::size_t job = 0; job < shared_.size(); ++job)
    if (!runs[job]) left.push_back(shared_[job]);
}

/// Classes on which the tasks make progress, the fastest first, as far as machine speeds tell.
std::vector<std::uint32_t> GavelPolicy::classes_by_speed(const ClusterState& state,
                                                         const JobSpec& job) const {
  std::vector<std::uint32_t> classes(state.cluster().classes.size());
  std::iota(classes.begin(), classes.end(), 0U);
  std::ranges::stable_sort(classes, std::greater{}, [&](std::uint32_t k) {
    return samples_per_second(job.throughput, requested_tasks(job), Locality::machine,
                              state.cluster().classes[k].speed);
  });
  return classes;
}

/// Jobs beyond their share take what is left, the fastest class first.
void GavelPolicy::fill_round(const ClusterState& state, Repacking& repacking,
                             std::span<const JobId> left) {
  OpenDemands open(state, classes_, left);
  for (const JobId id : left) {
    const JobSpec& job = state.spec(id);
    const std::uint32_t demand = classes_.of(state, id);
    const bool waits = state.job(id).allocation.empty();
    if (waits && (!open.any_waiting() || open.has_failed(demand))) continue;
    const TaskCounts tasks = requested_tasks(job);
    const auto classes = classes_by_speed(state, job);
    const bool runs = std::ranges::any_of(
        classes, [&](std::uint32_t k) { return repacking.try_run_on(id, tasks, k); });
    if (!runs && !repacking.try_run(id, tasks))
      open.fail(demand);
    else if (waits)
      open.start(demand);
  }
}

Decision GavelPolicy::plan_round(const ClusterState& state) {
  settle(state);
  if (is_dirty_) decide_shares(state);
  Repacking repacking(state);
  std::vector<JobId> left;
  run_round(state, repacking, left);
  if (options_.fill) fill_round(state, repacking, left);
  return repacking.decision();
}

/// Between rounds nobody is paused; who waits may take what is free.
Decision GavelPolicy::fill_between(const ClusterState& state) {
  if (!options_.fill) return {};
  if (state.cluster().classes.size() == 1) return start_waiting(state, classes_);
  Decision decision;
  FreeCapacity free(state);
  OpenDemands open(state, classes_);
  for (const JobId id : state.waiting()) {
    if (!open.any_waiting()) break;
    const JobSpec& job = state.spec(id);
    const std::uint32_t demand = classes_.of(state, id);
    if (open.has_failed(demand)) continue;
    const TaskCounts tasks = requested_tasks(job);
    std::optional<Allocation> placed;
    for (const std::uint32_t k : classes_by_speed(state, job)) {
      FreeCapacity of_class = free;
      of_class.keep_class(k);
      placed = place(of_class, job, tasks);
      if (placed) break;
    }
    if (!placed) placed = place(free, job, tasks);
    if (!placed) {
      open.fail(demand);
      continue;
    }
    open.start(demand);
    free.take(job, *placed);
    decision.reasons.push_back({id, ReasonCode::started, {}});
    decision.changes.push_back({id, std::move(*placed)});
  }
  return decision;
}

/// Somebody waits, or is not where it is fastest.
bool GavelPolicy::needs_rounds(const ClusterState& state, const Decision& decision) const {
  const std::size_t waits = waiting_after(state, decision);
  if (waits == state.active().size()) return !decision.changes.empty();
  if (waits > 0) return true;
  if (state.cluster().classes.size() == 1) return false;
  const auto& classes = state.cluster().classes;
  double fastest = 0;
  for (const MachineClass& each : classes) fastest = std::max(fastest, each.speed);
  return std::ranges::any_of(state.active(), [&](JobId id) {
    const Allocation& held = state.job(id).allocation;
    return held.empty() || slowest_speed(held, state.cluster()) < fastest;
  });
}

Decision GavelPolicy::decide(const ClusterState& state, const Event& event) {
  if (event.kind != EventKind::wake) is_dirty_ = true;
  if (state.active().empty()) {
    round_end_ = kForever;
    return {};
  }
  if (event.kind == EventKind::arrival) enter(state, event.job);
  const bool starts_round = round_end_ <= state.now();
  Decision decision;
  if (starts_round)
    decision = plan_round(state);
  else if (state.waiting_count() > 0)
    decision = fill_between(state);
  // Without changes, a later round with the same jobs may still differ: shares are met over time.
  const bool is_idle =
      state.waiting_count() == state.active().size() && decision.changes.empty() && starts_round;
  if (is_idle || (options_.fill && !needs_rounds(state, decision)))
    round_end_ = kForever;
  else if (starts_round || round_end_ == kForever)
    round_end_ = state.now() + (starts_round || options_.fill ? options_.round : Seconds(0)) +
                 longest_restart(state, decision);
  decision.wake_at = round_end_;
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_gavel(const SettingsReader& settings, const PolicyContext&) {
  GavelOptions options;
  BOURSE_TRY(
      const std::size_t objective,
      settings.choice("objective", {"max-min", "isolated", "finish-time-fairness", "makespan"}));
  options.objective = static_cast<GavelObjective>(objective);
  BOURSE_TRY(options.round, settings.period("round", options.round));
  BOURSE_TRY(options.reset_after, settings.seconds("reset-after"));
  BOURSE_TRY(options.fill, settings.flag("fill"));
  return std::make_unique<GavelPolicy>(options);
}

}  // namespace

PolicyInfo gavel_info() {
  return {
      "gavel",
      "shares of time on each machine class by an objective, met by rounds",
      "Narayanan et al., Gavel, OSDI'20",
      "the request and its speed on each class; finish-time-fairness and makespan also the work "
      "that is left (oracle)",
      {{"objective", "max-min", "max-min | isolated | finish-time-fairness | makespan",
        "what the shares are to make good: the worst-off job, an equal split, the worst ratio "
        "of the finish to that on an equal split, or the last end"},
       {"round", "6min", "a duration from 1ms",
        "length of a round while jobs wait; a shorter one restarts more"},
       {"reset-after", "32min", "a duration",
        "time received is forgotten when jobs change, at most this often"},
       {"fill", "true", "true | false",
        "jobs may run beyond their share where there is room, and start between rounds"}},
      make_gavel};
}

}  // namespace bourse
