#include "bourse/policy/dorm.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "bourse/policy/dorm_program.h"
#include "bourse/policy/failed_demands.h"
#include "bourse/policy/gang_starts.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/resizing.h"

namespace bourse {
namespace {

/// One round: admission, sizes, placement.
class Round {
 public:
  Round(const ClusterState& state, const DormOptions& options, std::size_t& cursor);
  Decision decide();

 private:
  [[nodiscard]] const JobSpec& job(std::size_t rank) const { return state_.spec(active_[rank]); }
  [[nodiscard]] const Allocation& held(std::size_t rank) const {
    return state_.job(active_[rank]).allocation;
  }
  [[nodiscard]] bool is_running(std::size_t rank) const { return !held(rank).empty(); }
  [[nodiscard]] bool is_gang(std::size_t rank) const { return is_rigid(job(rank).throughput); }
  [[nodiscard]] int workers_of(std::size_t rank, int containers) const;

  [[nodiscard]] DormApp app_of(std::size_t rank) const;
  void choose_open();
  [[nodiscard]] std::vector<double> reclaimable() const;
  void admit();
  void set_sizes();
  void shrink();
  void start();
  void grow();

  const ClusterState& state_;
  const DormOptions& options_;
  std::size_t& cursor_;
  const std::vector<JobId>& active_;
  ResourceVector total_;
  FreeCapacity free_;
  std::vector<DormApp> apps_;          ///< By rank.
  std::vector<std::size_t> open_;      ///< Running jobs whose sizes may change.
  std::vector<std::size_t> admitted_;  ///< Waiting jobs that shall start.
  std::vector<int> workers_;           ///< Wanted, by rank.
  std::vector<Allocation> wanted_;
  int budget_ = 0;  ///< Running jobs that may be resized.
};

Round::Round(const ClusterState& state, const DormOptions& options, std::size_t& cursor)
    : state_(state),
      options_(options),
      cursor_(cursor),
      active_(state.active()),
      total_(state.cluster().total()),
      free_(state),
      workers_(active_.size()) {
  for (std::size_t rank = 0; rank < active_.size(); ++rank) {
    apps_.push_back(app_of(rank));
    wanted_.push_back(held(rank));
    workers_[rank] = tasks_of(held(rank)).workers;
  }
  const std::size_t running = active_.size() - state.waiting_count();
  budget_ = static_cast<int>(std::ceil(options.adjustment * static_cast<double>(running) - 1e-9));
}

/// The largest size of at most so many containers that the job can use.
int Round::workers_of(std::size_t rank, int containers) const {
  const JobSpec& spec = job(rank);
  if (is_gang(rank)) return containers * max_workers(spec.throughput);
  int size = min_workers(spec.throughput);
  if (containers < size) return 0;
  for (int next = next_workers(spec.throughput, size); next > size && next <= containers;
       next = next_workers(spec.throughput, size))
    size = next;
  return size;
}

DormApp Round::app_of(std::size_t rank) const {
  const JobSpec& spec = job(rank);
  const int most = max_workers(spec.throughput);
  const TaskCounts largest = bundle(spec, most);
  const bool gang = is_gang(rank);
  DormApp app{.demand = {}};
  for (std::size_t r = 0; r < total_.size(); ++r) {
    const double all =
        static_cast<double>(largest.workers * spec.worker[r] + largest.servers * spec.server[r]);
    const double share = total_[r] > 0 ? all / static_cast<double>(total_[r]) : 0;
    app.demand.push_back(gang ? share : share / most);
  }
  const int held_workers = tasks_of(held(rank)).workers;
  app.current = gang ? std::min(held_workers, 1) : held_workers;
  if (gang) return app;
  app.min = min_workers(spec.throughput);
  app.max =
      options_.max_workers > 0 ? std::max(app.min, std::min(most, options_.max_workers)) : most;
  app.max = std::max(app.max, app.current);
  return app;
}

/// The running jobs that can be resized and are farthest from their fair share.
void Round::choose_open() {
  for (std::size_t rank = 0; rank < active_.size(); ++rank)
    if (is_running(rank) && !is_gang(rank)) open_.push_back(rank);
  const auto distance = [&](std::size_t rank) {
    return std::abs(apps_[rank].dominant(apps_[rank].current) - apps_[rank].fair_share);
  };
  std::ranges::stable_sort(open_, std::greater{}, distance);
  if (open_.size() > static_cast<std::size_t>(options_.open_apps))
    open_.resize(static_cast<std::size_t>(options_.open_apps));
  std::ranges::sort(open_);
}

/// What open jobs could give back if the largest of them went down to their smallest size.
std::vector<double> Round::reclaimable() const {
  std::vector<std::size_t> largest = open_;
  const auto surplus = [&](std::size_t rank) {
    return apps_[rank].dominant(apps_[rank].current - apps_[rank].min);
  };
  std::ranges::stable_sort(largest, std::greater{}, surplus);
  if (largest.size() > static_cast<std::size_t>(budget_))
    largest.resize(static_cast<std::size_t>(budget_));
  std::vector<double> shares(total_.size());
  for (const std::size_t rank : largest)
    for (std::size_t r = 0; r < shares.size(); ++r)
      shares[r] += (apps_[rank].current - apps_[rank].min) * apps_[rank].demand[r];
  return shares;
}

std::vector<double> free_shares(const ClusterState& state, const ResourceVector& total) {
  std::vector<double> shares(total.size());
  for (std::size_t h = 0; h < state.cluster().machines.size(); ++h) {
    if (!state.is_up(MachineId(h))) continue;
    for (std::size_t r = 0; r < total.size(); ++r)
      if (total[r] > 0)
        shares[r] +=
            static_cast<double>(state.free(MachineId(h))[r]) / static_cast<double>(total[r]);
  }
  return shares;
}

void Round::admit() {
  std::vector<double> room = free_shares(state_, total_);
  const std::vector<double> more = reclaimable();
  for (std::size_t r = 0; r < room.size(); ++r) room[r] += more[r];
  const bool only_gangs = open_.empty();
  FreeCapacity scratch = free_;
  FailedDemands failed;
  int elastic = 0;
  for (std::size_t rank = 0; rank < active_.size(); ++rank) {
    if (is_running(rank)) continue;
    if (!is_gang(rank) && elastic == options_.newcomers) continue;
    const TaskCounts least = bundle(job(rank), min_workers(job(rank).throughput));
    if (failed.covers(job(rank), least)) continue;
    const DormApp& app = apps_[rank];
    bool fits_room = true;
    for (std::size_t r = 0; r < room.size(); ++r)
      fits_room &= app.min * app.demand[r] <= room[r] + 1e-9;
    // Nobody could make room, so only real machines count.
    std::optional<Allocation> placed;
    if (fits_room && only_gangs) placed = place(scratch, job(rank), least);
    if (!fits_room || (only_gangs && !placed)) {
      failed.add(job(rank), least);
      continue;
    }
    if (placed) scratch.take(job(rank), *placed);
    for (std::size_t r = 0; r < room.size(); ++r) room[r] -= app.min * app.demand[r];
    if (!is_gang(rank)) ++elastic;
    admitted_.push_back(rank);
  }
}

void Round::set_sizes() {
  std::vector<std::size_t> in_program;
  std::ranges::set_union(open_, admitted_, std::back_inserter(in_program));
  DormLimits limits{.room = free_shares(state_, total_), .adjustments = budget_};
  limits.loss = 2 * options_.fairness * static_cast<double>(total_.size());
  std::vector<DormApp> apps;
  for (const std::size_t rank : in_program) apps.push_back(apps_[rank]);
  for (const DormApp& app : apps)
    for (std::size_t r = 0; r < total_.size(); ++r) limits.room[r] += app.current * app.demand[r];
  for (std::size_t rank = 0; rank < active_.size(); ++rank)
    if (!std::ranges::binary_search(in_program, rank))
      limits.loss -= std::abs(apps_[rank].dominant(apps_[rank].current) - apps_[rank].fair_share);
  const bool all_gangs =
      std::ranges::all_of(in_program, [&](std::size_t rank) { return is_gang(rank); });
  std::optional<std::vector<int>> counts;
  if (!all_gangs && limits.loss >= 0) counts = dorm_program(apps, limits, options_.nodes);
  if (!counts) counts = dorm_greedy(apps, limits);
  for (std::size_t i = 0; i < in_program.size(); ++i)
    if ((*counts)[i] != apps[i].current)
      workers_[in_program[i]] = workers_of(in_program[i], (*counts)[i]);
}

void Round::shrink() {
  for (const std::size_t rank : open_) {
    if (workers_[rank] >= tasks_of(held(rank)).workers) continue;
    TaskCounts kept = bundle(job(rank), workers_[rank]);
    kept.servers = std::min(kept.servers, tasks_of(held(rank)).servers);
    Allocation left = shrunk(held(rank), kept);
    if (declared_speed(job(rank), left, state_.cluster()) <= 0) continue;
    free_.give(job(rank), held(rank));
    free_.take(job(rank), left);
    wanted_[rank] = std::move(left);
  }
}

void Round::start() {
  for (const std::size_t rank : admitted_) {
    if (workers_[rank] == 0) continue;
    const JobSpec& spec = job(rank);
    const TaskCounts tasks = bundle(spec, workers_[rank]);
    auto placed = place(free_, spec, tasks, options_.placement, cursor_);
    if (!placed && !is_gang(rank)) {
      placed = place(free_, spec, bundle(spec, min_workers(spec.throughput)));
      if (placed) placed = grown(free_, spec, *placed, workers_[rank]);
    }
    if (!placed) continue;
    cursor_ += static_cast<std::size_t>(tasks.workers + tasks.servers);
    free_.take(spec, *placed);
    wanted_[rank] = std::move(*placed);
  }
}

void Round::grow() {
  for (const std::size_t rank : open_) {
    if (workers_[rank] <= tasks_of(held(rank)).workers) continue;
    free_.give(job(rank), held(rank));
    wanted_[rank] = grown(free_, job(rank), held(rank), workers_[rank]);
    free_.take(job(rank), wanted_[rank]);
  }
}

Decision Round::decide() {
  set_fair_shares(apps_);
  choose_open();
  admit();
  if (!open_.empty() || !admitted_.empty()) {
    set_sizes();
    shrink();
    start();
    grow();
  }
  return changes_to(state_, std::move(wanted_));
}

}  // namespace

Decision DormPolicy::decide(const ClusterState& state, const Event& event) {
  Decision decision;
  if (state.active().empty()) return decision;
  if (!rounds_.begins(state, event)) {
    decision.wake_at = rounds_.wake_after_event(state);
    return decision;
  }
  const bool is_still = is_settled(state);
  if (!is_still) decision = Round(state, options_, cursor_).decide();
  // Jobs are resized when others come or go, so without events a round changes nothing twice.
  decision.wake_at = rounds_.wake_after_round(is_still || decision.changes.empty());
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_dorm(const SettingsReader& settings,
                                          const PolicyContext& context) {
  DormOptions options;
  BOURSE_TRY(options.interval, settings.period_or_none("interval", context.slot));
  BOURSE_TRY(options.fairness, settings.number("fairness", 0, 1));
  BOURSE_TRY(options.adjustment, settings.number("adjustment", 0, 1));
  BOURSE_TRY(options.open_apps, settings.whole("open-jobs", 0, 1000));
  BOURSE_TRY(options.newcomers, settings.whole("newcomers", 1, 1000));
  BOURSE_TRY(options.nodes, settings.whole("nodes", 0, 1'000'000));
  BOURSE_TRY(options.max_workers, settings.whole("max-workers", 0, kMaxWorkers));
  BOURSE_TRY(const std::size_t rule, settings.choice("placement", {"pack", "round-robin"}));
  options.placement = rule == 0 ? PlacementRule::pack : PlacementRule::round_robin;
  return std::make_unique<DormPolicy>(options);
}

}  // namespace

PolicyInfo dorm_info() {
  return {"dorm",
          "uses the cluster most, within bounds on unfairness and on resizes; a program for CBC",
          "Sun et al., Dorm, SmartComp'17",
          "demands, smallest and largest size",
          {{"interval", "auto", "auto | 0 | a duration from 1ms",
            "time between rounds; 0 = at every event, auto = the workload's slot, else 0"},
           {"fairness", "0.1", "0 to 1", "theta1; larger trades fairness for use of the cluster"},
           {"adjustment", "0.2", "0 to 1", "theta2, share of running jobs that a round may resize"},
           {"open-jobs", "16", "0 to 1000",
            "most running jobs whose size one program decides; more take more time"},
           {"newcomers", "16", "1 to 1000", "most new jobs that can be resized in one program"},
           {"nodes", "20", "0 to 1000000", "nodes of branch and bound; more take more time"},
           {"max-workers", "0", "0 to 1000000", "most workers a job gets; 0 = what it can use"},
           {"placement", "pack", "pack | round-robin", "where the tasks of a new job go"}},
          make_dorm};
}

}  // namespace bourse
