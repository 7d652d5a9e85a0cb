#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "bourse/base/text.h"
#include "bourse/trace/csv_table.h"
#include "bourse/trace/readers.h"
#include "bourse/trace/trace_builder.h"

namespace bourse {
namespace {

constexpr double kPlanLimit = 1e6;  ///< Of percent of a device, and of GB.
constexpr double kMibPerGb = 1e9 / 1048576.0;
constexpr std::size_t kGpu = 0;
constexpr std::size_t kCpu = 1;
constexpr std::size_t kMemory = 2;

/// One row: a role of a job with inst_num equal instances.
struct Task {
  std::string_view job;
  double start = 0;
  double end = 0;
  int instances = 0;
  std::array<Amount, 3> demand{};  ///< Of one instance: gpu, cpu, memory.
};

Amount amount_of(double units) {
  return static_cast<Amount>(std::ceil(units * static_cast<double>(kAmountsPerUnit) - 1e-6));
}

/// pai_task_table. The table has a row for each role of a job. Roles with GPUs are the workers of
/// one gang, roles without are its servers; demands are the largest of any role on that side.
class PaiReader {
 public:
  PaiReader(TextInput& input, const TraceOptions& options)
      : input_(input), options_(options), table_(input), builder_(input.name(), TraceFormat::pai) {}

  Result<TraceRead> read() {
    BOURSE_TRY_VOID(start());
    while (true) {
      BOURSE_TRY(const bool more, table_.next_row());
      if (!more) break;
      builder_.count_row();
      BOURSE_TRY_VOID(take_row());
    }
    builder_.assume("jobs arrive when their first task starts: the table has no submit times");
    builder_.assume("tasks with GPUs are workers, tasks without are servers of the same gang");
    builder_.assume("jobs that failed count with the time they ran");
    drop_jobs_without_gpus();
    return builder_.finish(true);
  }

 private:
  Result<void> start() {
    BOURSE_TRY(const std::string_view head, input_.peek(4096));
    const std::string_view first = head.substr(0, head.find('\n'));
    const bool has_header = first.find("job_name") != std::string_view::npos;
    const bool is_job_table = has_header ? first.find("inst_num") == std::string_view::npos
                                         : std::ranges::count(first, ',') == 5;
    if (is_job_table)
      return invalid(
          fmt::format("{}: this looks like pai_job_table, which states no GPUs; give "
                      "pai_task_table.csv",
                      input_.name()));
    if (has_header) {
      BOURSE_TRY_VOID(table_.read_header());
    } else {
      table_.set_header({"job_name", "task_name", "inst_num", "status", "start_time", "end_time",
                         "plan_cpu", "plan_mem", "plan_gpu", "gpu_type"});
    }
    constexpr std::array<std::string_view, 7> kNames{
        "job_name", "inst_num", "start_time", "end_time", "plan_cpu", "plan_mem", "plan_gpu"};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      BOURSE_TRY(columns_[i], table_.column(kNames[i]));
    }
    if (options_.gpus_only) return {};
    BOURSE_TRY_VOID(builder_.workload().types.add("cpu", ResourceKind::count));
    BOURSE_TRY_VOID(builder_.workload().types.add("memory", ResourceKind::bytes));
    return {};
  }

  /// A planned amount: empty is none.
  Result<double> plan(std::size_t column) const {
    if (table_.text(column).empty()) return 0.0;
    BOURSE_TRY(const double value, table_.number(column));
    if (std::abs(value) > kPlanLimit)
      return table_.bad(column, fmt::format("'{}' is beyond 1e6", quotable(table_.text(column))));
    return value;
  }

  Result<void> take_row() {
    const auto [job, instances, start, end, cpu, memory, gpu] = columns_;
    Task task{.job = table_.text(job)};
    if (task.job.empty()) return table_.bad(job, "is empty; give every job a name");
    const auto left_out = [&](std::string_view reason) -> Result<void> {
      builder_.skip(reason, table_.line());
      return {};
    };
    if (table_.text(instances).empty()) return left_out("the number of instances is unknown");
    BOURSE_TRY(const std::int64_t count, table_.whole(instances, kMaxWorkers));
    BOURSE_TRY(const double gpu_percent, plan(gpu));
    BOURSE_TRY(const double cpu_percent, plan(cpu));
    BOURSE_TRY(const double memory_gb, plan(memory));
    if (table_.text(start).empty()) return left_out("it never started");
    BOURSE_TRY(task.start, table_.seconds(start));
    if (table_.text(end).empty()) return left_out("it has no end time");
    BOURSE_TRY(task.end, table_.seconds(end));
    if (gpu_percent < 0 || cpu_percent < 0 || memory_gb < 0)
      return left_out("a planned amount is negative");
    if (count < 1) return left_out("it has no instances");
    if (task.start <= 0 || task.end <= 0) return left_out("its start or end time is unknown");
    if (task.end < task.start) return left_out("it ends before it starts");
    if (task.end == task.start) return left_out("duration is 0");
    task.instances = static_cast<int>(count);
    task.demand = {amount_of(gpu_percent / 100), amount_of(cpu_percent / 100),
                   amount_of(memory_gb * kMibPerGb)};
    add_task(task);
    return {};
  }

  /// Joins the task to its job. Until the end, `samples` holds the end time of the job.
  void add_task(const Task& task) {
    auto at = builder_.find(task.job);
    std::vector<JobSpec>& jobs = builder_.workload().jobs;
    if (!at) {
      JobSpec* const added = builder_.add({.name = task.job,
                                           .submit = task.start,
                                           .duration = task.end,
                                           .gpus = 1,
                                           .line = table_.line()});
      added->throughput = RigidThroughput{.workers = 0};
      added->worker.assign(builder_.workload().types.size(), 0);
      added->server = added->worker;
      at = jobs.size() - 1;
    }
    JobSpec& job = jobs[*at];
    job.arrival = std::min(job.arrival, Seconds(task.start));
    job.samples = std::max(job.samples, task.end);
    auto& gang = std::get<RigidThroughput>(job.throughput);
    const bool has_gpus = task.demand[kGpu] > 0;
    int& tasks = has_gpus ? gang.workers : gang.servers;
    if (tasks + task.instances > kMaxWorkers) {
      builder_.skip("its job has more than 1000000 instances", table_.line());
      return;
    }
    tasks += task.instances;
    ResourceVector& demand = has_gpus ? job.worker : job.server;
    for (const std::size_t r : {kGpu, kCpu, kMemory})
      if (r < demand.size()) demand[r] = std::max(demand[r], task.demand[r]);
  }

  void drop_jobs_without_gpus() {
    std::vector<JobSpec>& jobs = builder_.workload().jobs;
    std::size_t kept = 0;
    for (JobSpec& job : jobs) {
      auto& gang = std::get<RigidThroughput>(job.throughput);
      if (gang.workers == 0) {
        builder_.skip("it has no GPUs", job.line);
        continue;
      }
      if (options_.gpus_only) gang.servers = 0;  // they would demand nothing
      job.samples -= job.arrival.value;
      job.requested_workers = gang.workers;
      job.requested_servers = gang.servers;
      if (&jobs[kept] != &job) jobs[kept] = std::move(job);
      ++kept;
    }
    jobs.resize(kept);
  }

  TextInput& input_;
  const TraceOptions& options_;
  CsvTable table_;
  TraceBuilder builder_;
  std::array<std::size_t, 7> columns_{};
};

}  // namespace

Result<TraceRead> read_pai(TextInput& input, const TraceOptions& options) {
  return PaiReader(input, options).read();
}

}  // namespace bourse
