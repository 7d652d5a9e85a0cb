#include "bourse/report/cell.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "bourse/base/check.h"

namespace bourse {
namespace {

constexpr std::array<double, 8> kSizeEnds{1,  2,  4,  8,
                                          16, 32, 64, std::numeric_limits<double>::infinity()};

double requested_units(const JobSpec& job, std::size_t primary) {
  const Amount amount =
      job.requested_workers * job.worker[primary] + job.requested_servers * job.server[primary];
  return static_cast<double>(amount) / kAmountsPerUnit;
}

std::vector<SizeClass> size_classes(const Instance& instance, const std::vector<JobOutcome>& jobs) {
  const std::size_t primary = primary_resource(instance.cluster);
  std::vector<SizeClass> classes(kSizeEnds.size());
  std::vector<std::vector<double>> waits(kSizeEnds.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const double units = requested_units(instance.jobs[i], primary);
    const auto at =
        static_cast<std::size_t>(std::ranges::lower_bound(kSizeEnds, units) - kSizeEnds.begin());
    ++classes[at].jobs;
    const JobRecord& record = jobs[i].record;
    if (record.status != JobStatus::finished) continue;
    ++classes[at].finished;
    const Seconds present = record.finish - jobs[i].arrival;
    waits[at].push_back(std::max(0.0, (present - record.executed).value));
  }
  for (std::size_t k = 0; k < classes.size(); ++k) {
    const Distribution wait = distribution_of(std::move(waits[k]));
    classes[k].low = k == 0 ? 0 : kSizeEnds[k - 1];
    classes[k].high = kSizeEnds[k];
    classes[k].wait_mean_s = wait.mean;
    classes[k].wait_p95_s = wait.p95;
  }
  std::erase_if(classes, [](const SizeClass& size) { return size.jobs == 0; });
  return classes;
}

}  // namespace

std::vector<double> quantile_curve(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  std::vector<double> curve(kCurvePoints);
  for (std::size_t i = 0; i < kCurvePoints; ++i) {
    // ceil(n i / (points - 1)) in whole numbers, at least the first.
    const std::size_t rank = (values.size() * i + kCurvePoints - 2) / (kCurvePoints - 1);
    curve[i] = values[std::max<std::size_t>(rank, 1) - 1];
  }
  return curve;
}

CellResult cell_of(const Instance& instance, const RunReport& run,
                   const std::vector<JobOutcome>& jobs, Recording recording) {
  BOURSE_CHECK(jobs.size() == instance.jobs.size());
  CellResult cell{.run = run, .recording = std::move(recording)};
  std::vector<double> completion;
  std::vector<double> fairness;
  for (const JobOutcome& job : jobs) {
    if (job.record.status != JobStatus::finished) continue;
    completion.push_back((job.record.finish - job.arrival).value);
    fairness.push_back(job.record.fairness);
  }
  cell.completion_s = quantile_curve(std::move(completion));
  cell.fairness = quantile_curve(std::move(fairness));
  cell.sizes = size_classes(instance, jobs);
  return cell;
}

}  // namespace bourse
