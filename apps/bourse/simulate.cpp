#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <thread>
#include <utility>

#include "apps/bourse/bounds.h"
#include "apps/bourse/command_text.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/disturbance.h"
#include "apps/bourse/files.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"
#include "apps/bourse/policy_choice.h"
#include "apps/bourse/progress_bar.h"
#include "apps/bourse/runs.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/report/explain_report.h"
#include "bourse/report/run_svg.h"

namespace bourse {
namespace {

/// Runs of one command. Results of more would not fit a table, let alone a mind.
constexpr std::uint64_t kMaxSeeds = 10'000;

/// The command line as typed.
struct SimulateOptions {
  LoadOptions source;
  std::vector<std::string> policies;
  std::vector<std::string> settings;
  std::uint64_t seeds = 1;
  std::uint64_t seed = 1;
  DisturbanceOptions disturbance;
  std::uint64_t threads = 0;
  std::string out;
  std::string explain;
  std::string plot;
  std::string history;
  OutputFormat format = OutputFormat::table;
  bool no_timing = false;
  bool bound = false;
  std::size_t progress = 0;  ///< auto, always, never
};

std::string command_of(const SimulateOptions& options, const std::vector<PolicyChoice>& policies) {
  CommandText command("bourse simulate");
  const LoadOptions& source = options.source;
  if (!source.cluster.empty()) command.add("--cluster", source.cluster);
  command.add("--workload", source.workload);
  if (source.format < kTraceFormatNames.size())
    command.add("--format-of-workload", kTraceFormatNames[source.format]);
  std::string names;
  for (const PolicyChoice& policy : policies) names += (names.empty() ? "" : ",") + policy.name;
  command.add("--policy", names);
  for (const PolicyChoice& policy : policies)
    for (const auto& [key, value] : policy.settings)
      command.add("--set", fmt::format("{}.{}={}", policy.name, key, value));
  command.add_number("--seeds", static_cast<double>(options.seeds), 1);
  command.add_number("--seed", static_cast<double>(options.seed), 1);
  add_noise_to(command, options.disturbance);
  command.add("--restart-cost", source.restart_cost);
  add_failures_to(command, options.disturbance);
  if (!options.history.empty()) command.add("--history", options.history);
  command.add_flag("--bound", options.bound);
  command.add("--horizon", source.horizon);
  command.add_flag("--skip-unfit", source.skip_unfit);
  if (!source.elastic.empty()) command.add("--elastic", source.elastic);
  if (!options.explain.empty()) command.add("--explain", options.explain);
  command.add_number("--utility-seed", static_cast<double>(source.utility_seed), 1);
  return command.text();
}

Result<void> write_results(const std::string& folder, const ReportHeader& header,
                           const RunResults& results, const Instance& instance) {
  BOURSE_TRY_VOID(make_folder(folder));
  BOURSE_TRY_VOID(write_file(folder + "/runs.csv", runs_csv(header, results.runs)));
  BOURSE_TRY_VOID(write_file(folder + "/runs.json", runs_json(header, results.runs, false)));
  BOURSE_TRY_VOID(write_file(folder + "/jobs.csv",
                             jobs_csv(header, results.runs, results.details, instance.jobs)));
  return write_file(folder + "/usage.csv", usage_csv(header, results.runs, results.details));
}

int print_results(const SimulateOptions& options, const ReportHeader& header,
                  const std::vector<RunReport>& runs) {
  if (options.format == OutputFormat::json)
    return print(runs_json(header, runs, !options.no_timing));
  for (const SkippedJobs& rows : header.skipped)
    print_note(fmt::format("left out {}: {} (first: {})", rows.count, rows.reason, rows.example));
  for (const std::string& assumption : header.assumptions) print_note(assumption);
  if (options.format == OutputFormat::csv) return print(runs_csv(header, runs));
  const int status = print(runs_table(header, runs));
  if (!options.no_timing && status == kExitOk) print_note(cost_line(runs));
  return status;
}

/// The job of this name, or of this number if no job has the name.
Result<std::optional<JobId>> job_to_explain(const std::string& name, const Instance& instance) {
  if (name.empty()) return std::nullopt;
  const auto at = std::ranges::find(instance.jobs, name, &JobSpec::name);
  if (at != instance.jobs.end()) return JobId(static_cast<std::size_t>(at - instance.jobs.begin()));
  std::size_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error == std::errc() && end == name.data() + name.size() && id < instance.jobs.size())
    return JobId(id);
  return fail(ErrorCode::not_found,
              fmt::format("option --explain: no job has the name or the number '{}'; the {} jobs "
                          "are numbered from 0",
                          quotable(name), instance.jobs.size()));
}

int print_explanation(const SimulateOptions& options, const ReportHeader& header,
                      const RunResults& results, const ExplainedJob& job) {
  if (options.format == OutputFormat::json)
    return print(explain_json(header, job, results.runs, results.details));
  return print(explain_text(header, job, results.runs, results.details));
}

/// The history of --history, empty without. Its time is the horizon, or until its last arrival.
Result<History> history_of(const SimulateOptions& options, const Cluster& cluster) {
  if (options.history.empty()) return History{};
  BOURSE_TRY(Instance past, load_history(options.history, cluster, options.source));
  const Seconds last = past.jobs.back().arrival - past.jobs.front().arrival;
  const Seconds span = past.horizon < kForever ? past.horizon : last;
  return History{.jobs = std::move(past.jobs), .span = std::max(span, Seconds(1))};
}

int run_simulate(const SimulateOptions& options) {
  const Result<std::vector<PolicyChoice>> policies =
      choose_policies(options.policies, options.settings, "--policy");
  if (!policies) return usage_error(policies.error());
  if (const auto checked = check_disturbance(options.disturbance); !checked)
    return usage_error(checked.error());
  Result<Loaded> loaded = load(options.source);
  if (!loaded) return load_failure(loaded.error());
  const Instance& instance = loaded->instance;
  const Result<std::optional<JobId>> explain = job_to_explain(options.explain, instance);
  if (!explain) return failure(explain.error());
  Result<FailureModel> failures = failures_of(options.disturbance, instance);
  Result<History> history = history_of(options, instance.cluster);
  if (!history) return load_failure(history.error());
  if (!failures) return failure(failures.error());
  const ReportHeader header{.version = BOURSE_VERSION,
                            .command = command_of(options, *policies),
                            .cluster = &instance.cluster,
                            .file = options.source.workload,
                            .format = loaded->format,
                            .jobs = instance.jobs.size(),
                            .skipped = std::move(loaded->skipped),
                            .assumptions = std::move(loaded->assumptions)};
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  const RunPlan plan{
      .instance = &instance,
      .policies = *policies,
      .first_seed = options.seed,
      .seed_count = options.seeds,
      .jitter = options.disturbance.jitter.value_or(Seconds(0)),
      .belief_error = options.disturbance.belief_error,
      .checkpoint_every = options.disturbance.checkpoint_every.value_or(Seconds(0)),
      .failures = *std::move(failures),
      .history = *std::move(history),
      .keep_details = !options.out.empty() || !options.plot.empty() || explain->has_value(),
      .explain = *explain,
      .thread_count = options.threads == 0 ? cores : options.threads};
  Result<RunResults> results = [&] {
    ProgressBar bar(options.progress == 1 || (options.progress == 0 && is_terminal()));
    return run_all(plan, [&bar](double share) { bar.show(share); });
  }();
  if (!results) return failure(results.error());
  if (options.bound) {
    ProgressBar bar(options.progress == 1 || (options.progress == 0 && is_terminal()));
    add_bounds(plan, {}, results->runs, [&bar](double share) { bar.show(share); });
  }
  if (!options.out.empty())
    if (const auto written = write_results(options.out, header, *results, instance); !written)
      return failure(written.error());
  if (!options.plot.empty()) {
    const std::string svg = runs_svg(header, results->runs, results->details);
    if (const auto written = write_file(options.plot, svg); !written)
      return failure(written.error());
  }
  if (*explain)
    return print_explanation(options, header, *results,
                             {.id = **explain, .spec = &instance.jobs[(*explain)->index()]});
  return print_results(options, header, results->runs);
}

void add_run_options(CLI::App& command, SimulateOptions& options) {
  constexpr std::uint64_t kMaxSeed = std::uint64_t{1} << 52;
  command
      .add_option("-p,--policy", options.policies,
                  "Schedulers, separated by commas; 'bourse policies' lists them; exec:PROGRAM is "
                  "one of your own (docs/write-a-policy.md)")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->required();
  add_set_option(command, options.settings);
  add_whole(command, "--seeds", options.seeds, 1, kMaxSeeds,
            "How many runs of each policy, with seeds S, S+1, ... (default: 1)");
  add_whole(command, "--seed", options.seed, 0, kMaxSeed,
            "First seed S, of jitter, belief, failures and rounding (default: 1)");
  add_disturbance_options(command, options.disturbance, "0s");
  add_whole(command, "--threads", options.threads, 1, 1024,
            "Runs done at the same time (default: one a core)");
  command
      .add_option("-o,--out", options.out,
                  "Also write runs.csv, runs.json, jobs.csv and usage.csv to this folder")
      ->type_name("FOLDER");
  command
      .add_option(
          "--explain", options.explain,
          "Instead of figures: what was decided about this job, by its name or number, why, "
          "and the next best")
      ->type_name("JOB");
  command
      .add_option("--plot", options.plot,
                  "Also draw use and prices over time, and shares of the bound, into this SVG file")
      ->type_name("FILE");
  command
      .add_option("--history", options.history,
                  "A workload of another time, to learn from for policies that forecast")
      ->type_name("FILE");
  add_format(command, options.format, true);
  command.add_flag("--bound", options.bound,
                   "Also say what no scheduler can exceed on each run, and the share reached");
  command.add_flag("--no-timing", options.no_timing,
                   "Leave out what was measured, so that two runs print the same bytes");
  add_choice(command, "--progress", options.progress, {"auto", "always", "never"},
             "Progress bar on standard error (default: auto, on a terminal)");
}

}  // namespace

void add_simulate(CLI::App& app, int& status) {
  const auto options = std::make_shared<SimulateOptions>();
  CLI::App* const command =
      app.add_subcommand("simulate", "Replay a workload on a cluster under one policy or several");
  add_source_options(*command, options->source);
  add_run_options(*command, *options);
  add_change_options(*command, options->source);
  add_examples(*command,
               {"bourse simulate --cluster 256x8 --workload trace.csv.gz --policy fifo,srsf,drf",
                "bourse simulate --workload day.yaml --policy pd-ors --set pd-ors.slot=10min",
                "bourse simulate --workload day.yaml --policy pd-ors,fifo --seeds 5 --jitter 0.1s",
                "bourse simulate --workload day.yaml --policy pd-ors --explain job-7",
                "bourse simulate --workload day.yaml --policy fifo,pd-ors --bound",
                "bourse simulate -w day.yaml -p fifo --mtbf 30d --repair 4h --out results",
                "bourse simulate --workload day.yaml --policy fifo --format json --no-timing"});
  command->callback([options, &status] { status = run_simulate(*options); });
}

}  // namespace bourse
