#include "bourse/trace/philly_like.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/trace/philly_fit.h"
#include "bourse/trace/utility_rule.h"

namespace bourse {
namespace {

using Options = PhillyLikeOptions;
constexpr double kMostPhillyJobs = 1e6;

constexpr std::array<OptionRow<Options>, 7> kPhillyLikeRows{{
    {"machines", &Options::machines, OptionUnit::count, 1, kMaxMachines, "machines, all alike"},
    {"gpus-per-machine", &Options::gpus_per_machine, OptionUnit::count, 1, 1024,
     "GPUs of a machine"},
    {"days", &Options::days, OptionUnit::number, 0.01, 3650, "days over which jobs arrive"},
    {"load", &Options::load, OptionUnit::number, 0.001, 100,
     "GPU time offered over GPU time there is"},
    {"jobs", &Options::jobs, OptionUnit::count, 0, kMostPhillyJobs,
     "jobs; 0: as many as the load needs"},
    {"max-gpus", &Options::max_gpus, OptionUnit::count, 1, 1024,
     "GPUs of a job, most; larger jobs are cut to it"},
    {"max-duration", &Options::max_duration, OptionUnit::seconds, 1, 1e9,
     "duration of a job, longest; longer jobs are cut to it"},
}};

using Quantiles = std::array<double, philly_fit::kProbabilities.size()>;

/// The value at a uniform draw: between known quantiles along a line, in the logarithm of 1 +
/// value.
double draw_from(const Quantiles& quantiles, double uniform) {
  const auto& known = philly_fit::kProbabilities;
  const auto above = std::ranges::upper_bound(known, uniform) - known.begin();
  const auto high = std::min(static_cast<std::size_t>(above), known.size() - 1);
  const double share = (uniform - known[high - 1]) / (known[high] - known[high - 1]);
  return std::expm1(std::lerp(std::log1p(quantiles[high - 1]), std::log1p(quantiles[high]), share));
}

double draw_size(bool sweep, double uniform) {
  const auto& shares = sweep ? philly_fit::kSweepSizes : philly_fit::kCalmSizes;
  std::size_t at = 0;
  while (at + 1 < shares.size() && uniform >= shares[at]) uniform -= shares[at++];
  return shares[at] > 0 ? philly_fit::kSizes[at] : philly_fit::kSizes[0];
}

struct Draw {
  int gpus = 1;
  double duration = 0;  ///< Seconds.
  double gap = 0;       ///< To the next job, seconds before scaling.
};

Draw draw_job(const PhillyLikeOptions& options, RandomStream stream, bool sweep) {
  Draw draw;
  const double most = std::min(options.max_gpus, options.machines * options.gpus_per_machine);
  const double size = draw_size(sweep, stream.uniform());
  draw.gpus = static_cast<int>(std::min(size, most));
  const auto& durations = size > 1 ? philly_fit::kGangDurations
                          : sweep  ? philly_fit::kSweepDurations
                                   : philly_fit::kCalmDurations;
  draw.duration = std::min(draw_from(durations, stream.uniform()), options.max_duration);
  draw.gap = draw_from(sweep ? philly_fit::kSweepGaps : philly_fit::kCalmGaps, stream.uniform());
  // The trace knows whole seconds only; no two jobs of ours should arrive at once for that reason.
  if (draw.gap < 1) draw.gap = stream.uniform();
  return draw;
}

Result<std::vector<Draw>> draw_jobs(const PhillyLikeOptions& o, std::uint64_t seed) {
  const double wanted = o.load * o.machines * o.gpus_per_machine * o.days * 86400;
  std::vector<Draw> draws;
  double offered = 0;
  bool sweep = false;
  while (o.jobs > 0 ? static_cast<double>(draws.size()) < o.jobs : offered < wanted) {
    const std::size_t i = draws.size();
    // Ten thousand jobs tell how many the load needs; do not draw them all to find out.
    const bool hopeless =
        i == 10'000 && o.jobs == 0 && wanted / offered > 2 * kMostPhillyJobs / 10'000;
    if (hopeless || i >= static_cast<std::size_t>(kMostPhillyJobs))
      return invalid(
          "these options need more than 1000000 jobs; ask for less load, fewer machines or fewer "
          "days");
    draws.push_back(draw_job(o, RandomStream(seed, Purpose::job_shape, i), sweep));
    offered += draws.back().gpus * draws.back().duration;
    const double change = RandomStream(seed, Purpose::arrival, i).uniform();
    if (change < (sweep ? philly_fit::kSweepEnd : philly_fit::kSweepStart)) sweep = !sweep;
  }
  return draws;
}

/// Turns shares of all arrivals into instants, with the rate of each hour of the day. Shares must
/// not fall from call to call.
class HourClock {
 public:
  explicit HourClock(double days) : hours_(days * 24) {
    for (double hour = 0; hour < hours_; ++hour) total_ += weight(hour);
  }

  double instant(double share) {
    const double target = share * total_;
    while (hour_ + 1 < hours_ && passed_ + weight(hour_) < target) passed_ += weight(hour_++);
    const double factor = philly_fit::kHourFactors[static_cast<std::size_t>(hour_) % 24];
    return std::min(hour_ + (target - passed_) / factor, hours_) * 3600;
  }

 private:
  /// Arrivals of the hour, cut short at the end.
  [[nodiscard]] double weight(double hour) const {
    return philly_fit::kHourFactors[static_cast<std::size_t>(hour) % 24] *
           std::min(1.0, hours_ - hour);
  }

  double hours_;
  double total_ = 0;
  double hour_ = 0;
  double passed_ = 0;
};

Cluster equal_machines(const PhillyLikeOptions& o) {
  Cluster cluster;
  BOURSE_CHECK(cluster.types.add("gpu", ResourceKind::count).has_value());
  const auto gpus = static_cast<Amount>(o.gpus_per_machine);
  cluster.classes.push_back({.name = "machine", .capacity = {gpus * kAmountsPerUnit}});
  cluster.machines.resize(static_cast<std::size_t>(o.machines));
  return cluster;
}

}  // namespace

std::span<const OptionRow<PhillyLikeOptions>> philly_like_option_rows() { return kPhillyLikeRows; }

Result<Workload> generate_philly_like(const PhillyLikeOptions& options, std::uint64_t seed) {
  BOURSE_TRY(const std::vector<Draw> draws, draw_jobs(options, seed));
  Workload workload;
  workload.cluster = equal_machines(options);
  workload.types = workload.cluster->types;
  double gaps = 0;
  for (const Draw& draw : draws) gaps += draw.gap;
  HourClock clock(options.days);
  double passed = 0;
  for (const Draw& draw : draws) {
    JobSpec& job = workload.jobs.emplace_back();
    job.name = fmt::format("job-{}", workload.jobs.size() - 1);
    job.arrival = Seconds(clock.instant(gaps > 0 ? passed / gaps : 0));
    job.samples = draw.duration;
    job.worker = {kAmountsPerUnit};
    job.server = {0};
    job.throughput = RigidThroughput{.workers = draw.gpus};
    job.requested_workers = draw.gpus;
    passed += draw.gap;
  }
  BOURSE_TRY_VOID(assign_utilities(workload, seed));
  return workload;
}

}  // namespace bourse
