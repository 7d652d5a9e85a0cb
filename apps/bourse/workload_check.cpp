#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/bourse/commands.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/trace/load.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

struct CheckOptions {
  LoadOptions source;
  OutputFormat format = OutputFormat::table;
};

/// What is known once it is clear which cluster is meant.
struct Fit {
  ClusterLoad load;
  std::vector<std::string> unfit;  ///< One sentence for each job that cannot run.
};

Json read_json(const TraceRead& read, const std::string& file) {
  Json skipped = Json::array();
  for (const SkippedRows& rows : read.skipped)
    skipped.push_back(
        {{"reason", rows.reason}, {"count", rows.count}, {"example", rows.first_example}});
  return {{"version", BOURSE_VERSION},         {"file", file},
          {"format", name_of(read.format)},    {"rows", read.rows_read},
          {"jobs", read.workload.jobs.size()}, {"out_of_order", read.out_of_order},
          {"skipped", std::move(skipped)},     {"assumptions", read.assumptions}};
}

Json fit_json(const Fit& fit) {
  Json resources = Json::array();
  for (const ResourceLoad& resource : fit.load.resources)
    resources.push_back({{"name", resource.name},
                         {"capacity", amount_text(resource.capacity, resource.kind)},
                         {"peak", amount_text(resource.peak, resource.kind)},
                         {"load", resource.load}});
  return {{"span_s", fit.load.span.value},
          {"resources", std::move(resources)},
          {"too_large", fit.load.too_large},
          {"without_progress", fit.load.without_progress},
          {"unfit", fit.unfit.size()},
          {"unfit_example", fit.unfit.empty() ? Json(nullptr) : Json(fit.unfit.front())}};
}

Result<std::optional<Fit>> fit_of(const TraceRead& read, std::optional<Cluster> cluster,
                                  const std::string& file) {
  if (!cluster) cluster = read.workload.cluster;
  if (!cluster) return std::optional<Fit>();
  Fit fit{.load = load_on(read.workload, *cluster), .unfit = {}};
  BOURSE_TRY(Bound bound, bind(read.workload, *std::move(cluster), file, {.skip_unfit = true}));
  fit.unfit = std::move(bound.left_out);
  return std::optional<Fit>(std::move(fit));
}

Result<std::string> report_of(const CheckOptions& options) {
  std::optional<Cluster> cluster;
  if (!options.source.cluster.empty()) {
    BOURSE_TRY(cluster, load_cluster(options.source.cluster));
  }
  BOURSE_TRY(const TraceRead read, read_workload(options.source, cluster ? &*cluster : nullptr));
  BOURSE_TRY(const std::optional<Fit> fit,
             fit_of(read, std::move(cluster), options.source.workload));
  if (options.format == OutputFormat::json) {
    Json json = read_json(read, options.source.workload);
    json["load"] = fit ? fit_json(*fit) : Json(nullptr);
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  std::string text = check_text(read);
  if (!fit) return text + "\n--cluster CLUSTER shows the load on a cluster\n";
  text += "\n" + load_text(fit->load);
  if (!fit->unfit.empty())
    text += fmt::format("{} jobs cannot run on this cluster, the first: {}\n", fit->unfit.size(),
                        fit->unfit.front());
  return text;
}

int run_check(const CheckOptions& options) {
  const Result<std::string> report = report_of(options);
  return report ? print(*report) : failure(report.error());
}

}  // namespace

void add_workload_check(CLI::App& app, int& status) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* const command = app.add_subcommand(
      "check", "Say what was read and skipped, and how much of a cluster the jobs need");
  add_file_argument(*command, options->source);
  add_cluster_option(*command, options->source);
  add_format(*command, options->format, false);
  add_examples(*command, {"bourse workload check trace.csv.gz",
                          "bourse workload check trace.csv.gz --cluster 256x8",
                          "bourse workload check day.yaml --format json"});
  command->callback([options, &status] { status = run_check(*options); });
}

}  // namespace bourse
