#pragma once

#include <span>

#include "bourse/base/quantity.h"
#include "bourse/model/throughput.h"

namespace bourse {

/// However wrong a declared speed or rate is, it is corrected by at most this factor either way.
inline constexpr double kMostCorrection = 1e6;

/// Where the time of a sample goes, as the workers of a job measured it.
struct SampleTime {
  Seconds compute{0};   ///< Of one worker, for one sample: tau. 0: unknown.
  Seconds exchange{0};  ///< That each worker spends on exchange, for one sample of the whole job.
};

/// How fast a job was seen to be with these tasks.
struct ObservedSpeed {
  TaskCounts tasks;
  Locality locality = Locality::machine;
  double samples_per_second = 0;
  double seconds = 0;  ///< Weight: time observed, the old discounted.
  SampleTime each;
};

/// Samples a second with `wanted` workers where `seen` was observed. With n workers a sample takes
/// compute / n + exchange + the rest, which no number of workers changes. Exchange with servers
/// stays as it is; that of a ring grows with (n - 1) / n, and is unknown, taken for 0, if one
/// worker was seen. 0 if `seen` does not say where the time goes.
[[nodiscard]] double expected_speed(const ObservedSpeed& seen, int wanted);

/// The formula of parameter servers or of a ring with compute_per_sample and the rates such that it
/// agrees with what was seen: tau is the mean by time of what workers measured, what is left of the
/// time is exchange, and all rates change by the factor that it is longer than declared (geometric
/// mean). With one worker of a ring all the time is computation. Points that do not say where the
/// time goes are left out; if all are, or `declared` has another shape, it is returned as it is.
[[nodiscard]] Throughput fitted(const Throughput& declared, std::span<const ObservedSpeed> points);

/// True if fitted() can change it.
[[nodiscard]] bool can_fit(const Throughput& declared, std::span<const ObservedSpeed> points);

/// A throughput that is `factor` times as fast with any tasks. Gangs stay as they are.
[[nodiscard]] Throughput scaled(const Throughput& throughput, double factor);

}  // namespace bourse
