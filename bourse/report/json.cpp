#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "bourse/report/run_report.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

Json distribution_json(const Distribution& d) {
  Json json;
  const auto set = [&](const char* key, double value) {
    json[key] = d.count == 0 ? Json(nullptr) : Json(value);
  };
  set("mean", d.mean);
  set("p50", d.p50);
  set("p95", d.p95);
  set("p99", d.p99);
  set("max", d.max);
  return json;
}

Json run_json(const RunReport& run, bool with_cost) {
  const Metrics& m = run.metrics;
  const auto measured = [&](auto value) { return with_cost ? Json(value) : Json(nullptr); };
  Json json;
  json["policy"] = run.policy;
  json["seed"] = run.seed;
  json["jobs"] = m.jobs;
  json["finished"] = m.finished;
  json["declined"] = m.declined;
  json["unfinished"] = m.unfinished;
  json["jct_s"] = distribution_json(m.completion);
  json["queue_s"] = distribution_json(m.queueing);
  if (m.time_to_accuracy.count > 0) {
    json["time_to_accuracy_s"] = distribution_json(m.time_to_accuracy);
    json["samples_to_accuracy"] = distribution_json(m.samples_to_accuracy);
  }
  json["fairness"] = distribution_json(m.fairness);
  json["makespan_s"] = m.makespan;
  json["utility"] = m.utility;
  if (run.bound) {
    json["bound"] = *run.bound;
    json["share_of_bound"] = *run.share_of_bound();
  }
  json["gpu_hours"] = m.resource_hours;
  json["gpu_utilization"] = m.utilization;
  json["restarts"] = m.restarts;
  json["decisions"] = {{"count", m.decisions},
                       {"p50_ms", measured(run.cost.decision_p50_ms)},
                       {"p99_ms", measured(run.cost.decision_p99_ms)},
                       {"max_ms", measured(run.cost.decision_max_ms)}};
  json["cpu_s"] = measured(run.cost.cpu_s);
  json["peak_rss_bytes"] = measured(run.cost.peak_rss_bytes);
  return json;
}

Json cluster_json(const Cluster& cluster) {
  const ResourceVector total = cluster.total();
  const auto gpu = cluster.types.find("gpu");
  Json json;
  json["machines"] = cluster.machines.size();
  json["gpus"] = gpu ? static_cast<double>(total[*gpu]) / kAmountsPerUnit : 0.0;
  if (gpu && total[*gpu] % kAmountsPerUnit == 0) json["gpus"] = total[*gpu] / kAmountsPerUnit;
  json["racks"] = cluster.rack_count;
  Json resources = Json::object();
  for (std::size_t i = 0; i < cluster.types.size(); ++i)
    resources[cluster.types[i].name] = amount_text(total[i], cluster.types[i].kind);
  json["resources"] = std::move(resources);
  return json;
}

}  // namespace

std::string runs_json(const ReportHeader& header, std::span<const RunReport> runs, bool with_cost) {
  Json json;
  json["version"] = header.version;
  json["command"] = header.command;
  json["cluster"] = cluster_json(*header.cluster);
  Json skipped = Json::array();
  for (const SkippedJobs& rows : header.skipped)
    skipped.push_back({{"reason", rows.reason}, {"count", rows.count}, {"example", rows.example}});
  json["workload"] = {{"file", header.file},
                      {"format", header.format},
                      {"jobs", header.jobs},
                      {"skipped", std::move(skipped)},
                      {"assumptions", header.assumptions}};
  json["runs"] = Json::array();
  for (const RunReport& run : runs) json["runs"].push_back(run_json(run, with_cost));
  // A name that is not UTF-8 must not stop the report.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bourse
