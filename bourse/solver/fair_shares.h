#pragma once

#include <cstddef>
#include <vector>

#include "bourse/solver/linear_program.h"

namespace bourse {

/// What a job needs at level t: a rate of work / (span / t - age), or its fastest if that is less
/// or the denominator is not positive. With age 0 that is t * work / span.
struct ShareNeed {
  double work = 1;  ///< > 0.
  double span = 1;  ///< > 0.
  double age = 0;   ///< >= 0.
};

/// Jobs that share machine types in time. A job can be on one type at a time.
struct ShareProblem {
  std::size_t types = 0;         ///< At least one.
  std::vector<ShareNeed> needs;  ///< One a job.
  std::vector<double> rate;  ///< Job-major: progress per time on a type; 0: it cannot run there.
  std::vector<double> load;  ///< Job-major: share of the type's capacity it takes there; > 0.

  [[nodiscard]] std::size_t job_count() const { return needs.size(); }
};

struct Shares {
  std::vector<double> time;  ///< Job-major: share of its time on each type, in sum at most 1.
  double level = 0;          ///< t; infinite if every job has its fastest rate.
};

/// The largest level t at which every job can have what it needs (ShareNeed), and shares that give
/// it: sum over jobs of load x time is at most 1 on each type. A job that cannot run at all gets
/// nothing and hinders nobody. So a job that is as fast as it can be does not hold back the others.
///
/// Exact up to 1e-7 of the level, by duality. At prices p of the types, each job has a cheapest mix
/// of at most two types in closed form; the largest level t(p) that costs no more than the prices
/// of all types together is an upper bound, and the cheapest mixes at the least bound so far are
/// the columns of a small linear program, which mixes them into shares or names the next prices.
/// Source: Gavel's heterogeneity-aware max-min fairness (Narayanan et al., OSDI'20) with the jobs
/// taken out of the program by column generation (Dantzig and Wolfe, 1960).
/// Cost: O(jobs x types^2) a price; about twenty prices for three types.
[[nodiscard]] Shares fair_shares(const ShareProblem& problem);

/// The same for needs of age 0 as one linear program over all shares, where the level is that of
/// the job which is worst off: the smaller of fair_shares' and of what the slowest job can reach.
/// Columns are the shares, job-major, then the level. For tests and comparisons of speed.
[[nodiscard]] LinearProgram share_program(const ShareProblem& problem);

}  // namespace bourse
