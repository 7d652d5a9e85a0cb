#include "bourse/policy/gavel.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "bourse/policy/failed_demands.h"
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
void GavelPolicy::enter(const ClusterState& state) {
  reset_at_ = std::min(reset_at_, state.now());
  for (const JobId id : state.active()) {
    if (id.index() >= accounts_.size()) {
      accounts_.resize(id.index() + 1);
      history_.resize(id.index() + 1);
    }
    Account& account = accounts_[id.index()];
    if (!account.received.empty()) continue;
    account.received.resize(state.cluster().classes.size() + 1);
    account.counted_from = state.spec(id).arrival;
  }
}

/// Books the time received since the last time.
void GavelPolicy::settle(const ClusterState& state) {
  for (const JobId id : state.active()) {
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
  std::ranges::sort(pairs, {}, [](const Pair& p) {
    return std::tuple(-p.priority, -p.owed, -p.share, p.rank, p.place);
  });
  std::vector<bool> runs(shared_.size());
  std::vector<FailedDemands> failed(places);
  for (const Pair& pair : pairs) {
    if (runs[pair.rank]) continue;
    const JobId id = shared_[pair.rank];
    const JobSpec& job = state.spec(id);
    const TaskCounts tasks = requested_tasks(job);
    if (state.job(id).allocation.empty() && failed[pair.place].covers(job, tasks)) continue;
    runs[pair.rank] = pair.place + 1 == places
                          ? repacking.try_run(id, tasks)
                          : repacking.try_run_on(id, tasks, static_cast<std::uint32_t>(pair.place));
    if (!runs[pair.rank]) failed[pair.place].add(job, tasks);
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

Decision GavelPolicy::plan_round(const ClusterState& state) {
  settle(state);
  if (is_dirty_) decide_shares(state);
  Repacking repacking(state);
  std::vector<JobId> left;
  run_round(state, repacking, left);
  if (options_.fill) {
    FailedDemands failed;
    for (const JobId id : left) {
      const JobSpec& job = state.spec(id);
      const TaskCounts tasks = requested_tasks(job);
      if (state.job(id).allocation.empty() && failed.covers(job, tasks)) continue;
      const auto classes = classes_by_speed(state, job);
      const bool runs = std::ranges::any_of(
          classes, [&](std::uint32_t k) { return repacking.try_run_on(id, tasks, k); });
      if (!runs && !repacking.try_run(id, tasks)) failed.add(job, tasks);
    }
  }
  return repacking.decision();
}

/// Between rounds nobody is paused; who waits may take what is free.
Decision GavelPolicy::fill_between(const ClusterState& state) const {
  if (!options_.fill) return {};
  if (state.cluster().classes.size() == 1)
    return start_in_order(state, waiting_longest_first(state));
  Decision decision;
  FreeCapacity free(state);
  FailedDemands failed;
  for (const JobId id : waiting_longest_first(state)) {
    const JobSpec& job = state.spec(id);
    const TaskCounts tasks = requested_tasks(job);
    if (failed.covers(job, tasks)) continue;
    std::optional<Allocation> placed;
    for (const std::uint32_t k : classes_by_speed(state, job)) {
      FreeCapacity of_class = free;
      of_class.keep_class(k);
      placed = place(of_class, job, tasks);
      if (placed) break;
    }
    if (!placed) placed = place(free, job, tasks);
    if (!placed) {
      failed.add(job, tasks);
      continue;
    }
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
  if (event.kind == EventKind::arrival) enter(state);
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
  BOURSE_TRY(options.round, settings.seconds("round"));
  if (options.round <= Seconds(0)) return invalid("setting 'gavel.round': must be above 0");
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
       {"round", "6min", "a duration above 0",
        "length of a round while jobs wait; a shorter one restarts more"},
       {"reset-after", "32min", "a duration",
        "time received is forgotten when jobs change, at most this often"},
       {"fill", "true", "true | false",
        "jobs may run beyond their share where there is room, and start between rounds"}},
      make_gavel};
}

}  // namespace bourse
