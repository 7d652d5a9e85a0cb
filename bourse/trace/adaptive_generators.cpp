#include "bourse/trace/adaptive_generators.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/trace/adaptive_models.h"

namespace bourse {
namespace {

constexpr std::string_view kTuned =
    "1: requests are 50 to 80 % efficient, with the best batch; 0: as users make them";
constexpr std::string_view kTables =
    "1: tables with the best batch of each size, for policies that leave batches alone";

constexpr std::array<OptionRow<OnesWorkloadOptions>, 6> kOnesRows{{
    {"machines", &OnesWorkloadOptions::machines, OptionUnit::count, 1, 10000,
     "machines, all alike"},
    {"gpus-per-machine", &OnesWorkloadOptions::gpus_per_machine, OptionUnit::count, 1, 64,
     "GPUs of a machine"},
    {"jobs", &OnesWorkloadOptions::jobs, OptionUnit::count, 1, 100000, "jobs"},
    {"interarrival", &OnesWorkloadOptions::interarrival, OptionUnit::seconds, 0.001, 1e6,
     "mean time between two arrivals"},
    {"tuned", &OnesWorkloadOptions::tuned, OptionUnit::count, 0, 1, kTuned},
    {"tables", &OnesWorkloadOptions::tables, OptionUnit::count, 0, 1, kTables},
}};

constexpr std::array<OptionRow<PolluxLikeOptions>, 6> kPolluxRows{{
    {"machines", &PolluxLikeOptions::machines, OptionUnit::count, 1, 10000, "machines, all alike"},
    {"gpus-per-machine", &PolluxLikeOptions::gpus_per_machine, OptionUnit::count, 1, 64,
     "GPUs of a machine"},
    {"jobs", &PolluxLikeOptions::jobs, OptionUnit::count, 1, 100000, "jobs"},
    {"hours", &PolluxLikeOptions::hours, OptionUnit::number, 0.01, 1e5,
     "hours over which jobs arrive, with a peak halfway"},
    {"tuned", &PolluxLikeOptions::tuned, OptionUnit::count, 0, 1, kTuned},
    {"tables", &PolluxLikeOptions::tables, OptionUnit::count, 0, 1, kTables},
}};

/// Arrivals in each eighth of the time, over those in the first.
constexpr std::array<double, 8> kEighths{1, 1.5, 2.25, 3, 2.25, 1.75, 1.5, 1.25};

/// Sizes that users request, and how often.
constexpr std::array<std::pair<int, double>, 5> kUntunedSizes{
    {{1, .70}, {2, .08}, {4, .10}, {8, .08}, {16, .04}}};

struct Settings {
  int gpus = 64;
  int per_machine = 4;
  bool is_tuned = false;
  bool has_tables = false;
};

Workload empty_workload(double machines, double gpus_per_machine) {
  Cluster cluster;
  BOURSE_CHECK(cluster.types.add("gpu", ResourceKind::count).has_value());
  cluster.classes.push_back(
      {.name = "machine", .capacity = {static_cast<Amount>(gpus_per_machine) * kAmountsPerUnit}});
  cluster.machines.resize(static_cast<std::size_t>(machines));
  Workload workload;
  workload.types = cluster.types;
  workload.cluster = std::move(cluster);
  return workload;
}

/// One of the sizes whose speed at the best batch is 50 to 80 % of as many single workers.
int tuned_size(const AdaptiveThroughput& law, const Settings& settings, RandomStream& draws) {
  const Throughput job = law;
  const auto best = [&](int n) {
    const Locality locality = n <= settings.per_machine ? Locality::machine : Locality::cluster;
    return best_samples_per_second(job, {n, 0}, locality);
  };
  std::vector<int> sizes;
  const double alone = best(1);
  for (int n = 1; n <= std::min(law.max_workers, settings.gpus); ++n)
    if (const double share = best(n) / (n * alone); share >= 0.5 && share <= 0.8)
      sizes.push_back(n);
  if (sizes.empty()) return 1;
  return sizes[static_cast<std::size_t>(
      draws.integer(0, static_cast<std::int64_t>(sizes.size()) - 1))];
}

/// What a user asks for who does not tune.
struct Request {
  int workers;
  int batch;
};

/// Adds the job, which needs these epochs with the batch of the request. That is what it asks for
/// unless requests are tuned.
void add_job(Workload& workload, const AdaptiveModel& model, AdaptiveThroughput law, double epochs,
             Seconds arrival, Request request, const Settings& settings, RandomStream& draws) {
  law.max_workers = 64;
  law.requested_batch = std::clamp(request.batch, law.base_batch, largest_batch(law));
  const double worth = statistical_efficiency(law, law.requested_batch);
  JobSpec& job = workload.jobs.emplace_back();
  job.requested_workers = std::min(request.workers, settings.gpus);
  if (settings.is_tuned) {
    job.requested_workers = tuned_size(law, settings, draws);
    law.requested_batch =
        best_batch(law, job.requested_workers, job.requested_workers > settings.per_machine, 1);
  }
  job.name = fmt::format("{}-{}", model.name, workload.jobs.size() - 1);
  job.group = std::string(model.name);
  job.arrival = arrival;
  job.samples = epochs * law.epoch_samples * worth;
  job.worker = {kAmountsPerUnit};
  job.server = {0};
  job.restart_cost = Seconds(model.restart_s);
  job.throughput = settings.has_tables ? with_best_batches(law) : Throughput(law);
}

/// Each index of `count` models as often as any other, in random order.
std::vector<std::size_t> shuffled_models(std::size_t jobs, std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(jobs);
  for (std::size_t i = 0; i < jobs; ++i) order[i] = i % (2 * count);
  RandomStream draws(seed, Purpose::job_shape, jobs, 1);
  for (std::size_t i = jobs; i > 1; --i)
    std::swap(order[i - 1],
              order[static_cast<std::size_t>(draws.integer(0, static_cast<std::int64_t>(i) - 1))]);
  return order;
}

/// The instant, as a share of the time, by which this share of the jobs has arrived.
double instant_of(double share) {
  double left = share * std::accumulate(kEighths.begin(), kEighths.end(), 0.0);
  std::size_t eighth = 0;
  while (eighth + 1 < kEighths.size() && left > kEighths[eighth]) left -= kEighths[eighth++];
  return (static_cast<double>(eighth) + left / kEighths[eighth]) / kEighths.size();
}

}  // namespace

std::span<const OptionRow<OnesWorkloadOptions>> ones_workload_option_rows() { return kOnesRows; }
std::span<const OptionRow<PolluxLikeOptions>> pollux_like_option_rows() { return kPolluxRows; }

Result<Workload> generate_ones_workload(const OnesWorkloadOptions& o, std::uint64_t seed) {
  Workload workload = empty_workload(o.machines, o.gpus_per_machine);
  const Settings settings{static_cast<int>(o.machines * o.gpus_per_machine),
                          static_cast<int>(o.gpus_per_machine), o.tuned > 0, o.tables > 0};
  double now = 0;
  for (const std::size_t pair :
       shuffled_models(static_cast<std::size_t>(o.jobs), kOnesModels.size(), seed)) {
    const std::size_t i = workload.jobs.size();
    const AdaptiveModel& model = kOnesModels[pair / 2];
    RandomStream draws(seed, Purpose::job_shape, i);
    AdaptiveThroughput law = model.law;
    const bool is_small = pair % 2 == 0;
    if (is_small) law.epoch_samples *= model.small_share;
    const double epochs = (is_small ? model.small_epochs : model.epochs) * draws.uniform(0.7, 1.3);
    now += RandomStream(seed, Purpose::arrival, i).exponential(o.interarrival);
    add_job(workload, model, law, epochs, Seconds(now),
            {model.requested_gpus, law.base_batch * model.requested_gpus}, settings, draws);
  }
  return workload;
}

Result<Workload> generate_pollux_like(const PolluxLikeOptions& o, std::uint64_t seed) {
  Workload workload = empty_workload(o.machines, o.gpus_per_machine);
  const Settings settings{static_cast<int>(o.machines * o.gpus_per_machine),
                          static_cast<int>(o.gpus_per_machine), o.tuned > 0, o.tables > 0};
  std::vector<double> shares;
  for (std::size_t i = 0; i < static_cast<std::size_t>(o.jobs); ++i)
    shares.push_back(RandomStream(seed, Purpose::arrival, i).uniform());
  std::ranges::sort(shares);
  for (const double share : shares) {
    const std::size_t i = workload.jobs.size();
    RandomStream draws(seed, Purpose::job_shape, i);
    double at = draws.uniform();
    std::size_t model = 0;
    while (model + 1 < kPolluxModels.size() && at >= kPolluxModels[model].share)
      at -= kPolluxModels[model++].share;
    at = draws.uniform();
    std::size_t size = 0;
    while (size + 1 < kUntunedSizes.size() && at >= kUntunedSizes[size].second)
      at -= kUntunedSizes[size++].second;
    const AdaptiveModel& chosen = kPolluxModels[model];
    add_job(workload, chosen, chosen.law, chosen.epochs,
            Seconds(instant_of(share) * o.hours * 3600),
            {kUntunedSizes[size].first, chosen.law.base_batch}, settings, draws);
  }
  return workload;
}

}  // namespace bourse
