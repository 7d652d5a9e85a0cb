#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/report/run_report.h"
#include "bourse/simulation/recorder.h"

namespace bourse {

/// Points of a quantile curve: the quantiles 0, 0.5 %, 1 %, ... 100 % (nearest rank).
inline constexpr std::size_t kCurvePoints = 201;

/// Quantiles of the values at kCurvePoints equally spaced probabilities; empty for no values.
[[nodiscard]] std::vector<double> quantile_curve(std::vector<double> values);

/// Jobs that request about as much: (low, high] units of the primary resource.
struct SizeClass {
  double low = 0;
  double high = 0;  ///< A power of two, but for the last class, which has no end: infinite.
  std::uint64_t jobs = 0;
  std::uint64_t finished = 0;
  double wait_mean_s = 0;  ///< Of finished jobs, as Metrics::queueing.
  double wait_p95_s = 0;
};

/// All that is kept of one run of a comparison: one policy, one workload, one seed.
struct CellResult {
  RunReport run;
  std::vector<double> completion_s;  ///< Quantile curve of finished jobs.
  std::vector<double> fairness;      ///< The same of finish-time fairness.
  std::vector<SizeClass> sizes;      ///< Classes with a job, by size: up to 1, 2, 4, ... 64, more.
  Recording recording;
};

/// Puts together what a run came to. `jobs` is indexed as instance.jobs.
[[nodiscard]] CellResult cell_of(const Instance& instance, const RunReport& run,
                                 const std::vector<JobOutcome>& jobs, Recording recording);

/// The cell as JSON in one line, without a line break. All numbers are exact.
[[nodiscard]] std::string cell_json(const CellResult& cell);

/// Reads what cell_json wrote. Errors: data_corrupted if it is anything else.
[[nodiscard]] Result<CellResult> parse_cell(std::string_view text);

}  // namespace bourse
