#include <fmt/core.h>

#include <string>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/base/random.h"
#include "bourse/solver/fair_shares.h"

// Policies with queues, slices, rounds and deadlines; and one decision of Gavel's shares.
namespace bourse {
namespace {

/// Jobs of 1 to 8 GPUs on three types of different speed, with half as many GPUs as are asked for.
ShareProblem three_types(int jobs) {
  constexpr std::size_t kTypes = 3;
  ShareProblem problem{.types = kTypes};
  const double gpus_of_a_type = jobs * 3.75 / 2 / kTypes;
  for (int job = 0; job < jobs; ++job) {
    RandomStream random(1, Purpose::job_shape, static_cast<std::uint64_t>(job));
    const auto gpus = static_cast<double>(1 << random.integer(0, 3));
    const double speeds[kTypes] = {1, random.uniform(1.2, 3), random.uniform(2, 9)};
    problem.needs.push_back({.work = (speeds[0] + speeds[1] + speeds[2]) / kTypes / gpus});
    for (const double speed : speeds) {
      problem.rate.push_back(speed);
      problem.load.push_back(gpus / gpus_of_a_type);
    }
  }
  return problem;
}

Result<std::vector<Sample>> decide_shares(const Setup& setup, int jobs) {
  const ShareProblem problem = three_types(jobs);
  std::vector<Sample> samples;
  for (int i = 0; i < setup.repeats; ++i) {
    const double before = thread_cpu_seconds();
    const Shares shares = fair_shares(problem);
    samples.push_back({"decision", "ms", Better::lower, (thread_cpu_seconds() - before) * 1000});
    samples.push_back({"level", "", Better::neither, shares.level});
  }
  return samples;
}

}  // namespace

void add_round_cases(std::vector<Case>& cases) {
  for (const std::string cluster : {"256x8", "80x8"})
    for (const std::string policy :
         {"tiresias", "gandiva", "gavel", "edf", "elasticflow", "easy-backfill"})
      cases.push_back({.section = "rounds",
                       .name = fmt::format("{} {}", policy, cluster),
                       .run = [policy, cluster](const Setup& setup) {
                         return replay_samples(setup, policy, cluster);
                       }});
  for (const int jobs : {2048, 8192})
    cases.push_back({.section = "rounds",
                     .name = fmt::format("shares {}", jobs),
                     .run = [jobs](const Setup& setup) { return decide_shares(setup, jobs); }});
}

}  // namespace bourse
