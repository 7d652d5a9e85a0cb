#include "bourse/trace/generator.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "bourse/trace/paper.h"
#include "bourse/trace/philly_like.h"
#include "bourse/trace/utility_rule.h"
#include "tests/support/trace_files.h"

namespace bourse {
namespace {

/// Everything of a job that a generator draws, as text.
std::string text_of(const Workload& workload) {
  std::string out;
  for (const JobSpec& job : workload.jobs) {
    out += fmt::format("{} {} {} {} {}", job.name, job.arrival.value, job.samples,
                       job.requested_workers, job.requested_servers);
    for (const Amount amount : job.worker) out += fmt::format(" {}", amount);
    for (const Amount amount : job.server) out += fmt::format(" {}", amount);
    for (const double slots : {0.0, 1.0, 5.0, 20.0})
      out += fmt::format(" {}", utility_at(job.utility, Seconds(slots * 3600)));
    out += '\n';
  }
  return out;
}

Workload made(std::string_view generator, const std::vector<std::string>& settings,
              std::uint64_t seed = 7) {
  auto workload = generate(generator, settings, seed);
  EXPECT_TRUE(workload) << workload.error().message;
  return workload ? *std::move(workload) : Workload{};
}

std::string error_with(std::string_view generator, const std::vector<std::string>& settings) {
  const auto workload = generate(generator, settings, 1);
  return workload ? "" : workload.error().message;
}

TEST(Generate, GivesTheSameForTheSameSeedOnly) {
  for (const std::string_view name : {"paper", "philly-like"}) {
    const std::vector<std::string> settings{"jobs=40"};
    EXPECT_EQ(text_of(made(name, settings, 3)), text_of(made(name, settings, 3)));
    EXPECT_NE(text_of(made(name, settings, 3)), text_of(made(name, settings, 4)));
  }
}

TEST(Generate, SaysWhatIsWrongWithASetting) {
  EXPECT_EQ(error_with("papre", {}), "unknown generator 'papre'; did you mean 'paper'?");
  EXPECT_EQ(error_with("paper", {"machine=3"}),
            "generator 'paper' has no option 'machine'; did you mean 'machines'?");
  EXPECT_EQ(error_with("paper", {"machines"}), "setting 'machines': must have the form name=value");
  EXPECT_EQ(error_with("paper", {"machines=0"}), "option 'machines': '0' is not from 1 to 1000000");
  EXPECT_EQ(error_with("paper", {"machines=2.5"}),
            "option 'machines': '2.5' is not a whole number");
  EXPECT_EQ(error_with("paper", {"machines=nan"}).substr(0, 19), "option 'machines': ");
  EXPECT_EQ(error_with("paper", {"slot=5parsec"}).substr(0, 15), "option 'slot': ");
  EXPECT_EQ(error_with("paper", {"gamma-min=20"}),
            "option 'gamma-min' is 20, above option 'gamma-max', which is 10");
  EXPECT_EQ(error_with("paper", {"rate-across-max=200Gbit/s"}),
            "option 'rate-across-max' must be at most option 'rate-inside-min'");
  EXPECT_EQ(error_with("paper", {"share-critical=0.95"}),
            "options 'share-insensitive' and 'share-critical' exceed 1 in sum");
  EXPECT_EQ(error_with("paper", {"machines=1000000", "worker-memory-max=100000", "capacity=10000"}),
            "the cluster is larger than can be counted; lower option 'machines', 'capacity' or the "
            "demands");
  EXPECT_EQ(error_with("philly-like", {"machines=1000000", "days=3650"}),
            "these options need more than 1000000 jobs; ask for less load, fewer machines or fewer "
            "days");
}

TEST(Generate, ListsEveryOptionWithADefaultInItsRange) {
  for (const GeneratorInfo& generator : generators()) {
    EXPECT_FALSE(generator.options.empty());
    for (const OptionInfo& option : generator.options) {
      EXPECT_LE(option.lowest, option.standard) << option.name;
      EXPECT_GE(option.highest, option.standard) << option.name;
      EXPECT_FALSE(option.what.empty()) << option.name;
      // The default is what the option is without a setting: setting it changes nothing.
      const std::string setting =
          fmt::format("{}={}", option.name, option_text(option.unit, option.standard));
      const std::vector<std::string> few{generator.name == "paper" ? "machines=100" : "machines=1"};
      std::vector<std::string> more = few;
      if (option.name != "machines") more.push_back(setting);
      EXPECT_EQ(text_of(made(generator.name, more)), text_of(made(generator.name, few))) << setting;
    }
  }
}

TEST(PaperGenerator, HasTheClusterAndHorizonOfThePaper) {
  const Workload workload = made("paper", {"machines=100", "jobs=50", "slots=20"});
  ASSERT_TRUE(workload.cluster);
  EXPECT_EQ(workload.cluster->machines.size(), 100U);
  EXPECT_EQ(workload.horizon, Seconds(20 * 3600));
  EXPECT_EQ(workload.slot, Seconds(3600));
  // 18 times the mean demand: 2 GPUs of a worker, 5.5 CPUs, 17 GiB and 7.5 GiB of either task.
  EXPECT_EQ(workload.cluster->capacity(MachineId(0U))[0], 36 * 1000);
  EXPECT_EQ(workload.cluster->capacity(MachineId(0U))[1], 99 * 1000);
  EXPECT_EQ(workload.cluster->capacity(MachineId(0U))[2], 306 * 1024 * 1000);
  EXPECT_EQ(workload.cluster->capacity(MachineId(0U))[3], 135 * 1024 * 1000);
  EXPECT_EQ(workload.cluster->types, workload.types);
}

TEST(PaperGenerator, SharesOutTheKindsOfUtility) {
  const Workload workload = made("paper", {"jobs=4000", "slots=80"});
  int insensitive = 0;
  int critical = 0;
  for (const JobSpec& job : workload.jobs) {
    const double theta2 = std::get<SigmoidUtility>(job.utility).steepness * 3600;
    insensitive += theta2 == 0 ? 1 : 0;
    critical += theta2 >= 4 ? 1 : 0;
    EXPECT_TRUE(theta2 == 0 || (theta2 >= 0.01 && theta2 <= 1) || (theta2 >= 4 && theta2 <= 6.01));
  }
  // Standard deviations of the shares are below 0.8 %.
  EXPECT_NEAR(insensitive / 4000.0, 0.10, 0.03);
  EXPECT_NEAR(critical / 4000.0, 0.35, 0.03);
}

RC_GTEST_PROP(PaperGenerator, KeepsToItsRanges, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto workload = generate_paper({}, seed);
  RC_ASSERT(workload.has_value());
  RC_ASSERT(workload->jobs.size() == 50U);
  Seconds last{0};
  for (const JobSpec& job : workload->jobs) {
    RC_ASSERT(validate(job).has_value());
    RC_ASSERT(job.arrival >= last);
    last = job.arrival;
    RC_ASSERT(job.arrival < workload->horizon);
    RC_ASSERT(std::fmod(job.arrival.value, 3600) == 0);
    RC_ASSERT(job.samples >= 50 * 20'000.0 && job.samples <= 200 * 500'000.0);
    const auto& speed = std::get<ParameterServerThroughput>(job.throughput);
    RC_ASSERT(speed.compute_per_sample.value >= 1e-5 * 3600 * (1 - 1e-12));
    RC_ASSERT(speed.compute_per_sample.value <= 1e-4 * 3600 * (1 + 1e-12));
    RC_ASSERT(speed.global_batch >= 1 && speed.global_batch <= 200);
    RC_ASSERT(job.requested_workers <= std::min(30, speed.global_batch));
    RC_ASSERT(job.requested_servers == servers_for(job.throughput, job.requested_workers));
    RC_ASSERT(job.worker[0] >= 0 && job.worker[0] <= 4000);
    RC_ASSERT(job.worker[1] >= 1000 && job.worker[1] <= 10000);
    RC_ASSERT(job.server[0] == 0);
  }
}

RC_GTEST_PROP(PhillyLikeGenerator, FillsTheDaysInOrder, ()) {
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const PhillyLikeOptions options{.machines = 4, .days = *rc::gen::inRange(1, 9) / 4.0};
  const auto workload = generate_philly_like(options, seed);
  RC_ASSERT(workload.has_value());
  Seconds last{0};
  double offered = 0;
  double before_last = 0;
  for (const JobSpec& job : workload->jobs) {
    RC_ASSERT(validate(job).has_value());
    RC_ASSERT(job.arrival >= last);
    last = job.arrival;
    RC_ASSERT(job.requested_workers >= 1 && job.requested_workers <= 32);
    RC_ASSERT(job.samples > 0 && job.samples <= 86400 * (1 + 1e-9));
    before_last = offered;
    offered += job.samples * job.requested_workers;
  }
  RC_ASSERT(last.value <= options.days * 86400);
  // Jobs are added until the load is reached: the last one crosses the mark.
  const double wanted = 4 * 8 * options.days * 86400;
  RC_ASSERT(before_last < wanted);
  RC_ASSERT(offered >= wanted * (1 - 1e-9));
}

/// Largest difference between the distribution functions of two samples (Kolmogorov-Smirnov).
double distance(std::vector<double> a, std::vector<double> b) {
  std::ranges::sort(a);
  std::ranges::sort(b);
  double most = 0;
  std::size_t j = 0;
  for (std::size_t i = 0; i < a.size();) {
    const double x = std::min(a[i], j < b.size() ? b[j] : a[i]);
    while (i < a.size() && a[i] <= x) ++i;
    while (j < b.size() && b[j] <= x) ++j;
    most = std::max(most, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                   static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return most;
}

std::vector<double> durations_of(const Workload& workload) {
  std::vector<double> out;
  for (const JobSpec& job : workload.jobs) out.push_back(job.samples);
  return out;
}

/// Between arrivals rounded down to whole seconds, as the trace has them.
std::vector<double> gaps_of(const Workload& workload) {
  std::vector<double> out;
  for (std::size_t i = 1; i < workload.jobs.size(); ++i)
    out.push_back(std::floor(workload.jobs[i].arrival.value) -
                  std::floor(workload.jobs[i - 1].arrival.value));
  return out;
}

double share_of_size(const Workload& workload, int gpus) {
  const auto count = std::ranges::count(workload.jobs, gpus, &JobSpec::requested_workers);
  return static_cast<double>(count) / static_cast<double>(workload.jobs.size());
}

// The figures of docs/traces.md, "philly-like".
TEST(PhillyLikeGenerator, IsAsCloseToTheSliceAsDocumented) {
  const std::string path = shared_trace("philly-10000.csv.gz");
  if (path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  const auto slice = read_trace_file(path);
  ASSERT_TRUE(slice);
  double durations = 0;
  double gaps = 0;
  double ones = 0;
  double eights = 0;
  constexpr int kSeeds = 3;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const auto ours =
        generate_philly_like({.days = 117.15 / 24, .jobs = 10'000, .max_duration = 1e9}, seed);
    ASSERT_TRUE(ours);
    durations += distance(durations_of(*ours), durations_of(slice->workload)) / kSeeds;
    gaps += distance(gaps_of(*ours), gaps_of(slice->workload)) / kSeeds;
    ones += share_of_size(*ours, 1) / kSeeds;
    eights += share_of_size(*ours, 8) / kSeeds;
  }
  RecordProperty("ks_durations", fmt::format("{:.4f}", durations));
  RecordProperty("ks_gaps", fmt::format("{:.4f}", gaps));
  EXPECT_LT(durations, 0.05);
  EXPECT_LT(gaps, 0.10);
  EXPECT_NEAR(ones, share_of_size(slice->workload, 1), 0.015);
  EXPECT_NEAR(eights, share_of_size(slice->workload, 8), 0.01);
}

TEST(AssignUtilities, FollowsTheRule) {
  Workload workload = made("philly-like", {"jobs=4000"});
  for (JobSpec& job : workload.jobs) job.utility = ConstantUtility{};
  workload.jobs[0].utility = DeadlineUtility{.deadline = Seconds(50)};
  workload.jobs[1].utility = ConstantUtility{.value = 3};
  const auto counts = assign_utilities(workload, 5);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->deadline, 1U);
  EXPECT_EQ(counts->kept, 1U);
  EXPECT_NEAR(static_cast<double>(counts->insensitive) / 3998, 0.10, 0.03);
  EXPECT_NEAR(static_cast<double>(counts->critical) / 3998, 0.35, 0.03);
  const double hours = gpu_hours(workload, workload.jobs[0]);
  EXPECT_GE(std::get<DeadlineUtility>(workload.jobs[0].utility).value, hours);
  EXPECT_LE(std::get<DeadlineUtility>(workload.jobs[0].utility).value, 100 * hours);
  for (std::size_t i = 2; i < workload.jobs.size(); ++i) {
    const JobSpec& job = workload.jobs[i];
    const auto& sigmoid = std::get<SigmoidUtility>(job.utility);
    const double scale = std::max(job.samples, 600.0);
    EXPECT_GE(sigmoid.midpoint.value, 1.5 * scale);
    EXPECT_LE(sigmoid.midpoint.value, 5 * scale);
    EXPECT_TRUE(validate(job));
  }
}

TEST(AssignUtilities, PricesJobsAlikeWithoutTheirSize) {
  Workload workload = made("philly-like", {"jobs=100"});
  for (JobSpec& job : workload.jobs) job.utility = ConstantUtility{};
  ASSERT_TRUE(assign_utilities(workload, 5, {.size_exponent = 0}));
  for (const JobSpec& job : workload.jobs) {
    EXPECT_GE(std::get<SigmoidUtility>(job.utility).value, 1);
    EXPECT_LE(std::get<SigmoidUtility>(job.utility).value, 100);
  }
}

TEST(AssignUtilities, RejectsRangesUpsideDown) {
  Workload workload;
  EXPECT_EQ(assign_utilities(workload, 1, {.value_min = 5, .value_max = 4}).error().message,
            "the value of a job must be from a minimum of at least 0 up to a maximum");
  EXPECT_EQ(assign_utilities(workload, 1, {.share_critical = 0.95}).error().message,
            "the shares of the utility rule must be at least 0 and at most 1 in sum");
}

// The artifact of ONES runs 20 jobs of another file unless told otherwise; we make the 400.
TEST(OnesMended, GeneratesAsManyJobsOfEveryPairAtThePublishedPace) {
  const Workload workload = made("ones", {});
  ASSERT_EQ(workload.jobs.size(), 400u);
  std::map<std::string, int> counts;
  for (const JobSpec& job : workload.jobs) ++counts[job.group];
  EXPECT_EQ(counts.size(), 10u);
  for (const auto& [name, count] : counts) EXPECT_EQ(count, 40) << name;
  const double gap = workload.jobs.back().arrival.value / 400;
  EXPECT_GT(gap, 27);
  EXPECT_LT(gap, 33);
  for (const JobSpec& job : workload.jobs) EXPECT_TRUE(validate(job).has_value());
  EXPECT_EQ(text_of(workload), text_of(made("ones", {})));
  EXPECT_NE(text_of(workload), text_of(made("ones", {}, 8)));
}

TEST(GenerateOnes, RequestsSixteenTimesTheBaseBatchOnSixteenGpus) {
  for (const JobSpec& job : made("ones", {}).jobs) {
    if (job.group != "resnet50-imagenet") continue;
    EXPECT_EQ(job.requested_workers, 16);
    EXPECT_EQ(std::get<AdaptiveThroughput>(job.throughput).requested_batch, 512);
  }
}

// Samples a second with the requested GPUs and batch, from the job history of the artifact of ONES.
TEST(GenerateOnes, TrainsAtThePublishedSpeeds) {
  const std::map<std::string, double> published{{"resnet18-cifar10", 16200},
                                                {"googlenet-cifar10", 11400},
                                                {"vgg16-cifar10", 2820},
                                                {"alexnet-imagenet", 3400},
                                                {"resnet50-imagenet", 1975},
                                                {"vgg16-imagenet", 1150},
                                                {"inception3-imagenet", 1610},
                                                {"bert-cola", 102},
                                                {"bert-mrpc", 102},
                                                {"bert-sst2", 435}};
  for (const JobSpec& job : made("ones", {}).jobs) {
    const Locality locality = job.requested_workers > 4 ? Locality::cluster : Locality::machine;
    const double speed = pace_of(job.throughput, {job.requested_workers, 0}, locality).trained;
    EXPECT_NEAR(speed / published.at(job.group), 1, 0.02) << job.group;
  }
}

// Tuned requests are 50 to 80 % as fast as so many single workers, or of one GPU.
TEST(GeneratePolluxLike, TunesRequestsToAnEfficiencyOfHalfToFourFifths) {
  const Workload workload = made("pollux-like", {"tuned=1"});
  ASSERT_EQ(workload.jobs.size(), 160u);
  int several = 0;
  for (const JobSpec& job : workload.jobs) {
    const int n = job.requested_workers;
    if (n == 1) continue;
    ++several;
    const Locality locality = n > 4 ? Locality::cluster : Locality::machine;
    const double share = best_samples_per_second(job.throughput, {n, 0}, locality) /
                         (n * best_samples_per_second(job.throughput, {1, 0}, Locality::machine));
    EXPECT_GE(share, 0.5);
    EXPECT_LE(share, 0.8);
  }
  EXPECT_GT(several, 100);
}

TEST(GeneratePolluxLike, ArrivesOverEightHoursWithThePeakInTheFourth) {
  const Workload workload = made("pollux-like", {"jobs=10000"});
  int first = 0;
  int fourth = 0;
  for (const JobSpec& job : workload.jobs) {
    const double hour = job.arrival.value / 3600;
    EXPECT_LE(hour, 8);
    first += hour < 1 ? 1 : 0;
    fourth += hour >= 3 && hour < 4 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(fourth) / first, 3, 0.4);
}

TEST(GeneratePolluxLike, MakesTablesForPoliciesThatLeaveBatchesAlone) {
  const Workload law = made("pollux-like", {"jobs=20"});
  const Workload tables = made("pollux-like", {"jobs=20", "tables=1"});
  for (std::size_t i = 0; i < law.jobs.size(); ++i) {
    ASSERT_TRUE(std::holds_alternative<TableThroughput>(tables.jobs[i].throughput));
    EXPECT_GE(samples_per_second(tables.jobs[i].throughput, {4, 0}, Locality::machine) * (1 + 1e-9),
              samples_per_second(law.jobs[i].throughput, {4, 0}, Locality::machine));
  }
}

}  // namespace
}  // namespace bourse
