#include <nlohmann/json.hpp>

#include "bourse/report/explain_report.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

Json time_json(Seconds time) { return time < kForever ? Json(time.value) : Json(nullptr); }

Json option_json(const Cluster& cluster, const std::optional<PricedOption>& option) {
  if (!option) return nullptr;
  Json json;
  json["completion_s"] = option->completion.value;
  json["utility"] = option->utility;
  json["cost"] = option->cost;
  json["payoff"] = option->payoff();
  Json paid = Json::object();
  for (std::size_t r = 0; r < option->paid.size(); ++r)
    paid[cluster.types[r].name] = option->paid[r];
  json["paid"] = std::move(paid);
  json["cost_at_lowest_prices"] = option->cost_when_idle;
  json["runs"] = Json::array();
  for (const PricedOption::Run& run : option->runs) {
    Json tasks = Json::array();
    for (const TaskGroup& group : run.allocation)
      tasks.push_back({{"machine", group.machine.index()},
                       {"workers", group.workers},
                       {"servers", group.servers}});
    json["runs"].push_back(
        {{"from_s", run.from.value}, {"to_s", run.to.value}, {"tasks", std::move(tasks)}});
  }
  return json;
}

Json said_json(const Cluster& cluster, const RecordedExplanation& said) {
  Json json;
  json["time_s"] = said.time.value;
  json["reason"] = reason_text(said.reason);
  if (!said.more) return json;
  json["booked"] = said.more->is_booked;
  json["promised_s"] = time_json(said.more->promised);
  json["best"] = option_json(cluster, said.more->best);
  json["sooner"] = option_json(cluster, said.more->sooner);
  json["later"] = option_json(cluster, said.more->later);
  return json;
}

}  // namespace

std::string explain_json(const ReportHeader& header, const ExplainedJob& job,
                         std::span<const RunReport> runs, std::span<const RunDetail> details) {
  Json json;
  json["version"] = header.version;
  json["command"] = header.command;
  json["job"] = {{"id", job.id.index()}, {"name", job.spec->name}};
  json["runs"] = Json::array();
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const JobOutcome& outcome = details[i].jobs[job.id.index()];
    Json run;
    run["policy"] = runs[i].policy;
    run["seed"] = runs[i].seed;
    run["arrival_s"] = outcome.arrival.value;
    run["status"] = name_of(outcome.record.status);
    run["first_start_s"] = time_json(outcome.record.first_start);
    run["finish_s"] = time_json(outcome.record.finish);
    run["utility"] = outcome.record.utility;
    run["decisions"] = Json::array();
    for (const RecordedExplanation& said : details[i].explained)
      run["decisions"].push_back(said_json(*header.cluster, said));
    json["runs"].push_back(std::move(run));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bourse
