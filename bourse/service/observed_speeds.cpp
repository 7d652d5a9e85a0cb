#include "bourse/service/observed_speeds.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <variant>

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

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

bool are_numbers(const Json& all, std::size_t count) {
  return all.is_array() && all.size() == count &&
         std::ranges::all_of(all, [](const Json& n) { return n.is_number(); });
}

constexpr std::size_t kPlain = 5;      ///< Numbers of a point or a stretch.
constexpr std::size_t kWithTimes = 7;  ///< The same, of a point that says where the time goes.

std::optional<ObservedSpeed> read_point(const Json& one) {
  if (!are_numbers(one, kPlain) && !are_numbers(one, kWithTimes)) return std::nullopt;
  if (one[0].get<int>() < 1 || one[2].get<int>() < 0 || one[2].get<int>() > 2) return std::nullopt;
  ObservedSpeed point{.tasks = {one[0].get<int>(), one[1].get<int>()},
                      .locality = static_cast<Locality>(one[2].get<int>()),
                      .samples_per_second = one[3].get<double>(),
                      .seconds = one[4].get<double>(),
                      .each = {}};
  if (one.size() == kWithTimes)
    point.each = {.compute = Seconds(one[5].get<double>()),
                  .exchange = Seconds(one[6].get<double>())};
  return point;
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

void ObservedSpeeds::observe(TaskCounts tasks, Locality locality, double samples, Seconds time,
                             const SampleTime& each, Seconds slot) {
  // A job of which all members were told to end may report once more.
  if (time <= Seconds(0) || samples < 0 || tasks.workers < 1) return;
  const Point seen{tasks, locality, samples / time.value, time.value, each};
  const auto at = std::ranges::lower_bound(points_, key_of(seen), {}, key_of);
  if (at == points_.end() || key_of(*at) != key_of(seen)) {
    points_.insert(at, seen);
    return;
  }
  const double old = at->seconds * std::exp2(-(time / std::min(slot, kMostHalfTime)));
  const double share = time.value / (old + time.value);
  const auto towards = [share](double& mean, double value) { mean += share * (value - mean); };
  towards(at->samples_per_second, seen.samples_per_second);
  at->seconds = old + time.value;
  if (each.compute <= Seconds(0)) return;
  if (at->each.compute <= Seconds(0)) at->each = each;
  towards(at->each.compute.value, each.compute.value);
  towards(at->each.exchange.value, each.exchange.value);
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

/// Of a size of a table that was not seen.
double ObservedSpeeds::speed_at(const Throughput& declared,
                                const TableThroughput::Point& wanted) const {
  const double by_factor = wanted.samples_per_second * factor_at(declared, wanted);
  // Where no smaller or no larger size was seen, the nearest one says where its time goes.
  const Point* below = nullptr;
  const Point* above = nullptr;
  for (const Point& point : points_) {
    if (point.locality != wanted.locality) continue;
    if (point.tasks.workers <= wanted.workers) below = &point;
    if (point.tasks.workers >= wanted.workers && above == nullptr) above = &point;
  }
  if ((below == nullptr) == (above == nullptr)) return by_factor;
  const double expected = expected_speed(below == nullptr ? *above : *below, wanted.workers);
  if (expected <= 0) return by_factor;
  return below == nullptr ? expected : std::min(expected, by_factor);
}

Throughput ObservedSpeeds::correct(const Throughput& declared) const {
  if (is_rigid(declared) || points_.empty()) return declared;
  const auto* const table = std::get_if<TableThroughput>(&declared);
  if (table == nullptr)
    return can_fit(declared, points_) ? fitted(declared, points_)
                                      : scaled(declared, factor_over(declared));
  TableThroughput corrected = *table;
  for (TableThroughput::Point& point : corrected.points)
    point.samples_per_second = speed_at(declared, point);
  for (const Point& point : points_)
    if (point.samples_per_second > 0) put_point(corrected, point);
  return corrected;
}

std::string ObservedSpeeds::text() const {
  Json points = Json::array();
  for (const Point& point : points_) {
    Json one = {point.tasks.workers, point.tasks.servers, static_cast<int>(point.locality),
                point.samples_per_second, point.seconds};
    if (point.each.compute > Seconds(0)) {
      one.push_back(point.each.compute.value);
      one.push_back(point.each.exchange.value);
    }
    points.push_back(one);
  }
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
  for (const Json& one : points)
    if (const auto point = read_point(one)) speeds.points_.push_back(*point);
  std::ranges::sort(speeds.points_, {}, key_of);
  for (const Json& one : stretches)
    if (are_numbers(one, kPlain))
      speeds.stretches_.push_back({.tasks = {one[0].get<int>(), one[1].get<int>()},
                                   .predicted = one[2].get<double>(),
                                   .samples = one[3].get<double>(),
                                   .seconds = one[4].get<double>()});
  return speeds;
}

}  // namespace bourse
