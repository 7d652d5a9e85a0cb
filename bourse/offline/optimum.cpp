#include "bourse/offline/optimum.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "bourse/offline/shapes.h"
#include "bourse/solver/linear_program.h"

// The program. For job i, slot t and each of its scopes g (shapes.h):
//   z[i,t]    1 if the job completes in slot t; worth u_i(t)
//   w, s      whole workers and servers on each machine of the scope
//   x[g]      1 if the job uses this scope in this slot; at most one does
//   y[g,c]    for shapes with fixed task counts: 1 if it uses config c; their sum is x[g]
// Rows: what is trained up to t, in shares of the work, covers the sum of z up to t; at most one z;
// the sum of x in a slot is at most the sum of z from there on; sum w <= most * x; sum w <= gamma *
// sum s; sum w and sum s as the configs say; capacities. Branching decides z first, then x and y,
// then w and s. Rows that order machines that are alike were tried and made the search slower.
// A schedule read from a solution may complete earlier than z says; utilities do not increase, so
// it is worth no less.

namespace bourse {
namespace {

constexpr std::size_t kNoColumn = static_cast<std::size_t>(-1);

/// One scope in one slot of one job.
struct Group {
  std::size_t job = 0;
  std::int64_t slot = 0;
  const Scope* scope = nullptr;
  std::vector<std::size_t> workers;  ///< Columns, one a machine of the scope; kNoColumn: none.
  std::vector<std::size_t> servers;
  std::vector<std::size_t> configs;  ///< Columns, one a config.
};

/// Servers cost the program nothing: those that no worker needs go, from the last machine on.
void drop_idle_servers(const JobSpec& job, Allocation& tasks) {
  if (!std::holds_alternative<ParameterServerThroughput>(job.throughput)) return;
  const TaskCounts total = tasks_of(tasks);
  int idle = total.servers - servers_for(job.throughput, total.workers);
  for (auto group = tasks.rbegin(); idle > 0 && group != tasks.rend(); ++group) {
    const int dropped = std::min(idle, group->servers);
    group->servers -= dropped;
    idle -= dropped;
  }
}

class Builder {
 public:
  Builder(const Instance& instance, Seconds slot, std::size_t max_columns)
      : instance_(instance),
        cluster_(instance.cluster),
        slot_(slot),
        slots_(slot_count(instance.horizon, slot)),
        max_columns_(max_columns) {}

  /// False if there would be too many variables.
  bool build();
  [[nodiscard]] const LinearProgram& program() const { return program_; }
  /// Utility of one unit of the program's cost.
  [[nodiscard]] double unit() const { return unit_; }
  [[nodiscard]] Schedule schedule_of(const std::vector<double>& values) const;

 private:
  void find_unit();
  std::vector<LinearEntry> add_completions(std::size_t job);
  bool add_job(std::size_t job);
  bool add_group(std::size_t job, std::int64_t slot, const Scope& scope, LinearRow& work,
                 LinearRow& choice);
  void add_counted(Group& group, LinearRow& work, LinearRow& choice);
  void add_configs(Group& group, LinearRow& work, LinearRow& choice);
  void add_spread(Group& group, const LinearRow& workers, const LinearRow& servers);
  std::vector<std::size_t> add_tasks(const Group& group, const ResourceVector& demand, int limit,
                                     bool is_worker);
  void load(std::int64_t slot, MachineId machine, std::size_t column, TaskCounts tasks,
            const JobSpec& job);
  void add_capacities();
  [[nodiscard]] bool full() const { return program_.columns.size() > max_columns_; }
  void read(const Group& group, const std::vector<double>& values, JobSchedule& plan) const;
  void finish(std::size_t job, JobSchedule& plan) const;

  const Instance& instance_;
  const Cluster& cluster_;
  Seconds slot_;
  std::int64_t slots_;
  std::size_t max_columns_;
  double unit_ = 1;
  LinearProgram program_;
  std::vector<std::vector<Scope>> scopes_;  ///< By job; groups point into it.
  std::vector<Group> groups_;               ///< By job, then slot.
  /// By slot and machine, one row a resource, in shares of the machine's capacity.
  std::map<std::pair<std::int64_t, MachineId>, std::vector<LinearRow>> capacities_;
};

/// The largest utility becomes 100: tolerances are absolute in CBC.
void Builder::find_unit() {
  double largest = 0;
  for (const JobSpec& job : instance_.jobs)
    largest =
        std::max(largest, utility_in_slot(job, slot_, first_slot(job, slot_), instance_.slot));
  unit_ = largest > 0 ? largest / 100 : 1;
}

bool Builder::build() {
  find_unit();
  for (const JobSpec& job : instance_.jobs) scopes_.push_back(scopes_of(job, cluster_));
  for (std::size_t i = 0; i < instance_.jobs.size(); ++i)
    if (!add_job(i)) return false;
  add_capacities();
  return true;
}

/// Columns of the completions that are worth something and not too early for the job alone on an
/// empty cluster: without that, the relaxation earns a share of a utility that no schedule can.
std::vector<LinearEntry> Builder::add_completions(std::size_t job) {
  const JobSpec& spec = instance_.jobs[job];
  double fastest = 0;
  for (const Scope& scope : scopes_[job]) fastest = std::max(fastest, scope.fastest());
  if (fastest <= 0) return {};
  const std::int64_t first = first_slot(spec, slot_);
  const double work = spec.samples * (1 - kWorkTolerance) / (fastest * slot_.value);
  std::vector<LinearEntry> completions;
  for (std::int64_t t = first; t < slots_ && !full(); ++t) {
    const double utility = utility_in_slot(spec, slot_, t, instance_.slot);
    if (utility <= 0) break;
    const bool possible = static_cast<double>(t - first + 1) >= work;
    completions.push_back({program_.add_column({.cost = -utility / unit_,
                                                .upper = possible ? 1.0 : 0.0,
                                                .integer = true,
                                                .priority = 1}),
                           1});
  }
  return completions;
}

bool Builder::add_job(std::size_t job) {
  const std::vector<LinearEntry> completions = add_completions(job);
  program_.add_row({.entries = completions, .upper = 1});
  LinearRow work{.lower = 0};
  for (std::size_t s = 0; s < completions.size(); ++s) {
    // The job runs in a slot only if it completes there or later.
    LinearRow choice{.upper = 0};
    for (std::size_t later = s; later < completions.size(); ++later)
      choice.entries.push_back({completions[later].column, -1});
    const std::int64_t slot = first_slot(instance_.jobs[job], slot_) + static_cast<std::int64_t>(s);
    for (const Scope& scope : scopes_[job])
      if (!add_group(job, slot, scope, work, choice)) return false;
    program_.add_row(std::move(choice));
    // Half the tolerance of check_schedule; the other half is the solver's.
    work.entries.push_back({completions[s].column, -(1 - kWorkTolerance / 2)});
    program_.add_row(work);
  }
  return !full();
}

bool Builder::add_group(std::size_t job, std::int64_t slot, const Scope& scope, LinearRow& work,
                        LinearRow& choice) {
  Group group;
  group.job = job;
  group.slot = slot;
  group.scope = &scope;
  if (scope.rate_per_worker > 0)
    add_counted(group, work, choice);
  else
    add_configs(group, work, choice);
  groups_.push_back(std::move(group));
  return !full();
}

/// A column for the tasks of one role on each machine of the scope, entered into its load.
std::vector<std::size_t> Builder::add_tasks(const Group& group, const ResourceVector& demand,
                                            int limit, bool is_worker) {
  std::vector<std::size_t> columns(group.scope->machines.size(), kNoColumn);
  for (std::size_t m = 0; m < columns.size(); ++m) {
    const MachineId machine = group.scope->machines[m];
    if (is_worker && group.scope->takes_workers[m] == 0) continue;
    const int most = most_on(demand, cluster_, machine, limit);
    if (most <= 0) continue;
    columns[m] =
        program_.add_column({.upper = static_cast<double>(most), .integer = true, .priority = 3});
    load(group.slot, machine, columns[m], is_worker ? TaskCounts{1, 0} : TaskCounts{0, 1},
         instance_.jobs[group.job]);
  }
  return columns;
}

/// Parameter servers: any number of workers, with servers in proportion.
void Builder::add_counted(Group& group, LinearRow& work, LinearRow& choice) {
  const JobSpec& job = instance_.jobs[group.job];
  const auto& shape = std::get<ParameterServerThroughput>(job.throughput);
  const int most = group.scope->most_workers;
  const std::size_t used = program_.add_column({.upper = 1, .integer = true, .priority = 2});
  choice.entries.push_back({used, 1});
  group.workers = add_tasks(group, job.worker, most, true);
  group.servers = add_tasks(group, job.server, servers_for(job.throughput, most), false);
  LinearRow batch{.entries = {{used, -static_cast<double>(most)}}, .upper = 0};
  LinearRow served{.upper = 0};
  for (const std::size_t column : group.workers) {
    if (column == kNoColumn) continue;
    batch.entries.push_back({column, 1});
    served.entries.push_back({column, 1});
    work.entries.push_back({column, group.scope->rate_per_worker * slot_.value / job.samples});
    const double on_machine = program_.columns[column].upper;
    if (on_machine < most)
      program_.add_row({.entries = {{column, 1}, {used, -on_machine}}, .upper = 0});
  }
  for (const std::size_t column : group.servers)
    if (column != kNoColumn) served.entries.push_back({column, -shape.workers_per_server});
  program_.add_row(std::move(batch));
  program_.add_row(std::move(served));
}

/// Fixed task counts. On one machine a config is one variable; elsewhere its tasks are spread.
void Builder::add_configs(Group& group, LinearRow& work, LinearRow& choice) {
  const JobSpec& job = instance_.jobs[group.job];
  const Scope& scope = *group.scope;
  const bool single = scope.machines.size() == 1;
  LinearRow workers{.lower = 0, .upper = 0};
  LinearRow servers{.lower = 0, .upper = 0};
  for (const Config& config : scope.configs) {
    const std::size_t used = program_.add_column({.upper = 1, .integer = true, .priority = 2});
    group.configs.push_back(used);
    choice.entries.push_back({used, 1});
    work.entries.push_back({used, config.rate * slot_.value / job.samples});
    if (single) load(group.slot, scope.machines[0], used, {config.workers, config.servers}, job);
    workers.entries.push_back({used, -static_cast<double>(config.workers)});
    servers.entries.push_back({used, -static_cast<double>(config.servers)});
  }
  if (!single) add_spread(group, workers, servers);
}

/// Columns for the tasks, tied to the counts that the configs' rows ask for.
void Builder::add_spread(Group& group, const LinearRow& workers, const LinearRow& servers) {
  const JobSpec& job = instance_.jobs[group.job];
  const auto add = [&](LinearRow row, const ResourceVector& demand, bool is_worker) {
    double most = 0;
    for (const LinearEntry& entry : row.entries) most = std::max(most, -entry.value);
    const std::vector<std::size_t> columns =
        add_tasks(group, demand, static_cast<int>(most), is_worker);
    for (const std::size_t column : columns)
      if (column != kNoColumn) row.entries.push_back({column, 1});
    program_.add_row(std::move(row));
    return columns;
  };
  group.workers = add(workers, job.worker, true);
  group.servers = add(servers, job.server, false);
}

/// Enters what one unit of the column takes on the machine.
void Builder::load(std::int64_t slot, MachineId machine, std::size_t column, TaskCounts tasks,
                   const JobSpec& job) {
  std::vector<LinearRow>& rows = capacities_[{slot, machine}];
  const auto capacity = cluster_.capacity(machine);
  rows.resize(capacity.size(), LinearRow{.upper = 1});
  for (std::size_t r = 0; r < capacity.size(); ++r) {
    const double demand = static_cast<double>(job.worker[r]) * tasks.workers +
                          static_cast<double>(job.server[r]) * tasks.servers;
    if (demand > 0) rows[r].entries.push_back({column, demand / static_cast<double>(capacity[r])});
  }
}

void Builder::add_capacities() {
  for (auto& [place, rows] : capacities_)
    for (LinearRow& row : rows)
      if (!row.entries.empty()) program_.add_row(std::move(row));
}

/// Adds the tasks that the group's columns say, if any, to the plan.
void Builder::read(const Group& group, const std::vector<double>& values, JobSchedule& plan) const {
  const auto count = [&](const std::vector<std::size_t>& columns, std::size_t at) {
    return at < columns.size() && columns[at] != kNoColumn
               ? static_cast<int>(std::lround(values[columns[at]]))
               : 0;
  };
  SlotAllocation held{.slot = group.slot, .tasks = {}};
  for (std::size_t m = 0; m < group.scope->machines.size(); ++m)
    held.tasks.push_back(
        {group.scope->machines[m], count(group.workers, m), count(group.servers, m)});
  if (group.scope->machines.size() == 1)
    for (std::size_t c = 0; c < group.configs.size(); ++c)
      if (count(group.configs, c) == 1) {
        held.tasks[0].workers = group.scope->configs[c].workers;
        held.tasks[0].servers = group.scope->configs[c].servers;
      }
  drop_idle_servers(instance_.jobs[group.job], held.tasks);
  normalize(held.tasks);
  if (tasks_of(held.tasks).workers > 0) plan.slots.push_back(std::move(held));
}

/// Cuts the plan where the work is done and drops it if it never is.
void Builder::finish(std::size_t job, JobSchedule& plan) const {
  const JobSpec& spec = instance_.jobs[job];
  double done = 0;
  for (std::size_t s = 0; s < plan.slots.size(); ++s) {
    done += samples_in_slot(spec, cluster_, plan.slots[s].tasks, slot_);
    if (done < spec.samples * (1 - kWorkTolerance)) continue;
    plan.completion = plan.slots[s].slot;
    plan.slots.resize(s + 1);
    return;
  }
  plan.slots.clear();
}

Schedule Builder::schedule_of(const std::vector<double>& values) const {
  Schedule schedule{.slot = slot_, .jobs = std::vector<JobSchedule>(instance_.jobs.size())};
  if (!values.empty())
    for (const Group& group : groups_) read(group, values, schedule.jobs[group.job]);
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i) finish(i, schedule.jobs[i]);
  return schedule;
}

Result<Seconds> slot_of(const Instance& instance, const OptimumOptions& options) {
  const Seconds slot = instance.slot.value > 0 ? instance.slot : options.slot;
  if (!(slot.value > 0) || !std::isfinite(slot.value))
    return invalid(
        "the offline optimum needs a slot length above 0; the instance has none, "
        "so one must be given");
  if (!std::isfinite(instance.horizon.value))
    return invalid("the offline optimum needs a finite horizon");
  return slot;
}

}  // namespace

Result<Optimum> optimum(const Instance& instance, const OptimumOptions& options) {
  BOURSE_TRY(const Seconds slot, slot_of(instance, options));
  Builder builder(instance, slot, options.max_columns);
  if (!builder.build())
    return fail(
        ErrorCode::resource_exhausted,
        fmt::format("the offline optimum of {} jobs on {} machines over {} slots needs more "
                    "than {} variables; take fewer jobs, machines or slots",
                    instance.jobs.size(), instance.cluster.machines.size(),
                    slot_count(instance.horizon, slot), options.max_columns));
  const auto solver = make_cbc_solver(
      {.gap = options.gap, .time_limit_s = options.time_limit_s, .node_limit = options.node_limit});
  BOURSE_TRY(const SolveOutcome outcome, solver->solve(builder.program()));
  if (!outcome.has_solution() && outcome.status != SolveStatus::limit)
    return fail(ErrorCode::internal, "the solver says that not even running nothing is feasible");
  Optimum out;
  out.columns = builder.program().columns.size();
  out.bound = std::max(0.0, -outcome.solution.bound * builder.unit());
  out.proven = outcome.status == SolveStatus::optimal;
  out.schedule = builder.schedule_of(outcome.solution.values);
  const Result<double> utility = check_schedule(instance, out.schedule);
  if (!utility)
    return fail(ErrorCode::internal,
                fmt::format("the solver's schedule is wrong: {}", utility.error().message));
  out.utility = *utility;
  const double claimed = -outcome.solution.objective * builder.unit();
  if (out.utility < claimed * (1 - 1e-6))
    return fail(
        ErrorCode::internal,
        fmt::format("the solver's schedule earns {} where it claims {}", out.utility, claimed));
  out.bound = std::max(out.bound, out.utility);
  return out;
}

}  // namespace bourse
