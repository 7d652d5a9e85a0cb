#include "bourse/policy/optimus.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "bourse/base/random.h"
#include "bourse/policy/gang_starts.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/placement.h"

namespace bourse {
namespace {

/// The hidden loss curve of every job with estimate=loss, 1 / (b x + 1) of the share x of its work:
/// at the end it falls by 5 % of its range in a tenth of the work. The fall is 0.1 b / ((1 + 0.9 b)
/// (1 + b)), the range b / (1 + b), so 0.1 / (1 + 0.9 b) = 0.05 and b = 10 / 9.
constexpr double kFall = 10.0 / 9;
constexpr int kEpochs = 50;  ///< Of a job that does not say what an epoch is.
constexpr int kWindow = 5;
/// An estimate never exceeds this many times the declared work.
constexpr int kMostTimes = 2;
/// Epochs that a job is taken to have left while there is no curve yet. Source: the repository.
constexpr double kUnknownEpochs = 20;
constexpr double kYoung = 0.1;

/// One more worker or server (or the next size) of a job.
struct Step {
  double gain = 0;
  std::size_t rank = 0;
  TaskCounts next;
  std::uint32_t version = 0;  ///< Of the job's counts; an older step is void.
  bool is_server = false;

  /// For a heap whose top is the best step.
  bool operator<(const Step& other) const {
    return std::tuple(gain, other.rank, other.is_server) < std::tuple(other.gain, rank, is_server);
  }
};

class Growth {
 public:
  Growth(const std::vector<OptimusJob>& jobs, ResourceVector capacity, const ResourceVector& total,
         int max_workers_allowed)
      : jobs_(jobs),
        capacity_(std::move(capacity)),
        total_(total),
        limit_(max_workers_allowed > 0 ? max_workers_allowed : kMaxWorkers),
        counts_(jobs.size()),
        versions_(jobs.size()) {}

  std::vector<TaskCounts> run() {
    for (std::size_t rank = 0; rank < jobs_.size(); ++rank) {
      const JobSpec& job = *jobs_[rank].spec;
      if (!grant(rank, bundle(job, min_workers(job.throughput)))) continue;
      push_steps(rank);
    }
    while (!steps_.empty()) {
      const Step step = steps_.top();
      steps_.pop();
      if (step.version != versions_[step.rank] || !grant(step.rank, step.next)) continue;
      push_steps(step.rank);
    }
    return std::move(counts_);
  }

 private:
  [[nodiscard]] double speed(const OptimusJob& job, TaskCounts tasks) const {
    return job.use_model ? job.model.steps_per_second(tasks)
                         : farthest_speed(*job.spec, tasks) / batch_of(*job.spec);
  }

  bool grant(std::size_t rank, TaskCounts next) {
    const JobSpec& job = *jobs_[rank].spec;
    const TaskCounts now = counts_[rank];
    const ResourceVector added =
        demand_of(job, {next.workers - now.workers, next.servers - now.servers});
    if (!fits(added, capacity_)) return false;
    take(capacity_, added, 1);
    counts_[rank] = next;
    ++versions_[rank];
    return true;
  }

  void push_step(std::size_t rank, TaskCounts next, bool is_server) {
    const OptimusJob& job = jobs_[rank];
    const TaskCounts now = counts_[rank];
    const double before = speed(job, now);
    const double after = speed(job, next);
    if (after <= before) return;
    const double saved = before > 0 ? job.steps_left / before - job.steps_left / after
                                    : std::numeric_limits<double>::infinity();
    const ResourceVector added =
        demand_of(*job.spec, {next.workers - now.workers, next.servers - now.servers});
    const double share = std::max(dominant_share(added, total_), 1e-12);
    const double gain = saved / share * job.factor;
    if (gain > 0) steps_.push({gain, rank, next, versions_[rank], is_server});
  }

  void push_steps(std::size_t rank) {
    const JobSpec& job = *jobs_[rank].spec;
    const TaskCounts now = counts_[rank];
    const int workers = next_workers(job.throughput, now.workers);
    const bool can_grow = workers > now.workers && workers <= limit_;
    if (!std::holds_alternative<ParameterServerThroughput>(job.throughput)) {
      if (can_grow) push_step(rank, bundle(job, workers), false);
      return;
    }
    if (can_grow) push_step(rank, {workers, now.servers}, false);
    if (can_grow && !jobs_[rank].use_model) push_step(rank, bundle(job, workers), false);
    const int most = std::min(limit_, max_workers(job.throughput));
    if (now.servers < std::max(most, servers_for(job.throughput, most)))
      push_step(rank, {now.workers, now.servers + 1}, true);
  }

  const std::vector<OptimusJob>& jobs_;
  ResourceVector capacity_;
  const ResourceVector& total_;
  int limit_;
  std::vector<TaskCounts> counts_;
  std::vector<std::uint32_t> versions_;
  std::priority_queue<Step> steps_;
};

/// The machines by free CPU (or GPU, or the first resource), most first, ties by id.
class MachineOrder {
 public:
  explicit MachineOrder(FreeCapacity& free) : free_(free) {
    const ResourceTypes& types = free.cluster().types;
    key_ = types.find("cpu").value_or(types.find("gpu").value_or(0));
    for (std::size_t h = 0; h < free.machine_count(); ++h) insert(MachineId(h));
  }

  /// The job's tasks over as few of the first machines as hold an equal part each.
  [[nodiscard]] std::optional<Allocation> place_evenly(const JobSpec& job, TaskCounts tasks) const;
  /// Tasks one by one, workers and servers in their proportion, each on the first machine with
  /// room; ends with the first that fits nowhere.
  [[nodiscard]] Allocation place_some(const JobSpec& job, TaskCounts tasks);
  void take(const JobSpec& job, const Allocation& allocation) { change(job, allocation, true); }
  void give(const JobSpec& job, const Allocation& allocation) { change(job, allocation, false); }

 private:
  void insert(MachineId id) { order_.insert({-free_.of(id)[key_], id}); }
  void change(const JobSpec& job, const Allocation& allocation, bool is_taken) {
    for (const TaskGroup& group : allocation)
      order_.erase({-free_.of(group.machine)[key_], group.machine});
    if (is_taken)
      free_.take(job, allocation);
    else
      free_.give(job, allocation);
    for (const TaskGroup& group : allocation) insert(group.machine);
  }

  FreeCapacity& free_;
  std::size_t key_ = 0;
  std::set<std::pair<Amount, MachineId>> order_;
};

/// Part `index` of `count` equal parts of the tasks; the first parts take what is left over.
TaskCounts part_of(TaskCounts tasks, int count, int index) {
  const auto part = [&](int n) { return n / count + (index < n % count ? 1 : 0); };
  return {part(tasks.workers), part(tasks.servers)};
}

constexpr int kMostTries = 64;  ///< Of numbers of machines, for one job.

std::optional<Allocation> MachineOrder::place_evenly(const JobSpec& job, TaskCounts tasks) const {
  const ResourceVector demand = demand_of(job, tasks);
  std::vector<MachineId> first;
  Amount room = 0;
  int tries = 0;
  for (const auto& [negative, id] : order_) {
    if (static_cast<int>(first.size()) >= tasks.workers + tasks.servers || negative > 0) break;
    first.push_back(id);
    room -= negative;
    if (room < demand[key_]) continue;
    if (++tries > kMostTries) break;
    const auto count = static_cast<int>(first.size());
    Allocation placed;
    for (int i = 0; i < count; ++i) {
      const TaskCounts part = part_of(tasks, count, i);
      if (!fits(demand_of(job, part), free_.of(first[static_cast<std::size_t>(i)]))) break;
      placed.push_back({first[static_cast<std::size_t>(i)], part.workers, part.servers});
    }
    if (static_cast<int>(placed.size()) < count) continue;
    normalize(placed);
    if (declared_speed(job, placed, free_.cluster()) > 0) return placed;
  }
  return std::nullopt;
}

Allocation MachineOrder::place_some(const JobSpec& job, TaskCounts tasks) {
  Allocation placed;
  TaskCounts done;
  while (done.workers < tasks.workers || done.servers < tasks.servers) {
    const bool is_worker = done.servers * tasks.workers > done.workers * tasks.servers ||
                           done.servers == tasks.servers;
    const ResourceVector& demand = is_worker ? job.worker : job.server;
    const auto at = std::ranges::find_if(
        order_, [&](const auto& entry) { return fits(demand, free_.of(entry.second)); });
    if (at == order_.end()) break;
    const Allocation one{{at->second, is_worker ? 1 : 0, is_worker ? 0 : 1}};
    take(job, one);
    placed.push_back(one.front());
    ++(is_worker ? done.workers : done.servers);
  }
  give(job, placed);
  normalize(placed);
  return placed;
}

Allocation place_job(MachineOrder& order, const FreeCapacity& free, const JobSpec& job,
                     TaskCounts tasks, const Allocation& held) {
  if (auto evenly = order.place_evenly(job, tasks)) return std::move(*evenly);
  if (auto packed = place(free, job, tasks)) return std::move(*packed);
  if (!is_rigid(job.throughput)) {
    Allocation some = order.place_some(job, tasks);
    if (!some.empty() && declared_speed(job, some, free.cluster()) > 0) return some;
  }
  if (!held.empty() && free.has(job, held)) return held;
  return {};
}

/// Step 4. `counts` has one entry for each active job.
std::vector<Allocation> place_all(const ClusterState& state,
                                  const std::vector<TaskCounts>& counts) {
  const std::vector<JobId>& active = state.active();
  FreeCapacity free(state);
  std::vector<Allocation> wanted(active.size());
  std::vector<std::size_t> moved;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const Allocation& held = state.job(active[rank]).allocation;
    if (!held.empty() && tasks_of(held) == counts[rank]) {
      wanted[rank] = held;
      continue;
    }
    free.give(state.spec(active[rank]), held);
    if (counts[rank].workers > 0) moved.push_back(rank);
  }
  MachineOrder order(free);
  std::ranges::stable_sort(
      moved, {}, [&](std::size_t rank) { return counts[rank].workers + counts[rank].servers; });
  for (const std::size_t rank : moved) {
    const JobSpec& job = state.spec(active[rank]);
    wanted[rank] = place_job(order, free, job, counts[rank], state.job(active[rank]).allocation);
    order.take(job, wanted[rank]);
  }
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const JobSpec& job = state.spec(active[rank]);
    if (!wanted[rank].empty() || !is_rigid(job.throughput)) continue;
    if (auto placed = place(free, job, bundle(job, max_workers(job.throughput)))) {
      free.take(job, *placed);
      wanted[rank] = std::move(*placed);
    }
  }
  return wanted;
}

}  // namespace

std::vector<TaskCounts> optimus_counts(const std::vector<OptimusJob>& jobs, ResourceVector capacity,
                                       const ResourceVector& total, int max_workers_allowed) {
  return Growth(jobs, std::move(capacity), total, max_workers_allowed).run();
}

OptimusPolicy::OptimusPolicy(OptimusOptions options)
    : options_(options), rounds_(options.interval) {}

const SpeedModel& OptimusPolicy::model_of(const JobSpec& job, JobId id) {
  if (models_.size() <= id.index()) models_.resize(id.index() + 1);
  std::optional<SpeedModel>& model = models_[id.index()];
  if (!model) model = fit_speed(profile_points(job), batch_of(job));
  return *model;
}

double OptimusPolicy::steps_left(const ClusterState& state, JobId id) const {
  const JobSpec& job = state.spec(id);
  const double steps = job.samples / batch_of(job);
  const double done = state.samples_done(id) / job.samples;
  if (options_.estimate == OptimusEstimate::declared) return steps * (1 - done);
  // The curve is one of shares of the work, told in epochs of the job.
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&job.throughput);
  const double epochs = adaptive != nullptr ? job.samples / adaptive->epoch_samples : kEpochs;
  const LossCurve hidden{.b0 = kFall / kEpochs, .b1 = 1, .b2 = 0};
  std::vector<LossPoint> seen;
  for (int epoch = 0; epoch <= done * epochs; ++epoch) {
    RandomStream noise(options_.seed, Purpose::belief, id.index(),
                       static_cast<std::uint32_t>(epoch) + 1);
    const double at = epoch / epochs * kEpochs;
    const double loss = hidden.loss_at(at) * (1 + options_.loss_noise * noise.normal(0, 1));
    seen.push_back({at, std::max(loss, 1e-6)});
  }
  const auto curve = fit_loss(seen);
  if (!curve) return steps * kUnknownEpochs / epochs;
  const double drop = hidden.loss_at(kEpochs - kWindow) - hidden.loss_at(kEpochs);
  const double end = epochs_to_converge(*curve, drop, kWindow, kMostTimes * kEpochs);
  return steps * std::max(end / kEpochs - done, 1 / epochs);
}

Decision OptimusPolicy::divide(const ClusterState& state) {
  const ResourceVector total = state.cluster().total();
  ResourceVector capacity(total.size());
  for (std::size_t h = 0; h < state.cluster().machines.size(); ++h)
    if (state.is_up(MachineId(h))) take(capacity, state.cluster().capacity(MachineId(h)), -1);
  std::vector<OptimusJob> jobs;
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    OptimusJob grown{.spec = &job, .use_model = options_.fitted_speed};
    if (!is_rigid(job.throughput)) {
      if (options_.fitted_speed) grown.model = model_of(job, id);
      grown.steps_left = steps_left(state, id);
      if (state.samples_done(id) < kYoung * job.samples) grown.factor = options_.young_factor;
    }
    jobs.push_back(grown);
  }
  const std::vector<TaskCounts> counts =
      optimus_counts(jobs, std::move(capacity), total, options_.max_workers);
  return changes_to(state, place_all(state, counts));
}

Decision OptimusPolicy::decide(const ClusterState& state, const Event& event) {
  return divide_in_rounds(state, event, rounds_, options_.gangs_at_once,
                          [&] { return divide(state); });
}

namespace {

Result<std::unique_ptr<Policy>> make_optimus(const SettingsReader& settings,
                                             const PolicyContext& context) {
  OptimusOptions options;
  options.seed = context.seed;
  if (context.slot > Seconds(0)) options.interval = context.slot;
  BOURSE_TRY(options.interval, settings.period("interval", options.interval));
  BOURSE_TRY(const std::size_t gangs, settings.choice("gangs", {"at-once", "at-round"}));
  options.gangs_at_once = gangs == 0;
  BOURSE_TRY(const std::size_t speed, settings.choice("speed", {"fitted", "declared"}));
  options.fitted_speed = speed == 0;
  BOURSE_TRY(const std::size_t estimate, settings.choice("estimate", {"declared", "loss"}));
  options.estimate = estimate == 0 ? OptimusEstimate::declared : OptimusEstimate::loss;
  BOURSE_TRY(options.loss_noise, settings.number("loss-noise", 0, 1));
  BOURSE_TRY(options.young_factor, settings.number("young-factor", 0, 1));
  BOURSE_TRY(options.max_workers, settings.whole("max-workers", 0, kMaxWorkers));
  return std::make_unique<OptimusPolicy>(options);
}

}  // namespace

PolicyInfo optimus_info() {
  return {
      "optimus",
      "each round, workers and servers go where they save most time to completion",
      "Peng et al., Optimus, EuroSys'18",
      "demands, speeds at some sizes, the declared work as an estimate of what is left",
      {{"interval", "auto", "auto | a duration from 1ms",
        "time between rounds; auto = the workload's slot, else 10min; shorter resizes more"},
       {"gangs", "at-once", "at-once | at-round",
        "whether jobs of one size start as soon as they fit or wait for a round"},
       {"speed", "fitted", "fitted | declared",
        "speeds by a model fitted to profiled sizes, or exactly as declared"},
       {"estimate", "declared", "declared | loss",
        "work left: as declared, or where a curve fitted to noisy losses converges"},
       {"loss-noise", "0.05", "0 to 1", "relative noise of observed losses; with estimate=loss"},
       {"young-factor", "0.95", "0 to 1", "weight of gains before a tenth of the work is done"},
       {"max-workers", "0", "0 to 1000000", "most workers a job gets; 0 = what it can use"}},
      make_optimus};
}

}  // namespace bourse
