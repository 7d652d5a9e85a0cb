#include "bourse/service/throughput_fit.h"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <variant>

namespace bourse {
namespace {

bool says_where_time_goes(const ObservedSpeed& seen) {
  return seen.each.compute > Seconds(0) && seen.samples_per_second > 0 && seen.tasks.workers > 0;
}

/// What the points say of a formula, weighted by their time.
struct Fit {
  double compute = 0;        ///< Sum of tau.
  double weight = 0;         ///< Of `compute`.
  double slower = 0;         ///< Sum of the logarithms of exchange over declared exchange.
  double slower_weight = 0;  ///< Of `slower`.

  /// Of a sample on one worker: tau, the whole time, and exchange as declared.
  void add(double tau, double whole, double declared, double its_weight) {
    if (!(declared > 0)) tau = whole;
    tau = std::min(tau, whole);
    compute += tau * its_weight;
    weight += its_weight;
    if (!(whole > tau)) return;
    slower += std::log((whole - tau) / declared) * its_weight;
    slower_weight += its_weight;
  }

  template <typename Formula>
  [[nodiscard]] Formula applied_to(Formula formula) const {
    formula.compute_per_sample = Seconds(compute / weight);
    if (slower_weight <= 0) return formula;
    const double factor =
        std::clamp(std::exp(slower / slower_weight), 1 / kMostCorrection, kMostCorrection);
    formula.rate_inside = formula.rate_inside / factor;
    formula.rate_across = formula.rate_across / factor;
    if constexpr (std::is_same_v<Formula, RingThroughput>)
      formula.rate_in_rack = formula.rate_in_rack / factor;
    return formula;
  }
};

/// Workers of these that help.
template <typename Formula>
double helping(Formula formula, const ObservedSpeed& seen) {
  formula.compute_per_sample = Seconds(1);
  formula.gradient = Bytes(0);
  return samples_per_second(formula, seen.tasks, seen.locality);
}

/// Seconds of exchange of the whole job for a sample, as declared.
template <typename Formula>
double declared_exchange(Formula formula, const ObservedSpeed& seen) {
  formula.compute_per_sample = Seconds(0);
  const double speed = samples_per_second(formula, seen.tasks, seen.locality);
  return speed > 0 && std::isfinite(speed) ? 1 / speed : 0;
}

template <typename Formula>
Formula fit(const Formula& declared, std::span<const ObservedSpeed> points) {
  Fit sums;
  for (const ObservedSpeed& seen : points) {
    if (!says_where_time_goes(seen)) continue;
    const double workers = helping(declared, seen);
    if (!(workers > 0)) continue;
    sums.add(seen.each.compute.value, workers / seen.samples_per_second,
             workers * declared_exchange(declared, seen), seen.seconds);
  }
  return sums.weight > 0 ? sums.applied_to(declared) : declared;
}

template <typename Shape>
constexpr bool kIsFormula =
    std::is_same_v<Shape, ParameterServerThroughput> || std::is_same_v<Shape, RingThroughput>;

}  // namespace

double expected_speed(const ObservedSpeed& seen, int wanted) {
  if (!says_where_time_goes(seen)) return 0;
  const double now = seen.tasks.workers;
  const double whole = 1 / seen.samples_per_second;
  const double compute = std::min(seen.each.compute.value, whole * now);
  const bool is_alone = seen.tasks.servers == 0 && now == 1;
  double exchange = is_alone ? 0 : std::clamp(seen.each.exchange.value, 0.0, whole - compute / now);
  const double rest = whole - compute / now - exchange;
  if (seen.tasks.servers == 0 && !is_alone) exchange *= (wanted - 1.0) / wanted / ((now - 1) / now);
  return 1 / (compute / wanted + exchange + rest);
}

bool can_fit(const Throughput& declared, std::span<const ObservedSpeed> points) {
  const bool has_formula = std::visit(
      [](const auto& shape) { return kIsFormula<std::decay_t<decltype(shape)>>; }, declared);
  return has_formula && std::ranges::any_of(points, [&](const ObservedSpeed& seen) {
           return says_where_time_goes(seen) &&
                  samples_per_second(declared, seen.tasks, seen.locality) > 0;
         });
}

Throughput fitted(const Throughput& declared, std::span<const ObservedSpeed> points) {
  return std::visit(
      [&](const auto& shape) -> Throughput {
        if constexpr (kIsFormula<std::decay_t<decltype(shape)>>)
          return fit(shape, points);
        else
          return declared;
      },
      declared);
}

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

}  // namespace bourse
