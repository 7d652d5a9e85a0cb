#pragma once

#include <span>
#include <string>

#include "bourse/report/run_report.h"

namespace bourse {

/// Draws runs as one SVG file: how much of the primary resource each policy uses over time; for
/// each policy with prices what each resource costs over time (logarithmic); and, if the runs have
/// a bound, the share of it that each policy reaches. Curves are of the first run of a policy,
/// shares are means of its runs. `details` has one entry for each run.
[[nodiscard]] std::string runs_svg(const ReportHeader& header, std::span<const RunReport> runs,
                                   std::span<const RunDetail> details);

}  // namespace bourse
