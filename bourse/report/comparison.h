#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/report/cell.h"

namespace bourse {

/// A run that came to nothing.
struct FailedRun {
  std::string policy;
  std::uint64_t seed = 1;
  std::string message;  ///< One sentence, without a full stop.
};

/// All runs on one workload at one load and size.
struct Section {
  std::string name;  ///< Of the workload, unique together with load and scale.
  double load = 1;   ///< Arrivals are this much faster than the workload says.
  int scale = 1;     ///< Machines and jobs are this many times as many; > 1: for latency only.
  ReportHeader header;
  std::vector<CellResult> cells;  ///< By policy as given, then seed; failed ones are missing.
  std::vector<FailedRun> failed;
};

/// All that one `bourse compare` found.
struct Comparison {
  std::string version;
  std::string command;
  std::vector<std::string> policies;  ///< As given.
  std::vector<Section> sections;      ///< By workload as given, then scale, then load.
};

/// The script of the page and its style, as built from web/report.
struct PageBundle {
  std::string_view script;  ///< Empty: the page has no pictures.
  std::string_view style;
};

/// One sentence: which policy has the lowest mean completion time, of those that finish the most
/// jobs, and which earns the most, each against the next best. A difference whose 95 % interval
/// over the seeds (paired) covers 0 is called so. Empty if nothing finished.
[[nodiscard]] std::string finding_of(const Section& section);

/// One sentence over all workloads at their first load.
[[nodiscard]] std::string finding_of(const Comparison& comparison);

/// Tables of at most 100 columns: one for each section, and one of decision times by cluster size
/// if there are several and `with_cost`.
[[nodiscard]] std::string comparison_table(const Comparison& comparison, bool with_cost);

/// One row a run: workload, load and scale, then the columns of runs_csv.
[[nodiscard]] std::string comparison_csv(const Comparison& comparison);

/// Every section as runs_json writes it, with name, load, scale, finding and failed runs.
[[nodiscard]] std::string comparison_json(const Comparison& comparison, bool with_cost);

/// What the script of the page draws, as JSON; docs/report.md explains it. At most a few megabytes:
/// series are cut to 128 bins, and the spans of all occupancies together to `span_limit`.
[[nodiscard]] std::string page_data(const Comparison& comparison, bool with_cost,
                                    std::size_t span_limit = 160'000);

/// One HTML file that needs nothing else: summary and tables as text, pictures by the script.
[[nodiscard]] std::string comparison_page(const Comparison& comparison, const PageBundle& bundle,
                                          bool with_cost);

/// The runs of a section.
[[nodiscard]] std::vector<RunReport> runs_of(const Section& section);

/// "philly, load 1.5": the name of a section, with what is not 1.
[[nodiscard]] std::string title_of(const Section& section);

}  // namespace bourse
