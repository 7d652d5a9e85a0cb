#include "bourse/policy/pollux_search.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "bourse/base/random.h"

namespace bourse {
namespace {

constexpr int kMostMachines = 16;
constexpr double kReset = 0.1;
constexpr double kThin = 0.1;
constexpr double kThinned = 0.1;  ///< Share of the entries of a row that thinning clears.
constexpr double kFloor = 1e-3;

struct Row {
  int gpus = 0;
  int machines = 0;
};

Row row_of(const PolluxProblem& problem, const PolluxPlan& plan, std::size_t job) {
  Row row;
  const std::size_t width = problem.machines.size();
  for (std::size_t m = 0; m < width; ++m) {
    const int gpus = plan[job * width + m];
    row.gpus += gpus;
    row.machines += gpus > 0 ? 1 : 0;
  }
  return row;
}

/// Remembers speedups by job, GPUs and spread.
class Fitness {
 public:
  explicit Fitness(const PolluxProblem& problem)
      : problem_(problem), known_(problem.jobs.size()), values_(problem.jobs.size()) {}

  double of(const PolluxPlan& plan) {
    const auto width = static_cast<std::ptrdiff_t>(problem_.machines.size());
    for (std::size_t j = 0; j < problem_.jobs.size(); ++j) {
      const auto begin = plan.begin() + static_cast<std::ptrdiff_t>(j) * width;
      const auto held = problem_.current.begin() + static_cast<std::ptrdiff_t>(j) * width;
      const bool is_kept = std::equal(begin, begin + width, held);
      const Row row = row_of(problem_, plan, j);
      const double counted = is_kept ? 1 : problem_.jobs[j].kept;
      values_[j] = problem_.jobs[j].weight * counted * speedup(j, row) + kFloor;
    }
    return power_mean(values_, problem_.power);
  }

 private:
  double speedup(std::size_t job, Row row) {
    if (row.gpus == 0) return 0;
    const std::size_t at = 2 * static_cast<std::size_t>(row.gpus) + (row.machines > 1 ? 1 : 0);
    std::vector<double>& known = known_[job];
    if (known.size() <= at) known.resize(at + 1, -1);
    if (known[at] < 0) known[at] = problem_.speedup(job, row.gpus, row.machines > 1);
    return known[at];
  }

  const PolluxProblem& problem_;
  std::vector<std::vector<double>> known_;
  std::vector<double> values_;
};

/// GPUs that no job has, by machine; negative where jobs have too many.
std::vector<int> free_of(const PolluxProblem& problem, const PolluxPlan& plan) {
  std::vector<int> free = problem.machines;
  for (std::size_t i = 0; i < plan.size(); ++i) free[i % free.size()] -= plan[i];
  return free;
}

void mutate(const PolluxProblem& problem, PolluxPlan& plan, RandomStream& draws) {
  const std::size_t width = problem.machines.size();
  for (std::size_t j = 0; j < problem.jobs.size(); ++j) {
    const auto at = static_cast<std::ptrdiff_t>(j * width);
    const double what = draws.uniform();
    if (what < kReset)
      std::copy_n(problem.current.begin() + at, width, plan.begin() + at);
    else if (what < kReset + kThin)
      for (std::size_t m = 0; m < width; ++m)
        if (draws.uniform() < kThinned) plan[j * width + m] = 0;
  }
  // Raises one entry of each of a few jobs by some of what is free there.
  std::vector<int> free = free_of(problem, plan);
  const auto jobs = static_cast<std::int64_t>(problem.jobs.size());
  const std::int64_t raises = 1 + jobs / 8;
  for (std::int64_t i = 0; i < raises; ++i) {
    const auto j = static_cast<std::size_t>(draws.integer(0, jobs - 1));
    const auto m = static_cast<std::size_t>(draws.integer(0, static_cast<std::int64_t>(width) - 1));
    if (free[m] <= 0) continue;
    const int more = draws.uniform() < 0.5 ? 1 : static_cast<int>(draws.integer(1, free[m]));
    plan[j * width + m] = static_cast<std::int16_t>(plan[j * width + m] + more);
    free[m] -= more;
  }
}

/// The current plan with the smallest size for every job that has nothing, on the first machine
/// with room, in order of jobs.
PolluxPlan with_everybody(const PolluxProblem& problem) {
  PolluxPlan plan = problem.current;
  std::vector<int> free = free_of(problem, plan);
  for (std::size_t j = 0; j < problem.jobs.size(); ++j) {
    if (row_of(problem, plan, j).gpus > 0) continue;
    const int least = problem.jobs[j].least;
    const auto room = std::ranges::find_if(free, [&](int gpus) { return gpus >= least; });
    if (room == free.end()) continue;
    *room -= least;
    plan[j * free.size() + static_cast<std::size_t>(room - free.begin())] =
        static_cast<std::int16_t>(least);
  }
  return plan;
}

}  // namespace

double power_mean(std::span<const double> values, double power) {
  double sum = 0;
  for (const double v : values)
    sum += power == -1 ? 1 / v : power == 0 ? std::log(v) : std::pow(v, power);
  const double mean = sum / static_cast<double>(values.size());
  if (power == 0) return std::exp(mean);
  return power == -1 ? 1 / mean : std::pow(mean, 1 / power);
}

double restart_factor(double age_s, double restarts, double cost_s) {
  return age_s + cost_s > 0 ? std::max(age_s - restarts * cost_s, 0.0) / (age_s + cost_s) : 0;
}

double pollux_fitness(const PolluxProblem& problem, const PolluxPlan& plan) {
  return Fitness(problem).of(plan);
}

void repair(const PolluxProblem& problem, PolluxPlan& plan) {
  const std::size_t width = problem.machines.size();
  std::vector<int> free = problem.machines;
  std::vector<char> has_spread(width, 0);
  for (std::size_t j = 0; j < problem.jobs.size(); ++j) {
    const PolluxJob& job = problem.jobs[j];
    std::int16_t* row = plan.data() + j * width;
    const bool is_spread = row_of(problem, plan, j).machines > 1;
    int left = job.most;
    int machines = 0;
    int gpus = 0;
    for (std::size_t m = 0; m < width; ++m) {
      if (row[m] <= 0) continue;
      int most = std::min({static_cast<int>(row[m]), free[m], left});
      if ((is_spread && has_spread[m] != 0) || machines >= kMostMachines) most = 0;
      most -= most % job.gpus_per_worker;
      row[m] = static_cast<std::int16_t>(most);
      left -= most;
      gpus += most;
      machines += most > 0 ? 1 : 0;
    }
    if (gpus < job.least) std::fill_n(row, width, std::int16_t{0});
    for (std::size_t m = 0; m < width; ++m) {
      free[m] -= row[m];
      if (machines > 1 && row[m] > 0) has_spread[m] = 1;
    }
  }
}

PolluxPlan pollux_search(const PolluxProblem& problem, const PolluxSearchOptions& options,
                         std::vector<PolluxPlan>& population) {
  struct Scored {
    PolluxPlan plan;
    double fitness = 0;
  };
  Fitness fitness(problem);
  const std::size_t width = problem.machines.size();
  const auto size = static_cast<std::size_t>(options.population);
  std::vector<Scored> scored;
  const auto add = [&](PolluxPlan plan) {
    repair(problem, plan);
    const double value = fitness.of(plan);
    scored.push_back({std::move(plan), value});
  };
  add(problem.current);
  add(with_everybody(problem));
  for (PolluxPlan& plan : population)
    if (scored.size() < size) add(std::move(plan));
  const std::size_t started = scored.size();
  for (std::size_t k = 0; scored.size() < size; ++k) {
    RandomStream draws(options.seed, Purpose::search, options.round, static_cast<std::uint32_t>(k));
    PolluxPlan plan = scored[k % started].plan;
    mutate(problem, plan, draws);
    add(std::move(plan));
  }
  const auto jobs = static_cast<std::int64_t>(problem.jobs.size());
  for (int generation = 1; generation <= options.generations; ++generation) {
    const auto parents = static_cast<std::int64_t>(scored.size());
    for (std::int64_t k = 0; k < parents; ++k) {
      RandomStream draws(options.seed, Purpose::search, options.round,
                         static_cast<std::uint32_t>(std::int64_t{generation} * 1000 + k));
      PolluxPlan plan = scored[static_cast<std::size_t>(draws.integer(0, parents - 1))].plan;
      const auto& other = scored[static_cast<std::size_t>(draws.integer(0, parents - 1))].plan;
      const auto cut =
          static_cast<std::ptrdiff_t>(draws.integer(0, jobs)) * static_cast<std::ptrdiff_t>(width);
      std::copy(other.begin() + cut, other.end(), plan.begin() + cut);
      mutate(problem, plan, draws);
      add(std::move(plan));
    }
    std::ranges::stable_sort(scored, std::greater<>(), &Scored::fitness);
    scored.resize(size);
  }
  population.clear();
  for (const Scored& each : scored) population.push_back(each.plan);
  return scored.front().plan;
}

}  // namespace bourse
