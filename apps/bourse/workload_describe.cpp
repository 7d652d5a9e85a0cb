#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/bourse/commands.h"
#include "apps/bourse/files.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/trace/describe.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

struct DescribeOptions {
  LoadOptions source;
  std::string plot;
  OutputFormat format = OutputFormat::table;
};

Json spread_json(const Spread& spread) {
  return {{"min", spread.min}, {"p50", spread.p50}, {"mean", spread.mean},
          {"p90", spread.p90}, {"p99", spread.p99}, {"max", spread.max}};
}

Json description_json(const Description& description, const std::string& file) {
  Json sizes = Json::array();
  for (const SizeShare& size : description.sizes)
    sizes.push_back({{"gpus", size.gpus}, {"jobs", size.jobs}, {"gpu_hours", size.gpu_hours}});
  return {{"version", BOURSE_VERSION},
          {"file", file},
          {"jobs", description.jobs},
          {"without_progress", description.without_progress},
          {"first_arrival_s", description.first_arrival.value},
          {"last_arrival_s", description.last_arrival.value},
          {"gpu_hours", description.gpu_hours},
          {"gap_s", spread_json(description.gap)},
          {"duration_s", spread_json(description.duration)},
          {"gpus", spread_json(description.gpus)},
          {"sizes", std::move(sizes)},
          {"jobs_by_hour", description.jobs_by_hour}};
}

Result<std::string> report_of(const DescribeOptions& options) {
  const std::string& file = options.source.workload;
  BOURSE_TRY(const TraceRead read, read_workload(options.source, nullptr));
  const Description description = describe(read.workload);
  if (!options.plot.empty())
    BOURSE_TRY_VOID(write_file(options.plot, description_svg(read.workload, file)));
  if (options.format == OutputFormat::json)
    return description_json(description, file).dump(2, ' ', false, Json::error_handler_t::replace) +
           "\n";
  std::string text = description_text(description);
  if (!options.plot.empty()) text += fmt::format("\nwrote the picture to {}\n", options.plot);
  return text;
}

int run_describe(const DescribeOptions& options) {
  const Result<std::string> report = report_of(options);
  return report ? print(*report) : failure(report.error());
}

}  // namespace

void add_workload_describe(CLI::App& app, int& status) {
  const auto options = std::make_shared<DescribeOptions>();
  CLI::App* const command = app.add_subcommand(
      "describe", "Show how arrivals, sizes and durations of a workload are distributed");
  add_file_argument(*command, options->source);
  command->add_option("--plot", options->plot, "Also draw the distributions into this SVG file")
      ->type_name("FILE.svg");
  add_format(*command, options->format, false);
  add_examples(*command, {"bourse workload describe trace.csv.gz",
                          "bourse workload describe trace.csv.gz --plot trace.svg",
                          "bourse workload describe day.yaml --format json"});
  command->callback([options, &status] { status = run_describe(*options); });
}

}  // namespace bourse
