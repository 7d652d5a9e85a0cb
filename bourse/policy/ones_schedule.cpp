#include "bourse/policy/ones_schedule.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

namespace bourse {
namespace {

const OnesJob& at(std::span<const OnesJob> jobs, int rank) {
  return jobs[static_cast<std::size_t>(rank)];
}

int& at(std::vector<int>& gpus, int rank) { return gpus[static_cast<std::size_t>(rank)]; }

/// Most GPUs in a child or a refreshed schedule; a new job has its smallest size there.
int kept_limit(const OnesJob& job) { return std::max(job.limit_now, job.is_new ? job.least : 0); }

/// Adds an entry while its job is below its limit.
void keep(OnesSchedule& child, std::vector<int>& counts, std::span<const OnesJob> jobs, int rank) {
  const bool fits = rank != kIdle && at(counts, rank) < kept_limit(at(jobs, rank));
  child.push_back(fits ? rank : kIdle);
  if (fits) ++at(counts, rank);
}

/// Raises the job to a limit, in whole workers and at least to its smallest size.
void raise(std::vector<int>& gpus, const OnesJob& job, int rank, int limit, int& idle) {
  const int now = at(gpus, rank);
  const int most = std::min(limit, now + idle) / job.gpus_per_worker * job.gpus_per_worker;
  if (most < job.least || most <= now) return;
  idle -= most - now;
  at(gpus, rank) = most;
}

/// One candidate of a step.
struct Candidate {
  OnesSchedule schedule;
  int idle = 0;
  double score = 0;
};

/// Remembers the terms of the score by job and size.
class Scores {
 public:
  Scores(std::span<const OnesJob> jobs, const OnesSpeed& speed)
      : jobs_(jobs), speed_(speed), terms_(jobs.size()) {}

  double score(std::span<const int> gpus) {
    double sum = 0;  // by rank
    for (std::size_t rank = 0; rank < jobs_.size(); ++rank)
      if (gpus[rank] > 0 && jobs_[rank].is_predicted) sum += term(rank, gpus[rank]);
    return sum;
  }

 private:
  double term(std::size_t rank, int gpus) {
    std::vector<double>& known = terms_[rank];
    const auto n = static_cast<std::size_t>(gpus);
    if (known.size() <= n) known.resize(n + 1, -1);
    if (known[n] < 0)
      known[n] = gpus * jobs_[rank].samples_left / speed_(static_cast<int>(rank), gpus);
    return known[n];
  }

  std::span<const OnesJob> jobs_;
  const OnesSpeed& speed_;
  std::vector<std::vector<double>> terms_;
};

/// Random orders of the jobs, each with its smallest size, as many as fit.
std::vector<OnesSchedule> first_population(std::span<const OnesJob> jobs, std::size_t gpu_count,
                                           const OnesSearchOptions& options, std::uint64_t step) {
  std::vector<OnesSchedule> population;
  for (int k = 0; k < options.population; ++k) {
    RandomStream draws(options.seed, Purpose::search, step, static_cast<std::uint32_t>(1000 + k));
    std::vector<int> order(jobs.size());
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(
          order[i - 1],
          order[static_cast<std::size_t>(draws.integer(0, static_cast<std::int64_t>(i) - 1))]);
    OnesSchedule schedule;
    for (const int rank : order)
      if (schedule.size() + static_cast<std::size_t>(at(jobs, rank).least) <= gpu_count)
        schedule.insert(schedule.end(), static_cast<std::size_t>(at(jobs, rank).least), rank);
    schedule.resize(gpu_count, kIdle);
    population.push_back(std::move(schedule));
  }
  return population;
}

struct Block {
  int rank = 0;
  int begin = 0;  ///< First GPU in the current schedule.
  int gpus = 0;
};

/// Puts waiting blocks, the largest first, into the free GPUs from `begin` to `end`.
void fill_gap(OnesSchedule& schedule, std::vector<Block>& waiting, int begin, int end) {
  for (auto block = waiting.begin(); block != waiting.end() && begin < end;) {
    if (block->gpus > end - begin) {
      ++block;
      continue;
    }
    std::fill_n(schedule.begin() + begin, block->gpus, block->rank);
    begin += block->gpus;
    block = waiting.erase(block);
  }
}

}  // namespace

std::vector<int> gpus_of(const OnesSchedule& schedule, std::size_t job_count) {
  std::vector<int> gpus(job_count, 0);
  for (const int rank : schedule)
    if (rank != kIdle) ++at(gpus, rank);
  return gpus;
}

OnesSchedule refreshed(const OnesSchedule& schedule, std::span<const OnesJob> jobs) {
  OnesSchedule kept;
  std::vector<int> counts(jobs.size(), 0);
  for (const int rank : schedule) keep(kept, counts, jobs, rank);
  return kept;
}

std::pair<OnesSchedule, OnesSchedule> crossed(const OnesSchedule& a, const OnesSchedule& b,
                                              std::span<const OnesJob> jobs, double swap_share,
                                              RandomStream& draws) {
  std::pair<OnesSchedule, OnesSchedule> children;
  std::vector<int> first(jobs.size(), 0);
  std::vector<int> second(jobs.size(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool is_swapped = draws.uniform() < swap_share;
    keep(children.first, first, jobs, is_swapped ? b[i] : a[i]);
    keep(children.second, second, jobs, is_swapped ? a[i] : b[i]);
  }
  return children;
}

OnesSchedule mutated(const OnesSchedule& schedule, std::span<const OnesJob> jobs,
                     double pause_share, RandomStream& draws) {
  std::vector<char> is_paused(jobs.size(), 0);
  for (std::size_t rank = 0; rank < jobs.size(); ++rank)
    is_paused[rank] = !jobs[rank].is_new && draws.uniform() < pause_share ? 1 : 0;
  OnesSchedule out = schedule;
  for (int& rank : out)
    if (rank != kIdle && is_paused[static_cast<std::size_t>(rank)] != 0) rank = kIdle;
  return out;
}

std::vector<int> padded(std::vector<int> gpus, std::span<const OnesJob> jobs,
                        std::span<const int> order, int gpu_count) {
  int idle = gpu_count;
  for (std::size_t rank = 0; rank < jobs.size(); ++rank) {
    const OnesJob& job = jobs[rank];
    gpus[rank] = gpus[rank] / job.gpus_per_worker * job.gpus_per_worker;
    if (gpus[rank] < job.least) gpus[rank] = 0;
    idle -= gpus[rank];
  }
  for (std::size_t rank = 0; rank < jobs.size(); ++rank)
    if (jobs[rank].is_new && gpus[rank] == 0)
      raise(gpus, jobs[rank], static_cast<int>(rank), jobs[rank].least, idle);
  for (const int rank : order) raise(gpus, at(jobs, rank), rank, at(jobs, rank).limit_now, idle);
  for (const int rank : order) raise(gpus, at(jobs, rank), rank, at(jobs, rank).limit, idle);
  return gpus;
}

std::vector<int> shortest_first(std::span<const OnesJob> jobs, const OnesSpeed& speed) {
  std::vector<int> order;
  std::vector<double> time(jobs.size(), 0);
  for (std::size_t rank = 0; rank < jobs.size(); ++rank) {
    if (!jobs[rank].is_predicted) continue;
    order.push_back(static_cast<int>(rank));
    time[rank] = jobs[rank].samples_left / speed(static_cast<int>(rank), jobs[rank].least);
  }
  std::ranges::stable_sort(order, {}, [&](int r) { return time[static_cast<std::size_t>(r)]; });
  return order;
}

OnesSchedule reordered(const OnesSchedule& current, std::span<const int> gpus) {
  std::vector<Block> staying;
  std::vector<Block> waiting;
  std::vector<char> is_seen(gpus.size(), 0);
  int left = 0;  // GPUs of all jobs that are not placed yet
  for (std::size_t i = 0; i < current.size(); ++i) {
    const int rank = current[i];
    if (rank == kIdle || is_seen[static_cast<std::size_t>(rank)] != 0) continue;
    is_seen[static_cast<std::size_t>(rank)] = 1;
    const int count = gpus[static_cast<std::size_t>(rank)];
    if (count > 0) staying.push_back({rank, static_cast<int>(i), count});
  }
  for (std::size_t rank = 0; rank < gpus.size(); ++rank) {
    left += gpus[rank];
    if (gpus[rank] > 0 && is_seen[rank] == 0)
      waiting.push_back({static_cast<int>(rank), 0, gpus[rank]});
  }
  std::ranges::stable_sort(waiting, std::greater<>(), &Block::gpus);
  OnesSchedule out(current.size(), kIdle);
  const int gpu_count = static_cast<int>(current.size());
  int next = 0;
  for (const Block& block : staying) {
    // What is still to come must find room behind this job.
    const int begin = std::clamp(block.begin, next, std::max(next, gpu_count - left));
    const auto waits = [&] {
      return std::accumulate(waiting.begin(), waiting.end(), 0,
                             [](int sum, const Block& b) { return sum + b.gpus; });
    };
    const int before = waits();
    fill_gap(out, waiting, next, begin);
    left -= before - waits();
    std::fill_n(out.begin() + begin, block.gpus, block.rank);
    left -= block.gpus;
    next = begin + block.gpus;
  }
  fill_gap(out, waiting, next, gpu_count);
  return out;
}

int moves_between(const OnesSchedule& from, const OnesSchedule& to) {
  int moves = 0;
  for (std::size_t i = 0; i < from.size(); ++i)
    if (from[i] != kIdle && from[i] != to[i]) ++moves;
  return moves;
}

double sruf_score(std::span<const int> gpus, std::span<const OnesJob> jobs,
                  const OnesSpeed& speed) {
  return Scores(jobs, speed).score(gpus);
}

void evolve(std::vector<OnesSchedule>& population, const OnesSchedule& current,
            std::span<const OnesJob> jobs, const OnesSpeed& speed, const OnesSearchOptions& options,
            std::uint64_t step) {
  if (population.empty()) population = first_population(jobs, current.size(), options, step);
  std::vector<OnesSchedule> all;
  for (const OnesSchedule& each : population) all.push_back(refreshed(each, jobs));
  const auto parents = static_cast<std::int64_t>(all.size());
  for (std::int64_t k = 0; k + 1 < parents; k += 2) {
    RandomStream draws(options.seed, Purpose::search, step, static_cast<std::uint32_t>(k));
    const std::int64_t a = draws.integer(0, parents - 1);
    const std::int64_t b = (a + draws.integer(1, parents - 1)) % parents;
    auto [first, second] =
        crossed(all[static_cast<std::size_t>(a)], all[static_cast<std::size_t>(b)], jobs,
                options.swap_share, draws);
    all.push_back(std::move(first));
    all.push_back(std::move(second));
  }
  for (std::int64_t k = 0; k < parents; ++k) {
    RandomStream draws(options.seed, Purpose::search, step, static_cast<std::uint32_t>(500 + k));
    all.push_back(mutated(all[static_cast<std::size_t>(k)], jobs, options.pause_share, draws));
  }
  const std::vector<int> order = shortest_first(jobs, speed);
  const int gpu_count = static_cast<int>(current.size());
  Scores scores(jobs, speed);
  std::vector<Candidate> candidates;
  for (const OnesSchedule& each : all) {
    const std::vector<int> gpus = padded(gpus_of(each, jobs.size()), jobs, order, gpu_count);
    const int used = std::accumulate(gpus.begin(), gpus.end(), 0);
    candidates.push_back({reordered(current, gpus), gpu_count - used, scores.score(gpus)});
  }
  std::ranges::stable_sort(candidates, {},
                           [](const Candidate& c) { return std::tuple(c.idle, c.score); });
  candidates.resize(std::min(candidates.size(), static_cast<std::size_t>(options.population)));
  population.clear();
  for (Candidate& candidate : candidates) population.push_back(std::move(candidate.schedule));
}

}  // namespace bourse
