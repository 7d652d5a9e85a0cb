#include "bourse/service/observed_speeds.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <type_traits>
#include <variant>

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

/// However wrong a declared speed is, it is corrected by at most this factor either way.
constexpr double kMostCorrection = 1e6;

/// The factor with this logarithm.
double limited(double logarithm) {
  return std::clamp(std::exp(logarithm), 1 / kMostCorrection, kMostCorrection);
}

/// A weighted mean.
struct Mean {
  double sum = 0;
  double weight = 0;

  void add(double value, double its_weight) {
    sum += value * its_weight;
    weight += its_weight;
  }
  [[nodiscard]] double value() const { return sum / weight; }
};

auto key_of(const ObservedSpeeds::Point& point) {
  return std::tuple(point.locality, point.tasks.workers, point.tasks.servers);
}

bool is_five_numbers(const Json& one) {
  return one.is_array() && one.size() == 5 &&
         std::ranges::all_of(one, [](const Json& n) { return n.is_number(); });
}

void put_point(TableThroughput& table, const ObservedSpeeds::Point& seen) {
  for (TableThroughput::Point& point : table.points)
    if (point.workers == seen.tasks.workers && point.servers == seen.tasks.servers &&
        point.locality == seen.locality) {
      point.samples_per_second = seen.samples_per_second;
      return;
    }
  table.points.push_back(
      {seen.tasks.workers, seen.tasks.servers, seen.locality, seen.samples_per_second});
}

}  // namespace

Throughput scaled(const Throughput& throughput, double factor) {
  Throughput result = throughput;
  std::visit(
      [factor](auto& shape) {
        using Shape = std::decay_t<decltype(shape)>;
        if constexpr (std::is_same_v<Shape, TableThroughput>) {
          for (TableThroughput::Point& point : shape.points) point.samples_per_second *= factor;
        } else if constexpr (std::is_same_v<Shape, AdaptiveThroughput>) {
          for (Seconds* time :
               {&shape.step_fixed, &shape.step_per_sample, &shape.sync_inside,
                &shape.sync_inside_per_worker, &shape.sync_across, &shape.sync_across_per_worker})
            *time = *time / factor;
        } else if constexpr (!std::is_same_v<Shape, RigidThroughput>) {
          shape.compute_per_sample = shape.compute_per_sample / factor;
          shape.rate_inside = shape.rate_inside * factor;
          shape.rate_across = shape.rate_across * factor;
          if constexpr (std::is_same_v<Shape, RingThroughput>)
            shape.rate_in_rack = shape.rate_in_rack * factor;
        }
      },
      result);
  return result;
}

void ObservedSpeeds::observe(TaskCounts tasks, Locality locality, double samples, Seconds time) {
  // A job of which all members were told to end may report once more.
  if (time <= Seconds(0) || samples < 0 || tasks.workers < 1) return;
  Point seen{tasks, locality, samples / time.value, time.value};
  const auto at = std::ranges::lower_bound(points_, key_of(seen), {}, key_of);
  if (at == points_.end() || key_of(*at) != key_of(seen)) {
    points_.insert(at, seen);
    return;
  }
  const double old = at->seconds * std::exp2(-(time / kHalfTime));
  at->samples_per_second = (at->samples_per_second * old + samples) / (old + time.value);
  at->seconds = old + time.value;
}

double ObservedSpeeds::speed_of(TaskCounts tasks, Locality locality) const {
  const auto at = std::ranges::find_if(points_, [&](const Point& point) {
    return point.tasks == tasks && point.locality == locality;
  });
  return at == points_.end() ? 0 : at->samples_per_second;
}

void ObservedSpeeds::compare(TaskCounts tasks, double predicted, double samples, Seconds time,
                             Seconds slot) {
  if (time <= Seconds(0) || samples < 0 || tasks.workers < 1) return;
  const bool goes_on = !stretches_.empty() && stretches_.back().tasks == tasks &&
                       stretches_.back().seconds < slot.value;
  if (!goes_on) {
    if (stretches_.size() == kMostStretches) stretches_.erase(stretches_.begin());
    stretches_.push_back({.tasks = tasks, .predicted = predicted});
  }
  stretches_.back().samples += samples;
  stretches_.back().seconds += time.value;
}

double ObservedSpeeds::factor_over(const Throughput& declared) const {
  Mean logarithm;
  for (const Point& point : points_) {
    const double expected = samples_per_second(declared, point.tasks, point.locality);
    if (expected <= 0 || point.samples_per_second <= 0) continue;
    logarithm.add(std::log(point.samples_per_second / expected), point.seconds);
  }
  return logarithm.weight > 0 ? limited(logarithm.value()) : 1;
}

double ObservedSpeeds::factor_at(const Throughput& declared,
                                 const TableThroughput::Point& wanted) const {
  // What was seen of tasks as near to each other says most.
  const bool is_seen = std::ranges::any_of(
      points_, [&](const Point& point) { return point.locality == wanted.locality; });
  std::map<double, Mean> by_size;  // Logarithms, of workers and of observed over declared.
  for (const Point& point : points_) {
    const double expected = samples_per_second(declared, point.tasks, point.locality);
    if (expected <= 0 || point.samples_per_second <= 0) continue;
    if (is_seen && point.locality != wanted.locality) continue;
    by_size[std::log(point.tasks.workers)].add(std::log(point.samples_per_second / expected),
                                               point.seconds);
  }
  if (by_size.empty()) return 1;
  const double size = std::log(wanted.workers);
  const auto above = by_size.lower_bound(size);
  if (above == by_size.begin()) return limited(above->second.value());
  const auto below = std::prev(above);
  if (above != by_size.end()) {
    const double share = (size - below->first) / (above->first - below->first);
    return limited(std::lerp(below->second.value(), above->second.value(), share));
  }
  if (below == by_size.begin()) return limited(below->second.value());
  const auto before = std::prev(below);
  const double slope =
      (below->second.value() - before->second.value()) / (below->first - before->first);
  return limited(below->second.value() + std::clamp(slope, -1.0, 0.0) * (size - below->first));
}

Throughput ObservedSpeeds::correct(const Throughput& declared) const {
  if (is_rigid(declared) || points_.empty()) return declared;
  const auto* const table = std::get_if<TableThroughput>(&declared);
  if (table == nullptr) return scaled(declared, factor_over(declared));
  TableThroughput corrected = *table;
  for (TableThroughput::Point& point : corrected.points)
    point.samples_per_second *= factor_at(declared, point);
  for (const Point& point : points_)
    if (point.samples_per_second > 0) put_point(corrected, point);
  return corrected;
}

std::string ObservedSpeeds::text() const {
  Json points = Json::array();
  for (const Point& point : points_)
    points.push_back({point.tasks.workers, point.tasks.servers, static_cast<int>(point.locality),
                      point.samples_per_second, point.seconds});
  Json stretches = Json::array();
  for (const Stretch& stretch : stretches_)
    stretches.push_back({stretch.tasks.workers, stretch.tasks.servers, stretch.predicted,
                         stretch.samples, stretch.seconds});
  return Json{{"points", points}, {"stretches", stretches}}.dump();
}

ObservedSpeeds ObservedSpeeds::parse(std::string_view text) {
  ObservedSpeeds speeds;
  const Json all = Json::parse(text, nullptr, false);
  // A text of an earlier version is the array of the points.
  const Json points = all.is_object() ? all.value("points", Json::array()) : all;
  const Json stretches = all.is_object() ? all.value("stretches", Json::array()) : Json::array();
  for (const Json& one : points) {
    if (!is_five_numbers(one) || one[0].get<int>() < 1 || one[2].get<int>() < 0 ||
        one[2].get<int>() > 2)
      continue;
    speeds.points_.push_back({{one[0].get<int>(), one[1].get<int>()},
                              static_cast<Locality>(one[2].get<int>()),
                              one[3].get<double>(),
                              one[4].get<double>()});
  }
  std::ranges::sort(speeds.points_, {}, key_of);
  for (const Json& one : stretches)
    if (is_five_numbers(one))
      speeds.stretches_.push_back({.tasks = {one[0].get<int>(), one[1].get<int>()},
                                   .predicted = one[2].get<double>(),
                                   .samples = one[3].get<double>(),
                                   .seconds = one[4].get<double>()});
  return speeds;
}

}  // namespace bourse
