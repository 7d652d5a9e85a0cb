#include "bourse/simulation/metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {

Distribution distribution_of(std::vector<double> values) {
  Distribution d;
  if (values.empty()) return d;
  d.count = values.size();
  double sum = 0;
  for (const double value : values) sum += value;
  d.mean = sum / static_cast<double>(values.size());
  const auto quantile = [&](double q) {
    const double rank = std::ceil(q * static_cast<double>(values.size()));
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
    std::ranges::nth_element(values, at);
    return *at;
  };
  d.p50 = quantile(0.50);
  d.p95 = quantile(0.95);
  d.p99 = quantile(0.99);
  d.max = std::ranges::max(values);
  return d;
}

Metrics metrics_of(const Instance& instance, const SimulationResult& result) {
  BOURSE_CHECK(instance.jobs.size() == result.jobs.size());
  Metrics m;
  m.jobs = result.jobs.size();
  std::vector<double> completion;
  std::vector<double> queueing;
  std::vector<double> executed;
  std::vector<double> fairness;
  std::vector<double> to_accuracy;
  std::vector<double> samples;
  for (auto* values : {&completion, &queueing, &executed, &fairness}) values->reserve(m.jobs);
  for (std::size_t i = 0; i < result.jobs.size(); ++i) {
    const JobRecord& job = result.jobs[i];
    m.restarts += job.restarts;
    m.utility += job.utility;
    m.resource_hours += job.resource_seconds / 3600;
    if (job.status == JobStatus::declined) ++m.declined;
    if (job.status != JobStatus::finished) continue;
    ++m.finished;
    const double present = (job.finish - instance.jobs[i].arrival).value;
    completion.push_back(present);
    queueing.push_back(std::max(0.0, present - job.executed.value));
    executed.push_back(job.executed.value);
    fairness.push_back(job.fairness);
    if (!std::holds_alternative<AdaptiveThroughput>(instance.jobs[i].throughput)) continue;
    to_accuracy.push_back(present);
    samples.push_back(job.samples_trained);
  }
  m.unfinished = m.jobs - m.finished - m.declined;
  m.completion = distribution_of(std::move(completion));
  m.queueing = distribution_of(std::move(queueing));
  m.executed = distribution_of(std::move(executed));
  m.fairness = distribution_of(std::move(fairness));
  m.time_to_accuracy = distribution_of(std::move(to_accuracy));
  m.samples_to_accuracy = distribution_of(std::move(samples));
  m.makespan = result.makespan.value;
  m.utilization = result.capacity_seconds > 0 ? result.used_seconds / result.capacity_seconds : 0;
  m.decisions = result.decisions;
  return m;
}

}  // namespace bourse
