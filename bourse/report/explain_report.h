#pragma once

#include <span>
#include <string>

#include "bourse/model/job.h"
#include "bourse/report/run_report.h"

namespace bourse {

/// The job that is explained.
struct ExplainedJob {
  JobId id{};
  const JobSpec* spec = nullptr;  ///< Outlives this.
};

/// What each policy said about one job, and what became of it, for people: when it was decided,
/// what it is worth and costs, where it runs, the best other completions. `details` has one entry
/// for each run, with what is explained.
[[nodiscard]] std::string explain_text(const ReportHeader& header, const ExplainedJob& job,
                                       std::span<const RunReport> runs,
                                       std::span<const RunDetail> details);

/// The same as JSON (docs/cli.md lists the keys), ended by a line break.
[[nodiscard]] std::string explain_json(const ReportHeader& header, const ExplainedJob& job,
                                       std::span<const RunReport> runs,
                                       std::span<const RunDetail> details);

}  // namespace bourse
