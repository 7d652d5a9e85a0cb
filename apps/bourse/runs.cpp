#include "apps/bourse/runs.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "apps/bourse/clocks.h"
#include "apps/bourse/exec_policy.h"
#include "bourse/base/text.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/perturb.h"

namespace bourse {
namespace {

constexpr std::size_t kUsagePoints = 2000;

std::uint64_t steps_of(const Decision& decision, const Event& event) {
  const bool is_step = event.kind == EventKind::arrival || event.kind == EventKind::finish;
  return decision.declined.size() + (is_step ? 1 : 0);
}

/// Passes everything on, and counts how far the jobs are: arrival and end are half each.
class WatchedPolicy final : public Policy {
 public:
  WatchedPolicy(std::unique_ptr<Policy> inner, std::atomic<std::uint64_t>& steps)
      : inner_(std::move(inner)), steps_(&steps) {}

  Decision decide(const ClusterState& state, const Event& event) override {
    Decision decision = inner_->decide(state, event);
    steps_->fetch_add(steps_of(decision, event), std::memory_order_relaxed);
    return decision;
  }
  std::optional<Explanation> explain(const ClusterState& state, JobId job) override {
    return inner_->explain(state, job);
  }
  [[nodiscard]] std::vector<double> prices_now() const override { return inner_->prices_now(); }

 private:
  std::unique_ptr<Policy> inner_;
  std::atomic<std::uint64_t>* steps_;
};

/// The same for a policy in a process of its own.
class WatchedForeign final : public ForeignPolicy {
 public:
  WatchedForeign(std::unique_ptr<ForeignPolicy> inner, std::atomic<std::uint64_t>& steps)
      : inner_(std::move(inner)), steps_(&steps) {}

  Result<Decision> decide(const ClusterState& state, const Event& event) override {
    BOURSE_TRY(Decision decision, inner_->decide(state, event));
    steps_->fetch_add(steps_of(decision, event), std::memory_order_relaxed);
    return decision;
  }

 private:
  std::unique_ptr<ForeignPolicy> inner_;
  std::atomic<std::uint64_t>* steps_;
};

RunDetail detail_of(const Instance& instance, SimulationResult& result) {
  RunDetail detail;
  detail.jobs.resize(result.jobs.size());
  for (std::size_t i = 0; i < detail.jobs.size(); ++i) {
    detail.jobs[i].arrival = instance.jobs[i].arrival;
    detail.jobs[i].record = result.jobs[i];
  }
  std::vector<const Reason*> last(result.jobs.size(), nullptr);
  for (const RecordedReason& recorded : result.reasons)
    last[recorded.reason.job.index()] = &recorded.reason;
  for (std::size_t i = 0; i < last.size(); ++i)
    if (last[i] != nullptr) detail.jobs[i].reason = reason_text(*last[i]);
  detail.usage = sampled(std::move(result.usage), kUsagePoints);
  detail.prices = sampled(std::move(result.prices), kUsagePoints);
  detail.explained = std::move(result.explained);
  return detail;
}

/// The runs of a plan, handed out to threads one at a time.
class RunPool {
 public:
  explicit RunPool(const RunPlan& plan);
  void work();
  bool wait_for_end(std::chrono::milliseconds time);
  [[nodiscard]] double share_done() const;
  Result<RunResults> results() &&;

 private:
  void run(std::size_t index);
  Result<SimulationResult> simulate_choice(const PolicyChoice& choice, const Instance& instance,
                                           const SimulationOptions& options);

  const RunPlan& plan_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::uint64_t> steps_ = 0;  ///< Arrivals and ends of jobs, over all runs.
  std::vector<RunReport> runs_;           ///< Each written by the thread that does the run.
  std::vector<RunDetail> details_;
  std::vector<std::optional<Error>> errors_;
  std::mutex mutex_;  ///< Guards left_.
  std::size_t left_;
  std::condition_variable ended_;
};

RunPool::RunPool(const RunPlan& plan)
    : plan_(plan),
      runs_(plan.policies.size() * plan.seed_count),
      errors_(runs_.size()),
      left_(runs_.size()) {
  if (plan.keep_details) details_.resize(runs_.size());
}

void RunPool::work() {
  while (true) {
    const std::size_t index = next_.fetch_add(1);
    if (index >= runs_.size()) return;
    run(index);
    const std::lock_guard lock(mutex_);
    if (--left_ == 0) ended_.notify_all();
  }
}

Result<SimulationResult> RunPool::simulate_choice(const PolicyChoice& choice,
                                                  const Instance& instance,
                                                  const SimulationOptions& options) {
  const PolicyContext context{.slot = instance.slot,
                              .horizon = instance.horizon,
                              .seed = options.seed,
                              .history = plan_.history.jobs,
                              .history_span = plan_.history.span};
  if (!is_exec(choice.name)) {
    BOURSE_TRY(std::unique_ptr<Policy> policy, make_policy(choice.name, choice.settings, context));
    if (options.observer != nullptr) options.observer->begin(*policy);
    WatchedPolicy watched(std::move(policy), steps_);
    return simulate(instance, watched, options);
  }
  BOURSE_TRY(std::unique_ptr<ExecPolicy> policy,
             ExecPolicy::start(choice.name, choice.settings, instance.cluster, context));
  WatchedForeign watched(std::move(policy), steps_);
  Result<SimulationResult> result = simulate(instance, watched, options);
  if (!result)
    return fail(result.error().code,
                fmt::format("policy '{}' {}", quotable(choice.name), result.error().message));
  return result;
}

void RunPool::run(std::size_t index) {
  const PolicyChoice& choice = plan_.policies[index / plan_.seed_count];
  const std::uint64_t seed = plan_.first_seed + index % plan_.seed_count;
  const double cpu_before = thread_cpu_seconds();
  std::optional<Instance> moved;
  if (plan_.jitter > Seconds(0)) moved = jittered(*plan_.instance, plan_.jitter, seed);
  const Instance& instance = moved ? *moved : *plan_.instance;
  SimulationOptions options{.seed = seed,
                            .belief_error = plan_.belief_error,
                            .outages = outages_of(plan_, instance, seed),
                            .checkpoint_every = plan_.checkpoint_every,
                            .record_usage = plan_.keep_details,
                            .record_reasons = plan_.keep_details,
                            .record_prices = plan_.keep_details,
                            .explain = plan_.explain,
                            .stopwatch = monotonic_seconds,
                            .observer = plan_.observer,
                            .progress = {}};
  Result<SimulationResult> ran = simulate_choice(choice, instance, options);
  if (!ran) {
    errors_[index] = ran.error();
    return;
  }
  SimulationResult& result = *ran;
  RunReport& report = runs_[index];
  report.policy = choice.name;
  report.seed = seed;
  report.metrics = metrics_of(instance, result);
  report.cost = decision_cost(std::move(result.decision_seconds));
  if (plan_.keep_details) details_[index] = detail_of(instance, result);
  report.cost.cpu_s = thread_cpu_seconds() - cpu_before;
  report.cost.peak_rss_bytes = peak_rss_bytes();
}

bool RunPool::wait_for_end(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, time, [&] { return left_ == 0; });
}

double RunPool::share_done() const {
  const auto all =
      2.0 * static_cast<double>(plan_.instance->jobs.size()) * static_cast<double>(runs_.size());
  return std::min(1.0, static_cast<double>(steps_.load(std::memory_order_relaxed)) / all);
}

Result<RunResults> RunPool::results() && {
  for (std::optional<Error>& error : errors_)
    if (error) return tl::unexpected<Error>(*std::move(error));
  return RunResults{std::move(runs_), std::move(details_)};
}

}  // namespace

Seconds failures_until(const Instance& instance) {
  if (instance.horizon < kForever) return instance.horizon;
  Seconds until{0};
  for (const JobSpec& job : instance.jobs) until = std::max(until, job.arrival);
  for (const JobSpec& job : instance.jobs)
    if (const Seconds duration = requested_duration(job); duration < kForever) until += duration;
  return until;
}

std::vector<Outage> outages_of(const RunPlan& plan, const Instance& instance, std::uint64_t seed) {
  if (plan.failures.up_mean <= Seconds(0)) return plan.failures.outages;
  return random_outages(instance.cluster.machines.size(), plan.failures.up_mean,
                        plan.failures.down_mean, failures_until(instance), seed);
}

Result<RunResults> run_all(const RunPlan& plan, const std::function<void(double)>& on_progress) {
  RunPool pool(plan);
  {
    std::vector<std::jthread> threads;
    const std::size_t run_count = plan.policies.size() * plan.seed_count;
    for (std::size_t i = 0; i < std::min(plan.thread_count, run_count); ++i)
      threads.emplace_back([&pool] { pool.work(); });
    while (!pool.wait_for_end(std::chrono::milliseconds(200))) on_progress(pool.share_done());
  }
  return std::move(pool).results();
}

}  // namespace bourse
