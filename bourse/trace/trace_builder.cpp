#include "bourse/trace/trace_builder.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "bourse/base/check.h"
#include "bourse/trace/arrival_order.h"

namespace bourse {

std::size_t NameIndex::slot_of(const std::vector<JobSpec>& jobs, std::string_view name) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(name)&mask;
  while (slots_[slot] != 0 && jobs[slots_[slot] - 1].name != name) slot = (slot + 1) & mask;
  return slot;
}

std::optional<std::size_t> NameIndex::find(const std::vector<JobSpec>& jobs,
                                           std::string_view name) const {
  if (slots_.empty()) return std::nullopt;
  const std::uint32_t found = slots_[slot_of(jobs, name)];
  if (found == 0) return std::nullopt;
  return found - 1;
}

void NameIndex::add(const std::vector<JobSpec>& jobs, std::size_t position) {
  if (2 * (count_ + 1) > slots_.size()) {
    const std::vector<std::uint32_t> old = std::move(slots_);
    slots_.assign(std::max<std::size_t>(64, 2 * old.size()), 0);
    for (const std::uint32_t entry : old)
      if (entry != 0) slots_[slot_of(jobs, jobs[entry - 1].name)] = entry;
  }
  const std::size_t slot = slot_of(jobs, jobs[position].name);
  BOURSE_CHECK(slots_[slot] == 0);
  slots_[slot] = static_cast<std::uint32_t>(position + 1);
  ++count_;
}

TraceBuilder::TraceBuilder(std::string file, TraceFormat format) : file_(std::move(file)) {
  read_.format = format;
  BOURSE_CHECK(read_.workload.types.add("gpu", ResourceKind::count).has_value());
}

void TraceBuilder::skip(std::string_view reason, std::uint32_t line) {
  for (SkippedRows& rows : read_.skipped) {
    if (rows.reason != reason) continue;
    ++rows.count;
    return;
  }
  read_.skipped.push_back({std::string(reason), 1, fmt::format("line {}: {}", line, reason)});
}

JobSpec* TraceBuilder::add(const TraceRow& row) {
  const auto left_out = [&](std::string_view reason) -> JobSpec* {
    skip(reason, row.line);
    return nullptr;
  };
  if (row.gpus < 0) return left_out("the number of GPUs is negative");
  if (row.gpus == 0) return left_out("it has no GPUs");
  if (row.duration < 0) return left_out("duration is negative");
  if (row.duration == 0) return left_out("duration is 0");
  if (find(row.name)) return left_out("a job of this id stands above");
  const int workers = static_cast<int>(row.gpus);
  std::vector<JobSpec>& jobs = read_.workload.jobs;
  JobSpec& job = jobs.emplace_back();
  job.name = row.name;
  job.group = row.group;
  job.arrival = Seconds(row.submit);
  job.samples = row.duration;
  job.worker = {kAmountsPerUnit};
  job.server = {0};
  job.throughput = RigidThroughput{.workers = workers};
  job.requested_workers = workers;
  job.line = row.line;
  names_.add(jobs, jobs.size() - 1);
  return &job;
}

Result<TraceRead> TraceBuilder::finish(bool relative) {
  std::vector<JobSpec>& jobs = read_.workload.jobs;
  if (jobs.empty()) {
    std::string why;
    for (const SkippedRows& rows : read_.skipped)
      why += fmt::format("{}{} because {}", why.empty() ? "; skipped " : ", ", rows.count,
                         rows.reason);
    return invalid(fmt::format("{}: the trace has no usable job ({} rows read{})", file_,
                               read_.rows_read, why));
  }
  if (!relative) return std::move(read_);
  Seconds latest = jobs.front().arrival;
  Seconds earliest = latest;
  for (const JobSpec& job : jobs) {
    if (job.arrival < latest) ++read_.out_of_order;
    latest = std::max(latest, job.arrival);
    earliest = std::min(earliest, job.arrival);
  }
  if (read_.out_of_order > 0) sort_by_arrival(jobs);
  for (JobSpec& job : jobs) job.arrival -= earliest;
  return std::move(read_);
}

}  // namespace bourse
