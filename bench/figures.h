#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// Which direction of a figure is the better one; `neither` for counts that only describe.
enum class Better : std::uint8_t { higher, lower, neither };

/// One value of one figure, as measured once.
struct Sample {
  std::string metric;  ///< "simulation".
  std::string unit;    ///< "jobs/cpu-s".
  Better better = Better::neither;
  double value = 0;
};

/// What a case is run with.
struct Setup {
  std::string trace;    ///< A canonical trace, packed by gzip.
  std::string program;  ///< Path of the program `bourse`.
  int repeats = 5;      ///< Times that a case measures itself within its process; >= 1.
};

/// Something to measure, in a process of its own.
struct Case {
  std::string section;
  std::string name;   ///< Unique within its section.
  bool once = false;  ///< Its values do not differ from one run to the next.
  int rounds = 5;     ///< Most of them; fewer where a run takes long.
  std::function<Result<std::vector<Sample>>(const Setup&)> run;
};

/// All values of one figure.
struct Figure {
  std::string section;
  std::string name;  ///< Of the case.
  std::string metric;
  std::string unit;
  Better better = Better::neither;
  std::vector<double> values;    ///< At least one.
  std::optional<double> target;  ///< At least this if higher is better, else below this.
};

/// Nearest-rank median.
[[nodiscard]] double median_of(std::vector<double> values);
/// The best value; the median if neither direction is better.
[[nodiscard]] double best_of(const Figure& figure);
/// Whether the median reaches the target. Requires a target.
[[nodiscard]] bool is_met(const Figure& figure);

/// The samples as text, one a line, and back. Names hold no tab and no line break.
[[nodiscard]] std::string samples_text(const std::vector<Sample>& samples);
/// Errors: internal if the text was not written by samples_text.
[[nodiscard]] Result<std::vector<Sample>> parse_samples(std::string_view text);

/// The cases of each section, in the order in which they are shown.
void add_fifo_cases(std::vector<Case>& cases);
void add_rival_cases(std::vector<Case>& cases);
void add_policies_cases(std::vector<Case>& cases);
void add_round_cases(std::vector<Case>& cases);
void add_pd_ors_cases(std::vector<Case>& cases);
void add_solver_cases(std::vector<Case>& cases);
void add_bound_cases(std::vector<Case>& cases);
void add_core_cases(std::vector<Case>& cases);
void add_elastic_cases(std::vector<Case>& cases);
void add_quality_cases(std::vector<Case>& cases);
void add_service_cases(std::vector<Case>& cases);

}  // namespace bourse
