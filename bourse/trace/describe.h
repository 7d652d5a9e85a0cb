#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/model/workload.h"

namespace bourse {

/// Percentiles are values that occur: the smallest with at least that share at or below it.
struct Spread {
  double min = 0;
  double p50 = 0;
  double mean = 0;
  double p90 = 0;
  double p99 = 0;
  double max = 0;
};

/// Sorts the values. All fields are 0 if there are none.
[[nodiscard]] Spread spread_of(std::vector<double>& values);

/// Jobs of one size.
struct SizeShare {
  double gpus = 0;
  std::uint64_t jobs = 0;
  double gpu_hours = 0;
};

/// What a workload is like, with the requested tasks of each job on machines of speed 1.
struct Description {
  std::uint64_t jobs = 0;
  std::uint64_t without_progress = 0;  ///< Jobs that never finish so; in no duration or GPU-hours.
  Seconds first_arrival{0};
  Seconds last_arrival{0};
  double gpu_hours = 0;
  Spread gap;                                    ///< Between arrivals, seconds.
  Spread duration;                               ///< Seconds.
  Spread gpus;                                   ///< Of a job.
  std::vector<SizeShare> sizes;                  ///< By rising number of GPUs.
  std::array<std::uint64_t, 24> jobs_by_hour{};  ///< Hour of the day; the workload begins at 0:00.
};

/// The distributions of the jobs of a workload. Cost: O(jobs log jobs).
[[nodiscard]] Description describe(const Workload& workload);

/// Tables of at most 100 columns.
[[nodiscard]] std::string description_text(const Description& description);

/// One picture, as a self-contained SVG document: the distribution of durations, the GPUs of jobs,
/// and arrivals over time.
[[nodiscard]] std::string description_svg(const Workload& workload, std::string_view title);

}  // namespace bourse
