#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/bourse/bounds.h"
#include "apps/bourse/command_text.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/files.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"
#include "apps/bourse/progress_bar.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/units.h"
#include "bourse/report/bound_svg.h"
#include "bourse/report/table.h"
#include "bourse/simulation/perturb.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

struct BoundCommandOptions {
  LoadOptions source;
  std::optional<Seconds> slot;
  std::uint64_t evaluations = DualOptions{}.max_evaluations;
  double gap = DualOptions{}.gap;
  std::string failures;
  std::string plot;
  OutputFormat format = OutputFormat::table;
  std::size_t progress = 0;  ///< auto, always, never
};

std::string command_of(const BoundCommandOptions& options) {
  CommandText command("bourse bound");
  const LoadOptions& source = options.source;
  if (!source.cluster.empty()) command.add("--cluster", source.cluster);
  command.add("--workload", source.workload);
  command.add("--slot", options.slot);
  command.add_number("--evaluations", static_cast<double>(options.evaluations),
                     static_cast<double>(DualOptions{}.max_evaluations));
  command.add_number("--gap", options.gap, DualOptions{}.gap);
  if (!options.failures.empty()) command.add("--failures", options.failures);
  command.add("--horizon", source.horizon);
  command.add_flag("--skip-unfit", source.skip_unfit);
  if (!source.elastic.empty()) command.add("--elastic", source.elastic);
  command.add_number("--utility-seed", static_cast<double>(source.utility_seed), 1);
  return command.text();
}

/// Amounts in the unit that prices are told in: one device, or one GiB.
double amounts_per_unit(ResourceKind kind) {
  return kind == ResourceKind::bytes ? 1024.0 * kAmountsPerUnit : kAmountsPerUnit;
}

std::string unit_name(const ResourceType& type) {
  return type.kind == ResourceKind::bytes ? "GiB " + type.name : type.name;
}

/// Prices and load of each resource of the whole cluster over time.
BoundPicture picture_of(const BoundCommandOptions& options, const Instance& instance,
                        const UpperBound& bound) {
  const Cluster& cluster = instance.cluster;
  BoundPicture picture{.title = "Upper bound of " + options.source.workload,
                       .bound = bound.utility,
                       .unhindered = bound.unhindered,
                       .times = bound.times,
                       .history = bound.dual.history};
  const ResourceVector total = cluster.total();
  for (std::size_t r = 0; r < cluster.types.size(); ++r) {
    BoundPicture::Resource resource{
        .name = cluster.types[r].name,
        .unit = unit_name(cluster.types[r]),
        .units = static_cast<double>(total[r]) / amounts_per_unit(cluster.types[r].kind)};
    for (std::size_t k = 0; k < bound.capacity.cells; ++k) {
      double worth = 0;
      double load = 0;
      double capacity = 0;
      for (std::size_t c = 0; c < bound.capacity.classes; ++c) {
        worth += bound.dual.prices.at(k, c, r) * bound.capacity.at(k, c, r);
        load += bound.dual.load.at(k, c, r);
        capacity += bound.capacity.at(k, c, r);
      }
      resource.worth.push_back(worth / ((bound.times[k + 1] - bound.times[k]).value / 3600));
      resource.load.push_back(capacity > 0 ? load / capacity : 0);
    }
    picture.resources.push_back(std::move(resource));
  }
  return picture;
}

/// Mean and highest price of a unit of one resource, over the time of the cells.
std::vector<std::string> price_row(const BoundPicture& picture,
                                   const BoundPicture::Resource& resource) {
  double worth = 0;
  double highest = 0;
  std::size_t where = 0;
  for (std::size_t k = 0; k < resource.worth.size(); ++k) {
    worth += resource.worth[k] * (picture.times[k + 1] - picture.times[k]).value;
    if (resource.worth[k] > highest) {
      highest = resource.worth[k];
      where = k;
    }
  }
  const double time = (picture.times.back() - picture.times.front()).value;
  const double units = std::max(resource.units, 1e-300);
  return {resource.unit, fmt::format("{:.4g}", worth / time / units),
          fmt::format("{:.4g}", highest / units),
          highest > 0 ? human(picture.times[where]) : std::string("-")};
}

std::string text_of(const Instance& instance, const UpperBound& bound,
                    const BoundPicture& picture) {
  std::string out = fmt::format(
      "bound       {}  no scheduler earns more\n"
      "unhindered  {}  if each job had the cluster to itself\n"
      "search      {} evaluations, {}; the best of this relaxation is at most {:.2g} % lower\n"
      "instance    {} jobs, {} cells of time\n",
      number_text(bound.utility), number_text(bound.unhindered), bound.dual.evaluations,
      bound.dual.converged ? "converged" : "stopped at the limit", 100 * bound.dual.relaxed_gap,
      instance.jobs.size(), bound.capacity.cells);
  if (bound.capacity.cells == 0) return out;
  Table table({{"price of one", Align::left}, {"mean an hour"}, {"highest"}, {"at"}});
  for (const BoundPicture::Resource& resource : picture.resources)
    table.add_row(price_row(picture, resource));
  return out + "\n" + table.text();
}

std::string json_of(const BoundCommandOptions& options, const Instance& instance,
                    const UpperBound& bound) {
  const Cluster& cluster = instance.cluster;
  Json times = Json::array();
  for (const Seconds time : bound.times) times.push_back(time.value);
  Json prices = Json::array();
  for (std::size_t c = 0; c < bound.capacity.classes; ++c)
    for (std::size_t r = 0; r < bound.capacity.types; ++r) {
      Json per_hour = Json::array();
      Json load = Json::array();
      for (std::size_t k = 0; k < bound.capacity.cells; ++k) {
        const double hours = (bound.times[k + 1] - bound.times[k]).value / 3600;
        const double capacity = bound.capacity.at(k, c, r);
        per_hour.push_back(bound.dual.prices.at(k, c, r) * amounts_per_unit(cluster.types[r].kind) /
                           hours);
        load.push_back(capacity > 0 ? bound.dual.load.at(k, c, r) / capacity : 0.0);
      }
      prices.push_back({{"class", cluster.classes[c].name},
                        {"resource", cluster.types[r].name},
                        {"unit", unit_name(cluster.types[r])},
                        {"price_per_unit_hour", std::move(per_hour)},
                        {"load", std::move(load)}});
    }
  const Json json{{"version", BOURSE_VERSION},         {"command", command_of(options)},
                  {"jobs", instance.jobs.size()},      {"bound", bound.utility},
                  {"unhindered", bound.unhindered},    {"evaluations", bound.dual.evaluations},
                  {"converged", bound.dual.converged}, {"relaxed_gap", bound.dual.relaxed_gap},
                  {"history", bound.dual.history},     {"times_s", std::move(times)},
                  {"prices", std::move(prices)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<UpperBoundOptions> options_of(const BoundCommandOptions& options, const Instance& instance) {
  UpperBoundOptions bound{.cell = options.slot.value_or(Seconds(0)),
                          .dual = {.max_evaluations = options.evaluations, .gap = options.gap}};
  if (options.failures.empty()) return bound;
  BOURSE_TRY(const std::string text, read_file(options.failures));
  BOURSE_TRY(const std::vector<Outage> outages,
             parse_outages(text, options.failures, instance.cluster.machines.size()));
  bound.losses = losses_of(outages);
  return bound;
}

int run_bound(const BoundCommandOptions& options) {
  const Result<Loaded> loaded = load(options.source);
  if (!loaded) return load_failure(loaded.error());
  const Instance& instance = loaded->instance;
  for (const SkippedJobs& rows : loaded->skipped)
    print_note(fmt::format("left out {}: {} (first: {})", rows.count, rows.reason, rows.example));
  for (const std::string& assumption : loaded->assumptions) print_note(assumption);
  Result<UpperBoundOptions> settings = options_of(options, instance);
  if (!settings) return failure(settings.error());
  const UpperBound bound = [&] {
    ProgressBar bar(options.progress == 1 || (options.progress == 0 && is_terminal()));
    settings->dual.progress = [&bar](double share, double) {
      bar.show(share);
      return true;
    };
    return upper_bound(instance, *settings);
  }();
  const BoundPicture picture = picture_of(options, instance, bound);
  if (!options.plot.empty()) {
    if (bound.capacity.cells == 0)
      return failure({ErrorCode::invalid_argument,
                      "there is nothing to draw: the horizon is before the first arrival"});
    if (const auto written = write_file(options.plot, bound_svg(picture)); !written)
      return failure(written.error());
  }
  if (options.format == OutputFormat::json) return print(json_of(options, instance, bound));
  std::string text = text_of(instance, bound, picture);
  if (!options.plot.empty()) text += fmt::format("\nwrote the picture to {}\n", options.plot);
  return print(text);
}

}  // namespace

void add_bound(CLI::App& app, int& status) {
  const auto options = std::make_shared<BoundCommandOptions>();
  CLI::App* const command =
      app.add_subcommand("bound", "Prove what total utility no scheduler can exceed, at any size");
  add_source_options(*command, options->source);
  add_duration(*command, "--slot", options->slot,
               "Time with one price; shorter is tighter and slower (default: the workload's slot, "
               "else chosen so that arrivals span 600)");
  add_whole(*command, "--evaluations", options->evaluations, 1, 1'000'000,
            "Steps of the search at most; each is a valid bound (default: 500)");
  add_number(*command, "--gap", options->gap, 0, 1,
             "Stop when no more than this share of the bound can be gained (default: 0.0001)");
  command->add_option("--failures", options->failures, "Outages as CSV: machine,down,up")
      ->type_name("FILE");
  command
      ->add_option("--plot", options->plot,
                   "Also draw prices, load and the search into this SVG file")
      ->type_name("FILE.svg");
  add_format(*command, options->format, false);
  add_choice(*command, "--progress", options->progress, {"auto", "always", "never"},
             "Progress bar on standard error (default: auto, on a terminal)");
  add_change_options(*command, options->source);
  add_examples(*command, {"bourse bound --workload day.yaml",
                          "bourse bound --cluster 256x8 --workload trace.csv.gz --slot 10min",
                          "bourse bound --workload day.yaml --plot prices.svg",
                          "bourse bound --workload day.yaml --failures down.csv --format json"});
  command->callback([options, &status] { status = run_bound(*options); });
}

}  // namespace bourse
