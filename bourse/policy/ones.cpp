#include "bourse/policy/ones.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "bourse/policy/gang_starts.h"
#include "bourse/policy/gpu_slots.h"
#include "bourse/policy/job_sizes.h"
#include "bourse/policy/ones_limits.h"

namespace bourse {
namespace {

/// Epochs of a job that has no data set of its own.
constexpr double kParts = 20;
constexpr int kMostRequests = 4;  ///< A job grows to this many times its request.

std::size_t gpus_up(const ClusterState& state) {
  std::size_t count = 0;
  for (std::size_t h = 0; h < state.cluster().machines.size(); ++h)
    count += static_cast<std::size_t>(gpus_on(state, MachineId(h)));
  return count;
}

double epoch_of(const JobSpec& job) {
  const auto* adaptive = std::get_if<AdaptiveThroughput>(&job.throughput);
  return adaptive != nullptr ? adaptive->epoch_samples : job.samples / kParts;
}

double epochs_done(const ClusterState& state, JobId id) {
  return state.samples_trained(id) / epoch_of(state.spec(id)) + 1e-9;
}

int gpus_held(const ClusterState& state, JobId id) {
  return tasks_of(state.job(id).allocation).workers *
         gpus_per_worker(state.cluster(), state.spec(id));
}

double run_seconds(const ClusterState& state, JobId id) {
  const JobState& job = state.job(id);
  const Seconds now = job.status == JobStatus::running ? state.now() - job.since : Seconds(0);
  return (job.attained + now).value;
}

double median_run(const ClusterState& state) {
  std::vector<double> times;
  for (const JobId id : state.active())
    if (const double time = run_seconds(state, id); time > 0) times.push_back(time);
  if (times.empty()) return 0;
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::ranges::nth_element(times, middle);
  return *middle;
}

}  // namespace

OnesPolicy::OnesPolicy(OnesOptions options) : options_(options), model_({.seed = options.seed}) {}

void OnesPolicy::observe(const ClusterState& state) {
  if (accounts_.size() < state.job_count()) accounts_.resize(state.job_count());
  for (const JobId id : state.active()) {
    const JobState& job = state.job(id);
    Account& account = accounts_[id.index()];
    if (job.status != JobStatus::running) continue;
    account.speeds[gpus_held(state, id)] = job.trained_rate;
    const double epochs = std::floor(epochs_done(state, id));
    if (epochs < 1 || epochs <= account.last_reported) continue;
    account.last_reported = epochs;
    const double share = state.samples_done(id) / state.spec(id).samples;
    account.reports.push_back(
        {simulated_report(options_.seed, id, epoch_of(state.spec(id)), epochs, share), epochs});
  }
}

void OnesPolicy::finish(JobId id, const ClusterState& state) {
  if (id.index() >= accounts_.size()) return;
  Account& account = accounts_[id.index()];
  for (FinishedReport& row : account.reports)
    row.epochs_total = std::max(row.report.epochs_done, epochs_done(state, id));
  model_.add(account.reports);
  account.reports.clear();
  if (options_.progress != OnesProgress::declared) model_.fit_if_grown();
}

double OnesPolicy::samples_left(const ClusterState& state, JobId id) {
  const double epoch = epoch_of(state.spec(id));
  const Account& account = accounts_[id.index()];
  if (options_.progress == OnesProgress::declared) {
    const double worth = state.samples_done(id) / std::max(1e-9, state.samples_trained(id));
    return state.samples_left(id) / std::max(1e-9, worth);
  }
  // Before its first report a job is taken to have an epoch left, as one with half its work done.
  if (account.reports.empty()) return epoch;
  const EpochReport& report = account.reports.back().report;
  if (options_.progress == OnesProgress::fitted) return epoch * model_.epochs_left(report);
  RandomStream draws(options_.seed, Purpose::learning, step_ + 1,
                     0x8000'0000U + static_cast<std::uint32_t>(id.index()));
  return epoch * model_.sampled_epochs_left(report, draws);
}

double OnesPolicy::epochs_since_change(const ClusterState& state, JobId id) const {
  const double trained = state.samples_trained(id) - accounts_[id.index()].trained_at_change;
  return trained / epoch_of(state.spec(id)) + 1e-9;
}

double OnesPolicy::speed_of(JobId id, int gpus) const {
  const std::map<int, double>& speeds = accounts_[id.index()].speeds;
  if (speeds.empty()) return 1;
  const auto above = speeds.lower_bound(gpus);
  if (above != speeds.end() && above->first == gpus) return std::max(above->second, 1e-9);
  // Between two sizes, or beyond the last two; nothing trains on no GPU.
  auto high = above == speeds.end() ? std::prev(above) : above;
  const std::pair<int, double> low = high == speeds.begin()
                                         ? std::pair<int, double>(0, 0.0)
                                         : std::pair<int, double>(*std::prev(high));
  const double slope = (high->second - low.second) / (high->first - low.first);
  const double speed = low.second + slope * (gpus - low.first);
  return std::max({speed, 0.1 * high->second, 1e-9});
}

/// A job with this many GPUs is compared with what it was at the next smaller size it had.
void OnesPolicy::note_gain(Account& account, int gpus) const {
  const auto now = account.speeds.find(gpus);
  if (options_.least_gain <= 0 || now == account.speeds.begin()) return;
  const auto& [fewer, slower] = *std::prev(now);
  const double added = 1.0 * gpus / fewer - 1;
  if (now->second < slower * (1 + options_.least_gain * added)) account.most = fewer;
}

void OnesPolicy::set_limits(const ClusterState& state) {
  const int gpu_count = static_cast<int>(gpus_up(state));
  JobId largest;
  int largest_gpus = 0;
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    const int per_worker = gpus_per_worker(state.cluster(), job);
    Account& account = accounts_[id.index()];
    const int least = min_workers(job.throughput) * per_worker;
    if (account.limit == 0) account.limit = least;
    account.scaling = 0;
    if (state.job(id).status != JobStatus::running || is_rigid(job.throughput)) continue;
    const int gpus = gpus_held(state, id);
    if (gpus > largest_gpus) {
      largest = id;
      largest_gpus = gpus;
    }
    if (epochs_done(state, id) < options_.warm_epochs ||
        epochs_since_change(state, id) < options_.epochs_between)
      continue;
    note_gain(account, gpus);
    const std::int64_t useful = account.most > 0 ? account.most : gpu_count;
    const int most = static_cast<int>(
        std::min<std::int64_t>(useful, std::int64_t{max_workers(job.throughput)} * per_worker));
    account.limit = std::max(least, std::min(most, scaled_up_limit(account.limit, gpus, most)));
    const int requests = kMostRequests * job.requested_workers * per_worker;
    const int grown = std::min(account.limit, requests) - gpus;
    account.scaling = account.most > 0 ? grown : std::max(0, grown);
  }
  if (largest_gpus == 0 || 2 * largest_gpus < gpu_count) return;
  const auto limit = scaled_down_limit(
      largest_gpus, options_.slow_down * run_seconds(state, largest), median_run(state));
  if (!limit) return;
  accounts_[largest.index()].scaling = *limit - largest_gpus;
  accounts_[largest.index()].limit = *limit;
}

std::vector<OnesJob> OnesPolicy::describe(const ClusterState& state, int gpu_count) {
  std::vector<OnesJob> jobs;
  for (const JobId id : state.active()) {
    const JobSpec& job = state.spec(id);
    const Account& account = accounts_[id.index()];
    OnesJob out;
    out.gpus_per_worker = gpus_per_worker(state.cluster(), job);
    out.least = min_workers(job.throughput) * out.gpus_per_worker;
    out.is_new = epochs_done(state, id) < options_.warm_epochs;
    const int gpus = gpus_held(state, id);
    out.limit = std::max({out.least, std::min(account.limit, gpu_count), out.is_new ? gpus : 0});
    out.limit_now = gpus > 0     ? std::max(out.least, gpus + account.scaling)
                    : out.is_new ? 0
                                 : out.limit;
    out.is_predicted = !out.is_new;
    if (out.is_predicted) out.samples_left = samples_left(state, id);
    jobs.push_back(out);
  }
  return jobs;
}

OnesSchedule OnesPolicy::layout_of(const ClusterState& state, std::size_t gpu_count) const {
  std::vector<std::size_t> next(state.cluster().machines.size(), 0);
  std::vector<std::size_t> end(next.size(), 0);
  std::size_t begin = 0;
  for (std::size_t h = 0; h < next.size(); ++h) {
    next[h] = begin;
    begin += static_cast<std::size_t>(gpus_on(state, MachineId(h)));
    end[h] = begin;
  }
  OnesSchedule layout(gpu_count, kIdle);
  for (std::size_t rank = 0; rank < state.active().size(); ++rank) {
    const JobId id = state.active()[rank];
    const int per_worker = gpus_per_worker(state.cluster(), state.spec(id));
    for (const TaskGroup& group : state.job(id).allocation)
      for (int i = 0; i < group.workers * per_worker; ++i)
        if (std::size_t& at = next[group.machine.index()]; at < end[group.machine.index()])
          layout[at++] = static_cast<int>(rank);
  }
  return layout;
}

void OnesPolicy::to_ranks(const ClusterState& state, std::size_t gpu_count) {
  std::vector<int> rank_of(state.job_count(), kIdle);
  for (std::size_t rank = 0; rank < state.active().size(); ++rank)
    rank_of[state.active()[rank].index()] = static_cast<int>(rank);
  for (OnesSchedule& schedule : population_) {
    for (int& entry : schedule)
      if (entry != kIdle) entry = rank_of[static_cast<std::size_t>(entry)];
    schedule.resize(gpu_count, kIdle);
  }
}

void OnesPolicy::to_ids(const ClusterState& state) {
  for (OnesSchedule& schedule : population_)
    for (int& entry : schedule)
      if (entry != kIdle)
        entry = static_cast<int>(state.active()[static_cast<std::size_t>(entry)].index());
}

Decision OnesPolicy::deploy(const ClusterState& state, const std::vector<int>& gpus) {
  const std::vector<JobId>& active = state.active();
  const auto is_changed = [&](std::size_t rank) {
    return state.job(active[rank]).status == JobStatus::running &&
           gpus[rank] != gpus_held(state, active[rank]);
  };
  bool may_switch = true;
  for (std::size_t rank = 0; rank < active.size(); ++rank)
    if (is_changed(rank) && epochs_since_change(state, active[rank]) < options_.epochs_between)
      may_switch = false;
  FreeCapacity free(state);
  std::vector<Allocation> wanted(active.size());
  std::vector<std::size_t> placed;
  for (std::size_t rank = 0; rank < active.size(); ++rank) {
    const JobState& job = state.job(active[rank]);
    wanted[rank] = job.allocation;
    const bool is_waiting = job.status == JobStatus::waiting;
    if (is_waiting ? gpus[rank] == 0 : !is_changed(rank) || !may_switch) {
      if (is_waiting && may_switch && epochs_done(state, active[rank]) >= options_.warm_epochs) {
        Account& account = accounts_[active[rank].index()];
        const JobSpec& spec = state.spec(active[rank]);
        account.limit = left_out_limit(
            account.limit, min_workers(spec.throughput) * gpus_per_worker(state.cluster(), spec));
      }
      continue;
    }
    free.give(state.spec(active[rank]), job.allocation);
    wanted[rank].clear();
    if (gpus[rank] > 0) placed.push_back(rank);
  }
  std::ranges::stable_sort(placed, std::greater<>(), [&](std::size_t rank) { return gpus[rank]; });
  for (const std::size_t rank : placed) {
    const JobSpec& job = state.spec(active[rank]);
    wanted[rank] = place_shrinking(free, job, gpus[rank] / gpus_per_worker(state.cluster(), job));
    free.take(job, wanted[rank]);
  }
  Decision decision = changes_to(state, std::move(wanted));
  for (Change& change : decision.changes) {
    accounts_[change.job.index()].trained_at_change = state.samples_trained(change.job);
    if (const auto* law = std::get_if<AdaptiveThroughput>(&state.spec(change.job).throughput);
        law != nullptr && !change.allocation.empty())
      change.batch = ones_batch(*law, tasks_of(change.allocation).workers).global;
  }
  return decision;
}

Decision OnesPolicy::decide(const ClusterState& state, const Event& event) {
  observe(state);
  if (event.kind == EventKind::finish) finish(event.job, state);
  if (state.active().empty()) return {};
  if (event.kind != EventKind::wake || state.now() < next_)
    return {.wake_at = std::max(state.now(), next_)};
  if (is_settled(state)) return {.wake_at = kForever};
  next_ = state.now() + options_.interval;
  const std::size_t gpu_count = gpus_up(state);
  if (gpu_count == 0) return {.wake_at = kForever};
  set_limits(state);
  to_ranks(state, gpu_count);
  const std::vector<OnesJob> jobs = describe(state, static_cast<int>(gpu_count));
  evolve(
      population_, layout_of(state, gpu_count), jobs,
      [&](int rank, int gpus) {
        return speed_of(state.active()[static_cast<std::size_t>(rank)], gpus);
      },
      {.population = options_.population,
       .swap_share = options_.swap_share,
       .pause_share = options_.pause_share,
       .seed = options_.seed},
      ++step_);
  Decision decision = deploy(state, gpus_of(population_.front(), jobs.size()));
  to_ids(state);
  decision.wake_at = next_;
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_ones(const SettingsReader& settings,
                                          const PolicyContext& context) {
  OnesOptions options;
  BOURSE_TRY(options.interval, settings.period("interval", options.interval));
  BOURSE_TRY(options.population, settings.whole("population", 2, 256));
  BOURSE_TRY(options.swap_share, settings.number("crossover", 0, 1));
  BOURSE_TRY(options.pause_share, settings.number("mutation", 0, 1));
  BOURSE_TRY(options.warm_epochs, settings.number("warm-epochs", 0, 1e6));
  BOURSE_TRY(options.epochs_between, settings.number("epochs-between", 0, 1e6));
  BOURSE_TRY(options.least_gain, settings.number("least-gain", 0, 1));
  BOURSE_TRY(options.slow_down, settings.number("scale-down", 0, 1e6));
  BOURSE_TRY(const std::size_t progress,
             settings.choice("progress", {"fitted", "sampled", "declared"}));
  options.progress = static_cast<OnesProgress>(progress);
  options.seed = context.seed;
  return std::make_unique<OnesPolicy>(options);
}

}  // namespace

PolicyInfo ones_info() {
  return {
      "ones",
      "an evolution of schedules decides GPUs and batch of every job",
      "Bian et al., ONES, SC'21",
      "what it reports as it trains, the limits of its batch; progress=declared: also the work",
      {{"interval", "1s", "a duration from 1ms", "time between two steps of the evolution"},
       {"population", "16", "2 to 256", "schedules kept; more cost more and find better ones"},
       {"crossover", "0.5", "0 to 1", "share of GPUs that change sides in a crossover"},
       {"mutation", "0.3", "0 to 1", "share of jobs that a mutation pauses"},
       {"warm-epochs", "2", "0 to 1000000",
        "epochs that a job trains before it is predicted, resized or paused"},
       {"epochs-between", "1", "0 to 1000000", "epochs that a job trains before it is moved again"},
       {"least-gain", "0.25", "0 to 1",
        "share of the speed of added GPUs that a job must gain to keep them; 0 = whatever it "
        "gains"},
       {"scale-down", "1", "0 to 1000000", "how far jobs that run long are cut"},
       {"progress", "fitted", "fitted | sampled | declared",
        "how it knows what is left: a Beta regression, a draw of it, or the declared work"}},
      make_ones};
}

}  // namespace bourse
