#include "bourse/policy/sia_program.h"

#include <algorithm>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/solver/linear_program.h"

namespace bourse {
namespace {

constexpr double kMostGain = 3000;

double least_goodput(const std::vector<SiaChoice>& choices) {
  return std::ranges::min(choices, {}, &SiaChoice::goodput).goodput;
}

double cost_of(const SiaProblem& problem, const SiaChoice& choice, double least) {
  return std::pow(std::min(choice.goodput / least, kMostGain), problem.power);
}

}  // namespace

double sia_cost(const SiaProblem& problem, std::span<const std::optional<std::size_t>> choices) {
  double cost = 0;
  for (std::size_t j = 0; j < problem.jobs.size(); ++j)
    cost += choices[j]
                ? cost_of(problem, problem.jobs[j][*choices[j]], least_goodput(problem.jobs[j]))
                : problem.starving;
  return cost;
}

std::vector<std::optional<std::size_t>> sia_choices(const SiaProblem& problem) {
  std::vector<std::optional<std::size_t>> chosen(problem.jobs.size());
  LinearProgram program;
  std::vector<LinearRow> room(problem.gpus.size());
  for (std::size_t k = 0; k < room.size(); ++k) room[k].upper = problem.gpus[k];
  for (const std::vector<SiaChoice>& choices : problem.jobs) {
    if (choices.empty()) continue;
    LinearRow at_most_one{.upper = 1};
    const double least = least_goodput(choices);
    for (const SiaChoice& choice : choices) {
      const std::size_t column =
          program.add_column({.cost = cost_of(problem, choice, least) - problem.starving,
                              .upper = 1,
                              .integer = true});
      at_most_one.entries.push_back({column, 1});
      room[choice.machine_class].entries.push_back({column, static_cast<double>(choice.gpus)});
    }
    program.add_row(std::move(at_most_one));
  }
  if (program.columns.empty()) return chosen;
  for (LinearRow& row : room) program.add_row(std::move(row));
  const auto solved = make_cbc_solver({.gap = problem.gap, .node_limit = 2000})->solve(program);
  if (!solved || !solved->has_solution()) return chosen;
  std::size_t column = 0;
  for (std::size_t j = 0; j < problem.jobs.size(); ++j)
    for (std::size_t c = 0; c < problem.jobs[j].size(); ++c)
      if (solved->solution.values[column++] > 0.5) chosen[j] = c;
  return chosen;
}

}  // namespace bourse
