#pragma once

#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/process.h"

namespace bourse {

/// Everything one run of the benchmarks came to.
struct BenchReport {
  std::string date;
  bool quick = false;
  MachineInfo machine;
  std::string input;               ///< What sections fifo, rivals and pd-ors replay.
  std::vector<std::string> notes;  ///< What must not be overlooked, one sentence each.
  std::vector<Figure> figures;     ///< By section and case, in the order of first appearance.
};

/// One object: version, build, compiler, date, machine, input, notes, figures (median and best).
[[nodiscard]] std::string report_json(const BenchReport& report);
/// Comment lines with version and machine, then one row a figure.
[[nodiscard]] std::string report_csv(const BenchReport& report);
/// For people: a table a section, at most 100 columns.
[[nodiscard]] std::string report_table(const BenchReport& report);

}  // namespace bourse
