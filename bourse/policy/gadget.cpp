#include "bourse/policy/gadget.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <tuple>
#include <utility>

#include "bourse/base/units.h"
#include "bourse/policy/gang_starts.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/ring_embedding.h"

namespace bourse {
namespace {

constexpr double kLeastOfSlot = 0.1;  ///< That a job is thought to train in after it moved.

double utility_of(GadgetUtility utility, double share) {
  switch (utility) {
    case GadgetUtility::linear:
      return share;
    case GadgetUtility::square_root:
      return std::sqrt(share);
    case GadgetUtility::logarithm:
      return std::log1p(9 * share) / std::log(10.0);
  }
  return 0;
}

FreeCapacity everything(const ClusterState& state) {
  FreeCapacity free(state);
  for (const JobId id : state.active()) free.give(state.spec(id), state.job(id).allocation);
  return free;
}

/// One slot: who gets what.
class SlotGreedy {
 public:
  SlotGreedy(const ClusterState& state, const GadgetOptions& options)
      : state_(state),
        options_(options),
        active_(state.active()),
        total_(state.cluster().total()),
        open_(everything(state), options.link),
        calm_(everything(state), options.link),
        granted_(active_.size()),
        gains_(active_.size()),
        versions_(active_.size()) {
    for (const JobId id : active_) calm_.take(state.spec(id), state.job(id).allocation);
  }

  std::vector<Allocation> run() {
    const double together = run_from({});
    const auto [single, alone] = best_single(together);
    if (single < active_.size() && alone > together) {
      SlotGreedy again(state_, options_);
      (void)again.run_from(single);
      return std::move(again.granted_);
    }
    return std::move(granted_);
  }

 private:
  struct Step {
    double ratio = 0;
    std::size_t rank = 0;
    TaskCounts next;
    std::uint32_t version = 0;
    bool is_exact = false;  ///< The ratio is that of an embedding that was tried.

    bool operator<(const Step& other) const {
      return std::tuple(ratio, other.rank) < std::tuple(other.ratio, rank);
    }
  };

  [[nodiscard]] const JobSpec& job(std::size_t rank) const { return state_.spec(active_[rank]); }
  [[nodiscard]] const Allocation& held(std::size_t rank) const {
    return state_.job(active_[rank]).allocation;
  }

  /// Utility that running in this slot at `speed` adds.
  [[nodiscard]] double added(std::size_t rank, double speed, bool is_moved) const {
    const JobSpec& spec = job(rank);
    const bool has_run = !held(rank).empty() || state_.job(active_[rank]).attained > Seconds(0);
    Seconds time = options_.slot;
    // A restart that takes the slot must not keep a job from ever running again.
    if (is_moved && has_run)
      time = std::max(time - spec.restart_cost, kLeastOfSlot * options_.slot);
    const double done = state_.samples_done(active_[rank]);
    const double after = std::min(spec.samples, done + speed * time.value);
    const double weight =
        options_.weight == GadgetWeight::equal ? 1 : utility_at(spec.utility, Seconds(0));
    return weight * (utility_of(options_.utility, after / spec.samples) -
                     utility_of(options_.utility, done / spec.samples));
  }
  [[nodiscard]] double added(std::size_t rank, const Allocation& allocation) const {
    const double speed = declared_speed(job(rank), allocation, state_.cluster());
    return added(rank, speed, allocation != held(rank));
  }

  /// Dominant share of resources and links.
  [[nodiscard]] double share_of(std::size_t rank, TaskCounts tasks, std::size_t machines) const {
    const double resources = dominant_share(demand_of(job(rank), tasks), total_);
    if (machines < 2) return resources;
    const double links = options_.link.value * static_cast<double>(open_.free().machine_count());
    const double demand = link_demand(job(rank)).value * static_cast<double>(machines);
    return std::max(resources, demand / links);
  }

  void push(std::size_t rank, TaskCounts next) {
    const JobSpec& spec = job(rank);
    const Allocation& now = granted_[rank];
    const double speed = samples_per_second(spec.throughput, next, Locality::machine, fastest_);
    push_ratio(rank, next, added(rank, speed, false) - gains_[rank],
               share_of(rank, next, 1) - share_of(rank, tasks_of(now), 1), false);
  }
  void push_ratio(std::size_t rank, TaskCounts next, double gain, double share, bool is_exact) {
    if (gain <= 0) return;
    steps_.push({gain / std::max(share, 1e-12), rank, next, versions_[rank], is_exact});
  }

  void push_next(std::size_t rank) {
    const JobSpec& spec = job(rank);
    const int now = tasks_of(granted_[rank]).workers;
    const int next = next_workers(spec.throughput, now);
    if (next > now) push(rank, bundle(spec, next));
  }

  /// Where the tasks could go in place of what the job has now.
  [[nodiscard]] std::optional<Allocation> embed(std::size_t rank, TaskCounts tasks) {
    const JobSpec& spec = job(rank);
    const Allocation now = granted_[rank];
    if (now.empty()) calm_.give(spec, held(rank));
    open_.give(spec, now);
    calm_.give(spec, now);
    std::optional<Allocation> placed;
    if (tasks_of(held(rank)) == tasks && open_.has(spec, held(rank))) placed = held(rank);
    if (!placed && now.empty() && !held(rank).empty())
      placed = calm_.embed(spec, tasks, first_of(held(rank)));
    if (!placed) placed = calm_.embed(spec, tasks, now);
    if (!placed) placed = open_.embed(spec, tasks, now);
    open_.take(spec, now);
    calm_.take(spec, now);
    if (now.empty()) calm_.take(spec, held(rank));
    return placed;
  }

  /// Nothing yet, on the machine where the job holds the most workers.
  [[nodiscard]] static Allocation first_of(const Allocation& held) {
    const TaskGroup& most = *std::ranges::max_element(held, {}, &TaskGroup::workers);
    return {{most.machine, 0, 0}};
  }

  void grant(std::size_t rank, Allocation placed) {
    const JobSpec& spec = job(rank);
    if (granted_[rank].empty()) calm_.give(spec, held(rank));
    open_.give(spec, granted_[rank]);
    calm_.give(spec, granted_[rank]);
    open_.take(spec, placed);
    calm_.take(spec, placed);
    gains_[rank] = added(rank, placed);
    granted_[rank] = std::move(placed);
    ++versions_[rank];
  }

  /// Takes steps until none is left; returns the utility they add.
  double run_from(std::optional<std::size_t> first) {
    for (const MachineClass& machine_class : state_.cluster().classes)
      fastest_ = std::max(fastest_, machine_class.speed);
    if (first) {
      for (TaskCounts next = bundle(job(*first), min_workers(job(*first).throughput));;) {
        auto placed = embed(*first, next);
        if (placed) grant(*first, std::move(*placed));
        const int more = next_workers(job(*first).throughput, next.workers);
        if (!placed || more == next.workers) break;
        next = bundle(job(*first), more);
      }
    }
    for (std::size_t rank = 0; rank < active_.size(); ++rank) {
      if (!granted_[rank].empty() || held(rank).empty())
        push_next(rank);
      else
        push(rank, tasks_of(held(rank)));  // To stay as it is, in one step.
    }
    while (!steps_.empty()) {
      const Step step = steps_.top();
      steps_.pop();
      if (step.version == versions_[step.rank]) take(step);
    }
    double sum = 0;
    for (const double gain : gains_) sum += gain;
    return sum;
  }

  /// Takes the step, or puts it back with what it is really worth if another may be better.
  void take(const Step& step) {
    auto placed = embed(step.rank, step.next);
    if (!placed) {
      const TaskCounts least = bundle(job(step.rank), min_workers(job(step.rank).throughput));
      if (granted_[step.rank].empty() && step.next != least) push_next(step.rank);
      return;
    }
    const Allocation& now = granted_[step.rank];
    const double gain = added(step.rank, *placed) - gains_[step.rank];
    if (!step.is_exact) {
      const double share = share_of(step.rank, step.next, placed->size()) -
                           share_of(step.rank, tasks_of(now), now.size());
      const double ratio = gain / std::max(share, 1e-12);
      if (!steps_.empty() && ratio < steps_.top().ratio)
        return push_ratio(step.rank, step.next, gain, share, true);
    }
    if (gain <= 0) return;
    grant(step.rank, std::move(*placed));
    push_next(step.rank);
  }

  /// The job that alone adds most, if any could add more than `together`.
  [[nodiscard]] std::pair<std::size_t, double> best_single(double together) {
    std::pair<std::size_t, double> best{active_.size(), together};
    for (std::size_t rank = 0; rank < active_.size(); ++rank) {
      const JobSpec& spec = job(rank);
      const TaskCounts most = bundle(spec, max_workers(spec.throughput));
      const double speed = samples_per_second(spec.throughput, most, Locality::machine, fastest_);
      if (added(rank, speed, false) <= best.second) continue;
      EmbeddingRoom alone(everything(state_), options_.link);
      const auto placed = alone.embed(spec, most, {});
      if (placed && added(rank, *placed) > best.second) best = {rank, added(rank, *placed)};
    }
    return best;
  }

  const ClusterState& state_;
  const GadgetOptions& options_;
  const std::vector<JobId>& active_;
  ResourceVector total_;
  EmbeddingRoom open_;  ///< What is left by the jobs embedded so far.
  EmbeddingRoom calm_;  ///< The same less what the others hold now.
  std::vector<Allocation> granted_;
  std::vector<double> gains_;
  std::vector<std::uint32_t> versions_;
  std::priority_queue<Step> steps_;
  double fastest_ = 0;
};

}  // namespace

Decision GadgetPolicy::decide(const ClusterState& state, const Event& event) {
  return divide_in_rounds(state, event, rounds_, options_.gangs_at_once,
                          [&] { return changes_to(state, SlotGreedy(state, options_).run()); });
}

namespace {

Result<std::unique_ptr<Policy>> make_gadget(const SettingsReader& settings,
                                            const PolicyContext& context) {
  GadgetOptions options;
  if (context.slot > Seconds(0)) options.slot = context.slot;
  BOURSE_TRY(options.slot, settings.period("slot", options.slot));
  BOURSE_TRY(const std::size_t gangs, settings.choice("gangs", {"at-once", "at-slot"}));
  options.gangs_at_once = gangs == 0;
  BOURSE_TRY(const std::size_t utility, settings.choice("utility", {"linear", "sqrt", "log"}));
  options.utility = static_cast<GadgetUtility>(utility);
  BOURSE_TRY(const std::size_t weight, settings.choice("weight", {"equal", "value"}));
  options.weight = weight == 0 ? GadgetWeight::equal : GadgetWeight::value;
  if (settings.text("link") != "unlimited") {
    const auto link = parse_bytes_per_second(settings.text("link"));
    if (!link || link->value <= 0)
      return invalid("setting 'gadget.link': write unlimited or a rate such as 10Gbit/s");
    options.link = *link;
  }
  return std::make_unique<GadgetPolicy>(options);
}

}  // namespace

PolicyInfo gadget_info() {
  return {"gadget",
          "each slot, rings start and grow where they add most utility per share",
          "Yu et al., GADGET, INFOCOM'22",
          "demands, throughput shape, the declared work",
          {{"slot", "auto", "auto | a duration from 1ms",
            "length of a slot; auto = the workload's, else 10min; shorter moves jobs more often"},
           {"gangs", "at-once", "at-once | at-slot",
            "whether jobs of one size start as soon as they fit or wait for a slot"},
           {"utility", "sqrt", "linear | sqrt | log",
            "of the share of the work done; the more concave, the sooner jobs give way"},
           {"weight", "equal", "equal | value", "whether jobs count by what they are worth"},
           {"link", "unlimited", "unlimited | a rate",
            "bandwidth of each machine's link that rings across machines reserve"}},
          make_gadget};
}

}  // namespace bourse
