#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "bourse/report/comparison.h"
#include "bourse/report/statistics.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<const CellResult*>;

constexpr std::size_t kPageBins = 128;
/// Times in pictures are whole multiples of the length of the picture over this.
constexpr double kTicks = 100'000;

/// Four digits are more than a picture shows.
Json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0) return 0;
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(value))) - 3);
  const double out =
      unit < 1 ? std::round(value / unit) / std::round(1 / unit) : std::round(value / unit) * unit;
  if (out == std::floor(out) && std::abs(out) < 1e15) return static_cast<std::int64_t>(out);
  return out;
}

Json rounded(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double value : values) array.push_back(rounded(value));
  return array;
}

/// Mean and half the width of its interval.
template <class Value>
Json interval_json(const Cells& cells, Value value_of) {
  std::vector<double> values;
  for (const CellResult* cell : cells) values.push_back(value_of(*cell));
  const Interval interval = interval_of(values);
  return Json{rounded(interval.mean), rounded(interval.half_width)};
}

Json figures_json(const Cells& cells) {
  Json json;
  const auto metric = [&](const char* name, auto value_of) {
    json[name] = interval_json(
        cells, [&](const CellResult& cell) { return double(value_of(cell.run.metrics)); });
  };
  metric("finished", [](const Metrics& m) { return m.finished; });
  metric("declined", [](const Metrics& m) { return m.declined; });
  metric("unfinished", [](const Metrics& m) { return m.unfinished; });
  metric("jct_mean", [](const Metrics& m) { return m.completion.mean; });
  metric("jct_p99", [](const Metrics& m) { return m.completion.p99; });
  if (std::ranges::all_of(cells, [](const CellResult* cell) {
        return cell->run.metrics.time_to_accuracy.count > 0;
      })) {
    metric("time_to_accuracy", [](const Metrics& m) { return m.time_to_accuracy.mean; });
    metric("samples_to_accuracy", [](const Metrics& m) { return m.samples_to_accuracy.mean; });
  }
  metric("wait_mean", [](const Metrics& m) { return m.queueing.mean; });
  metric("fairness_p95", [](const Metrics& m) { return m.fairness.p95; });
  metric("utilization", [](const Metrics& m) { return m.utilization; });
  metric("restarts", [](const Metrics& m) { return m.restarts; });
  metric("utility", [](const Metrics& m) { return m.utility; });
  if (std::ranges::all_of(cells, [](const CellResult* cell) { return !!cell->run.bound; }))
    json["share_of_bound"] = interval_json(
        cells, [](const CellResult& cell) { return cell.run.share_of_bound().value_or(0); });
  return json;
}

/// Quantile curves of several seeds become one, point by point: the mean.
Json mean_curve(const Cells& cells, std::vector<double> CellResult::* curve) {
  std::vector<double> mean;
  double count = 0;
  for (const CellResult* cell : cells) {
    const std::vector<double>& values = cell->*curve;
    if (values.empty()) continue;
    mean.resize(values.size(), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) mean[i] += values[i];
    ++count;
  }
  for (double& value : mean) value /= count;
  return rounded(mean);
}

/// Means over the seeds that have a job in the class, one row a class: its ends, jobs, mean wait,
/// p95 wait.
Json sizes_json(const Cells& cells) {
  std::map<double, std::array<double, 5>> classes;  // By upper end: low, jobs, mean, p95, seeds.
  for (const CellResult* cell : cells)
    for (const SizeClass& size : cell->sizes) {
      std::array<double, 5>& sum = classes[size.high];
      sum[0] = size.low;
      sum[1] += static_cast<double>(size.jobs);
      sum[2] += size.wait_mean_s;
      sum[3] += size.wait_p95_s;
      sum[4] += 1;
    }
  Json array = Json::array();
  for (const auto& [high, sum] : classes)
    array.push_back({sum[0], rounded(high), rounded(sum[1] / sum[4]), rounded(sum[2] / sum[4]),
                     rounded(sum[3] / sum[4])});
  return array;
}

/// Every `stride` bins joined.
Json series_json(const std::vector<double>& values, std::size_t stride) {
  std::vector<double> out;
  for (std::size_t i = 0; i < values.size(); i += stride) {
    const std::size_t end = std::min(i + stride, values.size());
    double sum = 0;
    for (std::size_t k = i; k < end; ++k) sum += values[k];
    out.push_back(std::round(sum / static_cast<double>(end - i) * 1e4) / 1e4);
  }
  return rounded(out);
}

Json usage_json(const Recording& recording) {
  const std::size_t stride = (recording.used.size() + kPageBins - 1) / kPageBins;
  Json json;
  json["width"] = recording.bin_width.value * static_cast<double>(stride);
  json["used"] = series_json(recording.used, std::max<std::size_t>(stride, 1));
  json["stranded"] = series_json(recording.stranded, std::max<std::size_t>(stride, 1));
  json["waiting"] = series_json(recording.waiting, std::max<std::size_t>(stride, 1));
  return json;
}

/// Spans as whole numbers, five each: machine and start less those of the span before (the start
/// counts from 0 on another machine), length, job, tasks.
Json occupancy_json(const Occupancy& whole, std::size_t limit) {
  const Occupancy occupancy = thinned(whole, limit);
  Seconds end{0};
  for (const MachineSpan& span : occupancy.spans) end = std::max(end, span.to);
  const Seconds tick = std::max(end / kTicks, Seconds(1e-3));
  const auto ticks = [&](Seconds time) {
    return static_cast<std::int64_t>(std::llround(time / tick));
  };
  Json json;
  json["stride"] = occupancy.machine_stride;
  json["until"] = rounded(occupancy.until.value);
  json["tick"] = tick.value;
  Json spans = Json::array();
  std::uint32_t machine = 0;
  std::int64_t start = 0;
  for (const MachineSpan& span : occupancy.spans) {
    if (span.machine.value != machine) start = 0;
    spans.push_back(span.machine.value - machine);
    spans.push_back(ticks(span.from) - start);
    spans.push_back(ticks(span.to) - ticks(span.from));
    spans.push_back(span.job.value);
    spans.push_back(span.tasks);
    machine = span.machine.value;
    start = ticks(span.from);
  }
  json["spans"] = std::move(spans);
  return json;
}

Json prices_json(const PriceGrid& grid) {
  Json json;
  json["width"] = grid.width.value;
  json["stride"] = grid.machine_stride;
  json["rows"] = grid.rows;
  Json prices = Json::array();
  for (const float price : grid.prices) prices.push_back(rounded(price));
  json["prices"] = std::move(prices);
  return json;
}

Json latency_json(const Cells& cells) {
  Json json;
  json["p50"] = interval_json(cells, [](const auto& c) { return c.run.cost.decision_p50_ms; });
  json["p99"] = interval_json(cells, [](const auto& c) { return c.run.cost.decision_p99_ms; });
  json["max"] = interval_json(cells, [](const auto& c) { return c.run.cost.decision_max_ms; });
  json["cpu_s"] = interval_json(cells, [](const auto& c) { return c.run.cost.cpu_s; });
  return json;
}

Json policy_json(const Cells& cells, bool with_cost, bool with_details, std::size_t span_limit) {
  Json json;
  json["seeds"] = cells.size();
  json["figures"] = figures_json(cells);
  if (with_cost) json["latency"] = latency_json(cells);
  if (!with_details) return json;
  const Metrics& first = cells.front()->run.metrics;
  json["share_finished"] = rounded(static_cast<double>(first.finished) /
                                   static_cast<double>(std::max<std::uint64_t>(first.jobs, 1)));
  json["completion"] = mean_curve(cells, &CellResult::completion_s);
  json["fairness"] = mean_curve(cells, &CellResult::fairness);
  json["sizes"] = sizes_json(cells);
  json["usage"] = usage_json(cells.front()->recording);
  if (!cells.front()->recording.occupancy.spans.empty())
    json["occupancy"] = occupancy_json(cells.front()->recording.occupancy, span_limit);
  if (!cells.front()->recording.prices.prices.empty())
    json["prices"] = prices_json(cells.front()->recording.prices);
  return json;
}

Cells cells_of(const Section& section, const std::string& policy) {
  Cells cells;
  for (const CellResult& cell : section.cells)
    if (cell.run.policy == policy) cells.push_back(&cell);
  return cells;
}

}  // namespace

std::string page_data(const Comparison& comparison, bool with_cost, std::size_t span_limit) {
  std::size_t pictures = 0;
  for (const Section& section : comparison.sections)
    if (section.scale == 1) pictures += comparison.policies.size();
  const std::size_t spans_each = span_limit / std::max<std::size_t>(pictures, 1);
  Json json;
  json["version"] = comparison.version;
  json["policies"] = comparison.policies;
  json["sections"] = Json::array();
  for (const Section& section : comparison.sections) {
    const Cluster& cluster = *section.header.cluster;
    Json out;
    out["name"] = section.name;
    out["title"] = title_of(section);
    out["load"] = section.load;
    out["scale"] = section.scale;
    out["jobs"] = section.header.jobs;
    out["machines"] = cluster.machines.size();
    out["resource"] = cluster.types[primary_resource(cluster)].name;
    out["policies"] = Json::object();
    for (const std::string& policy : comparison.policies) {
      const Cells cells = cells_of(section, policy);
      if (!cells.empty())
        out["policies"][policy] = policy_json(cells, with_cost, section.scale == 1, spans_each);
    }
    json["sections"].push_back(std::move(out));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bourse
