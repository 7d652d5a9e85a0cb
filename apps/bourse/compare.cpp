#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <variant>

#include "apps/bourse/cell_cache.h"
#include "apps/bourse/command_text.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/compare_grid.h"
#include "apps/bourse/files.h"
#include "apps/bourse/fingerprint.h"
#include "apps/bourse/page_bundle.h"
#include "apps/bourse/policy_choice.h"
#include "apps/bourse/process_pool.h"
#include "apps/bourse/progress_bar.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/policy/registry.h"

namespace bourse {
namespace {

constexpr std::uint64_t kMostSeedsCompared = 1000;

bool asks_for_all(const std::vector<std::string>& asked) {
  return asked.size() == 1 && trim(asked.front()) == "all";
}

/// "all" is every policy there is.
std::vector<std::string> policy_names(const std::vector<std::string>& asked) {
  if (!asks_for_all(asked)) return asked;
  std::vector<std::string> names;
  for (const PolicyInfo& info : all_policies()) names.emplace_back(info.name);
  return names;
}

bool has_batches(const ComparedWorkload& workload) {
  return std::ranges::any_of(workload.by_seed.front().jobs, [](const JobSpec& job) {
    return std::holds_alternative<AdaptiveThroughput>(job.throughput);
  });
}

/// Of "all" policies those that choose batches are left out where no job lets them: they would
/// search for minutes, and for nothing.
void leave_out_batch_policies(Grid& grid) {
  if (std::ranges::any_of(grid.workloads, has_batches)) return;
  std::vector<std::optional<std::size_t>> moved_to;
  std::vector<PolicyChoice> kept;
  for (PolicyChoice& policy : grid.policies) {
    const bool stays = !chooses_batches(policy.name);
    moved_to.push_back(stays ? std::optional(kept.size()) : std::nullopt);
    if (stays) kept.push_back(std::move(policy));
  }
  grid.policies = std::move(kept);
  std::erase_if(grid.cells, [&](const GridCell& cell) { return !moved_to[cell.policy]; });
  for (GridCell& cell : grid.cells) cell.policy = *moved_to[cell.policy];
  print_note(
      "no job may change its batch, so the policies that choose batches are left out of all");
}

std::string joined(const std::vector<double>& numbers) {
  std::string out;
  for (const double number : numbers) out += (out.empty() ? "" : ",") + number_text(number);
  return out;
}

std::string command_of(const CompareOptions& options, const std::vector<PolicyChoice>& policies) {
  CommandText command("bourse compare");
  const LoadOptions& source = options.source;
  for (const std::string& cluster : options.clusters) command.add("--cluster", cluster);
  for (const std::string& workload : options.workloads) command.add("--workload", workload);
  if (source.format < kTraceFormatNames.size())
    command.add("--format-of-workload", kTraceFormatNames[source.format]);
  if (options.split_by == 1) command.add("--split-by", "group");
  std::string names;
  for (const PolicyChoice& policy : policies) names += (names.empty() ? "" : ",") + policy.name;
  command.add("--policies", names);
  for (const PolicyChoice& policy : policies)
    for (const auto& [key, value] : policy.settings)
      command.add("--set", fmt::format("{}.{}={}", policy.name, key, value));
  command.add_number("--seeds", static_cast<double>(options.seeds), 5);
  command.add_number("--seed", static_cast<double>(options.seed), 1);
  add_noise_to(command, options.disturbance);
  if (!options.loads.empty()) command.add("--loads", joined(options.loads));
  if (!options.scales.empty())
    command.add("--scales", joined({options.scales.begin(), options.scales.end()}));
  command.add("--restart-cost", source.restart_cost);
  add_failures_to(command, options.disturbance);
  command.add("--horizon", source.horizon);
  command.add_flag("--bound", options.bound);
  command.add_flag("--skip-unfit", source.skip_unfit);
  if (!source.elastic.empty()) command.add("--elastic", source.elastic);
  command.add_number("--utility-seed", static_cast<double>(source.utility_seed), 1);
  return command.text();
}

/// The cells of a grid, where their results are kept, and which failed.
class Runs {
 public:
  Runs(const Grid& grid, const CellCache& cache) : grid_(grid), cache_(cache) {
    for (const GridCell& cell : grid.cells) keys_.push_back(key_of(grid, cell));
    failures_.resize(grid.cells.size());
  }

  /// Does what is not in the cache. False if the user interrupted.
  Result<bool> do_missing();
  /// Reads all results back.
  [[nodiscard]] Comparison comparison(const std::vector<PolicyChoice>& policies) const;
  [[nodiscard]] std::size_t failed_count() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(failures_, [](const std::string& text) { return !text.empty(); }));
  }
  [[nodiscard]] std::size_t kept_count() const { return kept_; }

 private:
  int work(std::size_t index, const ShareDone& share_done) const;
  [[nodiscard]] std::optional<CellResult> stored(std::size_t index) const;

  const Grid& grid_;
  const CellCache& cache_;
  std::vector<std::string> keys_;      ///< By cell.
  std::vector<std::string> failures_;  ///< By cell; empty: none.
  std::size_t kept_ = 0;               ///< Results in the cache.
};

std::optional<CellResult> Runs::stored(std::size_t index) const {
  const std::optional<std::string> body = cache_.find(keys_[index]);
  if (!body) return std::nullopt;
  Result<CellResult> cell = parse_cell(*body);
  if (!cell) return std::nullopt;
  return *std::move(cell);
}

int Runs::work(std::size_t index, const ShareDone& share_done) const {
  const Result<CellResult> cell = run_cell(grid_, grid_.cells[index], share_done);
  if (!cell) return failure(cell.error());
  if (const auto written = cache_.store(keys_[index], cell_json(*cell)); !written)
    return failure(written.error());
  return kExitOk;
}

Result<bool> Runs::do_missing() {
  const CompareOptions& options = *grid_.options;
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < grid_.cells.size(); ++i)
    if (options.fresh || !cache_.find(keys_[i])) missing.push_back(i);
  kept_ = grid_.cells.size() - missing.size();
  if (kept_ > 0)
    print_note(fmt::format("{} of {} runs were done before and are taken from {}", kept_,
                           grid_.cells.size(), cache_.folder()));
  ProgressBar bar(options.progress == 1 || (options.progress == 0 && is_terminal()));
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return run_in_processes(
      {.count = missing.size(),
       .at_once = options.jobs == 0 ? cores : options.jobs,
       .work = [&](std::size_t item,
                   const ShareDone& share_done) { return work(missing[item], share_done); },
       .on_end =
           [&](std::size_t item, const std::string& why) {
             failures_[missing[item]] = why;
             if (why.empty()) ++kept_;
           },
       .on_progress = [&](double share) { bar.show(share); }});
}

Comparison Runs::comparison(const std::vector<PolicyChoice>& policies) const {
  Comparison out{.version = BOURSE_VERSION, .command = command_of(*grid_.options, policies)};
  for (const PolicyChoice& policy : policies) out.policies.push_back(policy.name);
  for (const GridSection& section : grid_.sections) {
    const ComparedWorkload& workload = grid_.workloads[section.workload];
    const Instance& instance = workload.by_seed.front();
    out.sections.push_back(
        {.name = workload.name,
         .load = section.load,
         .scale = section.scale,
         .header = {.version = out.version,
                    .command = out.command,
                    .cluster = &section.cluster,
                    .file = workload.name,
                    .format = workload.about.format,
                    .jobs = instance.jobs.size() * static_cast<std::uint64_t>(section.scale),
                    .skipped = workload.about.skipped,
                    .assumptions = workload.about.assumptions}});
  }
  for (std::size_t i = 0; i < grid_.cells.size(); ++i) {
    const GridCell& cell = grid_.cells[i];
    Section& section = out.sections[cell.section];
    std::optional<CellResult> result;
    std::string why = failures_[i];
    if (why.empty()) result = stored(i);
    if (result) {
      section.cells.push_back(*std::move(result));
      continue;
    }
    if (why.empty()) why = fmt::format("'{}' could not be read back", cache_.path_of(keys_[i]));
    section.failed.push_back(
        {out.policies[cell.policy], grid_.options->seed + cell.seed_index, why});
  }
  return out;
}

Result<void> write_results(const std::string& folder, const Comparison& comparison,
                           bool with_cost) {
  BOURSE_TRY_VOID(write_file(folder + "/comparison.csv", comparison_csv(comparison)));
  BOURSE_TRY_VOID(write_file(folder + "/comparison.json", comparison_json(comparison, false)));
  return write_file(folder + "/report.html", comparison_page(comparison, page_bundle(), with_cost));
}

void print_notes(const Grid& grid, const Comparison& comparison) {
  std::set<std::string> told;
  const auto tell = [&](const std::string& note) {
    if (told.insert(note).second) print_note(note);
  };
  for (const Section& section : comparison.sections) {
    for (const SkippedJobs& rows : section.header.skipped)
      tell(fmt::format("left out {}: {} (first: {})", rows.count, rows.reason, rows.example));
    for (const std::string& assumption : section.header.assumptions) tell(assumption);
  }
  const CompareOptions& options = *grid.options;
  const bool moved = !options.disturbance.jitter && options.seeds > 1 &&
                     std::ranges::any_of(grid.workloads, [&](const ComparedWorkload& workload) {
                       return jitter_of(options, workload.by_seed.front()) > Seconds(0);
                     });
  if (moved)
    tell(
        "arrivals move by up to 0.1s with the seed, which breaks ties between equal times; "
        "--jitter says otherwise");
}

int print_results(const CompareOptions& options, const Comparison& comparison) {
  switch (options.format) {
    case OutputFormat::json:
      return print(comparison_json(comparison, !options.no_timing));
    case OutputFormat::csv:
      return print(comparison_csv(comparison));
    case OutputFormat::table:
      break;
  }
  return print(comparison_table(comparison, !options.no_timing));
}

/// Says which runs failed, one line each.
void print_failures(const Comparison& comparison) {
  for (const Section& section : comparison.sections)
    for (const FailedRun& run : section.failed)
      print_error(fmt::format("{} on {}, seed {}, failed: {}", run.policy, title_of(section),
                              run.seed, run.message));
}

int run_compare(const CompareOptions& options) {
  const Result<std::vector<PolicyChoice>> policies =
      choose_policies(policy_names(options.policies), options.settings, "--policies");
  if (!policies) return usage_error(policies.error());
  if (const auto checked = check_disturbance(options.disturbance); !checked)
    return usage_error(checked.error());
  const std::string folder = options.cache.empty() ? default_cache_folder() : options.cache;
  if (folder.empty())
    return usage_error({ErrorCode::invalid_argument,
                        "HOME is not set, so say where results are kept: --cache FOLDER"});
  Result<Grid> grid = make_grid(options, *policies);
  if (!grid) return load_failure(grid.error());
  if (asks_for_all(options.policies)) leave_out_batch_policies(*grid);
  if (!options.out.empty())
    if (const auto made = make_folder(options.out); !made) return failure(made.error());
  const Result<std::string> program = program_fingerprint();
  if (!program) return failure(program.error());
  const CellCache cache(folder, *program);
  if (const auto made = make_folder(cache.folder()); !made) return failure(made.error());
  Runs runs(*grid, cache);
  const Result<bool> all_ended = runs.do_missing();
  if (!all_ended) return failure(all_ended.error());
  if (!*all_ended) {
    print_error(
        fmt::format("interrupted; {} of {} runs are done and kept, the same command goes on from "
                    "there",
                    runs.kept_count(), grid->cells.size()));
    return kExitInterrupted;
  }
  const Comparison comparison = runs.comparison(grid->policies);
  if (!options.out.empty()) {
    if (const auto written = write_results(options.out, comparison, !options.no_timing); !written)
      return failure(written.error());
    if (page_bundle().script.empty())
      print_note("this program was built without npm, so report.html has tables but no pictures");
  }
  if (options.format != OutputFormat::json) print_notes(*grid, comparison);
  const int status = print_results(options, comparison);
  print_failures(comparison);
  const bool has_failed = std::ranges::any_of(
      comparison.sections, [](const Section& section) { return !section.failed.empty(); });
  return status == kExitOk && has_failed ? kExitFailure : status;
}

/// Numbers separated by commas, each in [low, high] and there once.
template <class Number>
void add_numbers(CLI::App& command, const std::string& name, std::vector<Number>& target,
                 double low, double high, bool whole, const std::string& help) {
  command
      .add_option_function<std::vector<std::string>>(
          name,
          [=, &target](const std::vector<std::string>& words) {
            for (const std::string& word : words) {
              const Result<double> value = parse_number(word);
              const bool is_right =
                  value && *value >= low && *value <= high &&
                  (!whole || *value == static_cast<double>(static_cast<int>(*value)));
              if (!is_right)
                throw CLI::ValidationError(
                    fmt::format("option {}: '{}' is not a {}number from {} to {}", name,
                                quotable(word), whole ? "whole " : "", number_text(low),
                                number_text(high)),
                    CLI::ExitCodes::InvalidError);
              if (std::ranges::find(target, static_cast<Number>(*value)) != target.end())
                throw CLI::ValidationError(
                    fmt::format("option {}: {} stands there twice", name, quotable(word)),
                    CLI::ExitCodes::InvalidError);
              target.push_back(static_cast<Number>(*value));
            }
          },
          help)
      ->type_name("NUMBER,...")
      ->delimiter(',')
      ->allow_extra_args(false);
}

void add_what_is_compared(CLI::App& command, CompareOptions& options) {
  command
      .add_option("-c,--cluster", options.clusters,
                  "Machines: a YAML file, or 256x8 for 256 machines of 8 GPUs; one for all "
                  "workloads or one for each (default: the cluster in the workload)")
      ->type_name("CLUSTER ...");
  command
      .add_option("-w,--workload", options.workloads,
                  "Jobs: workloads in YAML, or traces, packed by gzip or not; '{seed}' in a name "
                  "stands for the seed")
      ->type_name("FILE ...")
      ->required();
  add_choice(command, "--split-by", options.split_by, {"none", "group"},
             "group: each group of a workload (virtual cluster, project, user) is a workload of "
             "its own on a whole cluster (default: none)");
  command
      .add_option("-p,--policies", options.policies,
                  "Schedulers, separated by commas, or all; 'bourse policies' lists them")
      ->type_name("all|NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->required();
  add_set_option(command, options.settings);
  add_numbers(command, "--loads", options.loads, 0.01, 100, false,
              "Also replays with arrivals this many times as fast: 0.5,1,1.5 (default: 1)");
  add_numbers(command, "--scales", options.scales, 2, 64, true,
              "Also measures decisions with this many times the machines and jobs: 2,4,8, one "
              "seed each (default: none)");
}

void add_how(CLI::App& command, CompareOptions& options) {
  constexpr std::uint64_t kMaxSeed = std::uint64_t{1} << 52;
  add_whole(command, "--seeds", options.seeds, 1, kMostSeedsCompared,
            "How many runs of each policy, with seeds S, S+1, ... (default: 5)");
  add_whole(command, "--seed", options.seed, 0, kMaxSeed,
            "First seed S, of jitter, belief, failures and rounding (default: 1)");
  add_disturbance_options(command, options.disturbance, "0.1s; 0s if the workload has slots");
  add_whole(command, "-j,--jobs", options.jobs, 1, 1024,
            "Runs done at the same time, each in a process (default: one a core)");
  command
      .add_option("-o,--out", options.out,
                  "Also write comparison.csv, comparison.json and report.html to this folder")
      ->type_name("FOLDER");
  command
      .add_option("--cache", options.cache,
                  "Where runs that are done are kept (default: ~/.cache/bourse)")
      ->type_name("FOLDER");
  command.add_flag("--fresh", options.fresh, "Do every run anew, also what is kept");
  add_format(command, options.format, true);
  command.add_flag("--bound", options.bound,
                   "Also say what no scheduler can exceed on each run, and the share reached");
  command.add_flag("--no-timing", options.no_timing,
                   "Leave out what was measured, so that two runs write the same bytes");
  add_choice(command, "--progress", options.progress, {"auto", "always", "never"},
             "Progress bar on standard error (default: auto, on a terminal)");
}

}  // namespace

void add_compare(CLI::App& app, int& status) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* const command = app.add_subcommand(
      "compare", "Compare many policies on many workloads, with a report to show");
  add_what_is_compared(*command, *options);
  add_workload_format(*command, options->source);
  add_how(*command, *options);
  add_change_options(*command, options->source);
  add_examples(
      *command,
      {"bourse compare --cluster 256x8 --workload trace.csv.gz --policies all --out results",
       "bourse compare -w day.yaml -p pd-ors,fifo,drf --seeds 10 --loads 0.5,1,1.5 --out results",
       "bourse compare -c 64x8 -w clusters.csv.gz --split-by group -p all --set '*.slot=10min'",
       "bourse compare -w 'paper-{seed}.yaml' -p pd-ors,fifo --seeds 10 --scales 2,4,8"});
  command->callback([options, &status] { status = run_compare(*options); });
}

}  // namespace bourse
