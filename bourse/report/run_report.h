#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/model/workload.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

namespace bourse {

/// Rows or jobs left out for one reason.
struct SkippedJobs {
  std::string reason;
  std::uint64_t count = 0;
  std::string example;  ///< "line 17: duration is 0"
};

/// What all runs of one command have in common. Every result file names version and command.
struct ReportHeader {
  std::string version;
  std::string command;               ///< Normalised: what the results depend on, and nothing else.
  const Cluster* cluster = nullptr;  ///< Outlives the header.
  std::string file;                  ///< Of the workload.
  std::string format;                ///< Of that file.
  std::uint64_t jobs = 0;            ///< That take part.
  std::vector<SkippedJobs> skipped;
  std::vector<std::string> assumptions;  ///< One sentence each, without a full stop.
};

/// What differs from one execution to the next.
struct MeasuredCost {
  double decision_p50_ms = 0;
  double decision_p99_ms = 0;
  double decision_max_ms = 0;
  double cpu_s = 0;                  ///< Processor time of the thread of the run.
  std::uint64_t peak_rss_bytes = 0;  ///< Of the whole process by the end of the run.
};

/// One run: one policy with one seed.
struct RunReport {
  std::string policy;
  std::uint64_t seed = 1;
  Metrics metrics;
  MeasuredCost cost;
  /// Total utility that no scheduler can exceed on the instance of this run, if it was asked for.
  std::optional<double> bound{};

  /// Utility over bound; 1 if both are 0, nothing without a bound.
  [[nodiscard]] std::optional<double> share_of_bound() const;
};

/// What became of one job in a run, for the table of jobs.
struct JobOutcome {
  Seconds arrival{0};  ///< With jitter.
  JobRecord record;
  std::string reason;  ///< The last the policy gave; may be empty.
};

/// The parts of a run that are only kept for files.
struct RunDetail {
  std::vector<JobOutcome> jobs;                  ///< Indexed by JobId.
  std::vector<UsagePoint> usage;                 ///< By time.
  std::vector<PricePoint> prices{};              ///< By time; empty if the policy has none.
  std::vector<RecordedExplanation> explained{};  ///< Of the job asked for, by time.
};

/// The word for a status in files and texts; what is not over when a run ends is unfinished.
[[nodiscard]] std::string_view name_of(JobStatus status);

/// Nearest-rank quantiles of decision times, in milliseconds; the rest stays 0.
[[nodiscard]] MeasuredCost decision_cost(std::vector<float> decision_seconds);

/// At most `limit` (>= 2) points of the usage: the one that holds at each of as many equally
/// spaced times. Ordered by time.
[[nodiscard]] std::vector<UsagePoint> sampled(std::vector<UsagePoint> points, std::size_t limit);
[[nodiscard]] std::vector<PricePoint> sampled(std::vector<PricePoint> prices, std::size_t limit);

/// The runs as JSON (docs/cli.md lists the keys), ended by a line break. What was measured is null
/// unless `with_cost`; the rest depends on the input only. Statistics of no jobs are null.
[[nodiscard]] std::string runs_json(const ReportHeader& header, std::span<const RunReport> runs,
                                    bool with_cost);

/// One row a run, times in seconds, after a comment line with version and command.
[[nodiscard]] std::string runs_csv(const ReportHeader& header, std::span<const RunReport> runs);

/// Columns of runs_csv that are there only if a run has something to say in them.
struct OptionalColumns {
  bool bound = false;
  bool accuracy = false;  ///< Jobs that train to an accuracy.

  /// Adds those of one more run.
  void add(const RunReport& run);
};

/// The titles of the columns of runs_csv, and the fields of one row.
[[nodiscard]] std::vector<std::string> run_csv_titles(OptionalColumns columns);
[[nodiscard]] std::vector<std::string> run_csv_fields(const RunReport& run,
                                                      OptionalColumns columns);

/// Figures of several runs as people read them.
struct FigureRows {
  std::vector<std::string> titles;             ///< Of the columns, the first is "policy".
  std::vector<std::vector<std::string>> rows;  ///< One a policy, in the order of first appearance.
  std::size_t seed_count = 0;                  ///< Largest number of runs of one policy.
};

/// With several runs of a policy each figure is a mean and half its 95 % interval.
[[nodiscard]] FigureRows figure_rows(std::span<const RunReport> runs);

/// One row a policy, in the order of first appearance, after lines about cluster and workload.
/// With several seeds each figure is a mean and half its 95 % interval. At most 100 columns.
[[nodiscard]] std::string runs_table(const ReportHeader& header, std::span<const RunReport> runs);

/// One line about decision times and processor time of all runs, without a line break.
[[nodiscard]] std::string cost_line(std::span<const RunReport> runs);

/// One row for each run and job. `details` has one entry for each run; `jobs` are those of the
/// instance.
[[nodiscard]] std::string jobs_csv(const ReportHeader& header, std::span<const RunReport> runs,
                                   std::span<const RunDetail> details,
                                   std::span<const JobSpec> jobs);

/// Units of the primary resource in use, and jobs, over time: one row for each run and point.
[[nodiscard]] std::string usage_csv(const ReportHeader& header, std::span<const RunReport> runs,
                                    std::span<const RunDetail> details);

}  // namespace bourse
