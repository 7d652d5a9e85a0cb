#pragma once

#include <optional>
#include <span>
#include <vector>

namespace bourse {

/// One way to run a job: so many GPUs of one class, at some worth.
struct SiaChoice {
  std::size_t machine_class = 0;
  int gpus = 0;
  double goodput = 0;  ///< Times the restart factor if it is a change; > 0. Any unit.
};

struct SiaProblem {
  std::vector<std::vector<SiaChoice>> jobs;  ///< Of each; none: it cannot run.
  std::vector<int> gpus;                     ///< Of each class.
  double power = -0.5;                       ///< p; below 0.
  double starving = 1.1;  ///< lambda: the cost of a job that does not run; the worst choice of
                          ///< one that does costs 1.
  double gap = 0.01;      ///< Share of the best that a solution may be worse.
};

/// The choice of each job, or none: minimises the sum of (goodput / least goodput of the job)^power
/// over jobs that run and of `starving` over those that do not, within the GPUs of the classes, by
/// CBC. Goodputs are cut at 3,000 times the least. If the solver finds nothing, nobody runs.
/// Source: Jayaram Subramanya et al., Sia, SOSP'23, and its artifact.
[[nodiscard]] std::vector<std::optional<std::size_t>> sia_choices(const SiaProblem& problem);

/// The cost of these choices.
[[nodiscard]] double sia_cost(const SiaProblem& problem,
                              std::span<const std::optional<std::size_t>> choices);

}  // namespace bourse
