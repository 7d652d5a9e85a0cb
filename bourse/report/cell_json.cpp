#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "bourse/report/cell.h"

namespace bourse {
namespace {

using PlainJson = nlohmann::json;

// Each visit_... names the fields of one struct once, for writing and for reading.

template <class Archive>
void visit(Archive& a, Distribution& d) {
  a("count", d.count);
  a("mean", d.mean);
  a("p50", d.p50);
  a("p95", d.p95);
  a("p99", d.p99);
  a("max", d.max);
}

template <class Archive>
void visit(Archive& a, Metrics& m) {
  a("jobs", m.jobs);
  a("finished", m.finished);
  a("declined", m.declined);
  a("unfinished", m.unfinished);
  a("completion", m.completion);
  a("queueing", m.queueing);
  a("executed", m.executed);
  a("fairness", m.fairness);
  a("time_to_accuracy", m.time_to_accuracy);
  a("samples_to_accuracy", m.samples_to_accuracy);
  a("makespan", m.makespan);
  a("utility", m.utility);
  a("resource_hours", m.resource_hours);
  a("utilization", m.utilization);
  a("restarts", m.restarts);
  a("decisions", m.decisions);
}

template <class Archive>
void visit(Archive& a, MeasuredCost& c) {
  a("p50", c.decision_p50_ms);
  a("p99", c.decision_p99_ms);
  a("max", c.decision_max_ms);
  a("cpu", c.cpu_s);
  a("rss", c.peak_rss_bytes);
}

template <class Archive>
void visit(Archive& a, RunReport& r) {
  a("policy", r.policy);
  a("seed", r.seed);
  a("metrics", r.metrics);
  a("cost", r.cost);
  double bound = r.bound.value_or(std::numeric_limits<double>::infinity());
  a("bound", bound);
  if (std::isfinite(bound)) r.bound = bound;
}

template <class Archive>
void visit(Archive& a, SizeClass& s) {
  a("low", s.low);
  a("high", s.high);
  a("jobs", s.jobs);
  a("finished", s.finished);
  a("wait_mean", s.wait_mean_s);
  a("wait_p95", s.wait_p95_s);
}

template <class Archive>
void visit(Archive& a, Occupancy& o) {
  a("stride", o.machine_stride);
  a("until", o.until.value);
  a("spans", o.spans);
}

template <class Archive>
void visit(Archive& a, PriceGrid& g) {
  a("width", g.width.value);
  a("stride", g.machine_stride);
  a("rows", g.rows);
  a("prices", g.prices);
}

template <class Archive>
void visit(Archive& a, Recording& r) {
  a("bin_width", r.bin_width.value);
  a("used", r.used);
  a("stranded", r.stranded);
  a("waiting", r.waiting);
  a("occupancy", r.occupancy);
  a("prices", r.prices);
}

template <class Archive>
void visit(Archive& a, CellResult& c) {
  a("run", c.run);
  a("completion_s", c.completion_s);
  a("fairness_curve", c.fairness);
  a("sizes", c.sizes);
  a("recording", c.recording);
}

/// JSON has no infinity: it is null there.
PlainJson number_json(double value) {
  return std::isfinite(value) ? PlainJson(value) : PlainJson(nullptr);
}

double number_of(const PlainJson& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

class Writer {
 public:
  template <class T>
  void operator()(const char* name, T& value) {
    json_[name] = to_json(value);
  }
  PlainJson take() { return std::move(json_); }

 private:
  template <class T>
  static PlainJson to_json(T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      return number_json(static_cast<double>(value));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return PlainJson(value);
    } else {
      Writer inner;
      visit(inner, value);
      return inner.take();
    }
  }
  template <class T>
  static PlainJson to_json(std::vector<T>& values) {
    PlainJson array = PlainJson::array();
    for (T& value : values) array.push_back(to_json(value));
    return array;
  }

  /// Many spans make most of a cell: five numbers each, without names.
  static PlainJson to_json(std::vector<MachineSpan>& spans) {
    PlainJson array = PlainJson::array();
    for (const MachineSpan& span : spans) {
      array.push_back(span.machine.value);
      array.push_back(span.job.value);
      array.push_back(span.from.value);
      array.push_back(span.to.value);
      array.push_back(span.tasks);
    }
    return array;
  }

  PlainJson json_ = PlainJson::object();
};

class Reader {
 public:
  explicit Reader(const PlainJson& json) : json_(json) {}
  template <class T>
  void operator()(const char* name, T& value) {
    from_json(json_.at(name), value);
  }

 private:
  template <class T>
  static void from_json(const PlainJson& json, T& value) {
    if constexpr (std::is_floating_point_v<T>) {
      value = static_cast<T>(number_of(json));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      value = json.get<T>();
    } else {
      Reader inner(json);
      visit(inner, value);
    }
  }
  template <class T>
  static void from_json(const PlainJson& json, std::vector<T>& values) {
    values.resize(json.size());
    for (std::size_t i = 0; i < values.size(); ++i) from_json(json.at(i), values[i]);
  }

  static void from_json(const PlainJson& json, std::vector<MachineSpan>& spans) {
    spans.resize(json.size() / 5);
    for (std::size_t i = 0; i < spans.size(); ++i)
      spans[i] = {MachineId(json.at(5 * i).get<std::uint32_t>()),
                  JobId(json.at(5 * i + 1).get<std::uint32_t>()),
                  Seconds(json.at(5 * i + 2).get<double>()),
                  Seconds(json.at(5 * i + 3).get<double>()), json.at(5 * i + 4).get<int>()};
  }

  const PlainJson& json_;
};

}  // namespace

std::string cell_json(const CellResult& cell) {
  CellResult copy = cell;
  Writer writer;
  visit(writer, copy);
  return writer.take().dump(-1, ' ', false, PlainJson::error_handler_t::replace);
}

Result<CellResult> parse_cell(std::string_view text) {
  try {
    const PlainJson json = PlainJson::parse(text);
    CellResult cell;
    Reader reader(json);
    visit(reader, cell);
    return cell;
  } catch (const PlainJson::exception& error) {
    return fail(ErrorCode::data_corrupted, error.what());
  }
}

}  // namespace bourse
