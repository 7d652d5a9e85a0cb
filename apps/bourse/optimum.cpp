#include "bourse/offline/optimum.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/bourse/command_text.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/units.h"
#include "bourse/report/table.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

struct OptimumCommandOptions {
  LoadOptions source;
  std::optional<Seconds> slot;
  std::optional<Seconds> time_limit;
  double gap = 1e-6;
  OutputFormat format = OutputFormat::table;
};

std::string command_of(const OptimumCommandOptions& options) {
  CommandText command("bourse optimum");
  const LoadOptions& source = options.source;
  if (!source.cluster.empty()) command.add("--cluster", source.cluster);
  command.add("--workload", source.workload);
  command.add("--slot", options.slot);
  command.add("--time-limit", options.time_limit);
  command.add_number("--gap", options.gap, 1e-6);
  command.add("--horizon", source.horizon);
  command.add_flag("--skip-unfit", source.skip_unfit);
  if (!source.elastic.empty()) command.add("--elastic", source.elastic);
  command.add_number("--utility-seed", static_cast<double>(source.utility_seed), 1);
  return command.text();
}

/// What a job earns in the schedule.
double earned(const Instance& instance, const Schedule& schedule, std::size_t job) {
  const JobSchedule& plan = schedule.jobs[job];
  if (!plan.completion) return 0;
  return utility_in_slot(instance.jobs[job], schedule.slot, *plan.completion, instance.slot);
}

std::string text_of(const Instance& instance, const Optimum& best) {
  std::string out =
      fmt::format("utility  {}\nbound    {}\nproven   {}\nprogram  {} variables, slots of {}\n\n",
                  number_text(best.utility), number_text(best.bound),
                  best.proven ? "yes" : "no, the search hit its limit", best.columns,
                  to_text(best.schedule.slot));
  Table table({{"job", Align::left}, {"arrival"}, {"completion"}, {"slots held"}, {"utility"}});
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    const JobSchedule& plan = best.schedule.jobs[i];
    const std::string completion =
        plan.completion ? fmt::format("slot {}", *plan.completion) : "never";
    table.add_row({instance.jobs[i].name, human(instance.jobs[i].arrival), completion,
                   std::to_string(plan.slots.size()),
                   fmt::format("{:.6g}", earned(instance, best.schedule, i))});
  }
  return out + table.text();
}

std::string json_of(const OptimumCommandOptions& options, const Instance& instance,
                    const Optimum& best) {
  Json jobs = Json::array();
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    const JobSchedule& plan = best.schedule.jobs[i];
    jobs.push_back({{"name", instance.jobs[i].name},
                    {"arrival_s", instance.jobs[i].arrival.value},
                    {"completion_slot", plan.completion ? Json(*plan.completion) : Json(nullptr)},
                    {"slots_held", plan.slots.size()},
                    {"utility", earned(instance, best.schedule, i)}});
  }
  const Json json{{"version", BOURSE_VERSION},
                  {"command", command_of(options)},
                  {"slot_s", best.schedule.slot.value},
                  {"horizon_s", instance.horizon.value},
                  {"utility", best.utility},
                  {"bound", best.bound},
                  {"proven", best.proven},
                  {"columns", best.columns},
                  {"jobs", std::move(jobs)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

int run_optimum(const OptimumCommandOptions& options) {
  const Result<Loaded> loaded = load(options.source);
  if (!loaded) return load_failure(loaded.error());
  const Instance& instance = loaded->instance;
  for (const SkippedJobs& rows : loaded->skipped)
    print_note(fmt::format("left out {}: {} (first: {})", rows.count, rows.reason, rows.example));
  for (const std::string& assumption : loaded->assumptions) print_note(assumption);
  const Seconds slot =
      options.slot.value_or(instance.slot > Seconds(0) ? instance.slot : Seconds(600));
  const Result<Optimum> best =
      optimum(instance, {.slot = slot,
                         .gap = options.gap,
                         .time_limit_s = options.time_limit.value_or(Seconds(60)).value});
  if (!best) return failure(best.error());
  return print(options.format == OutputFormat::json ? json_of(options, instance, *best)
                                                    : text_of(instance, *best));
}

}  // namespace

void add_optimum(CLI::App& app, int& status) {
  const auto options = std::make_shared<OptimumCommandOptions>();
  CLI::App* const command = app.add_subcommand(
      "optimum", "Find the best schedule of a small instance, knowing all jobs in advance");
  add_source_options(*command, options->source);
  add_duration(*command, "--slot", options->slot,
               "Length of a slot (default: the workload's, else 10min)");
  add_duration(*command, "--time-limit", options->time_limit,
               "Processor time for the search; an answer that hits it may differ between runs "
               "(default: 60s)");
  add_number(*command, "--gap", options->gap, 0, 1,
             "Stop within this share of the optimum (default: 1e-6)");
  add_format(*command, options->format, false);
  add_change_options(*command, options->source);
  add_examples(*command,
               {"bourse optimum --workload small.yaml",
                "bourse optimum --workload small.yaml --time-limit 10min --gap 0.01",
                "bourse optimum --cluster 2x4 --workload small.csv --horizon 2h --slot 10min"});
  command->callback([options, &status] { status = run_optimum(*options); });
}

}  // namespace bourse
