#include "bourse/trace/elastic.h"

#include <gtest/gtest.h>

#include "tests/support/trace_files.h"

namespace bourse {
namespace {

constexpr std::string_view kElasticHeader =
    "source_repo,model,gpu,global_batch,local_batch,workers,ps,placement,metric,value\n";

Result<std::vector<ModelProfile>> profiles_of(std::string_view rows) {
  const std::string text = std::string(kElasticHeader) + std::string(rows);
  MemorySource source(text, "p");
  return read_profiles(source);
}

constexpr std::string_view kRows =
    "a/b,vgg,,32,,1,1,dist_sync,speed_sum_over_workers,10\n"
    "a/b,vgg,,32,,2,1,dist_sync,speed_sum_over_workers,9\n"
    "a/b,vgg,,32,,2,2,dist_sync,speed_sum_over_workers,16\n"
    "a/b,vgg,,32,,4,2,dist_sync,speed_sum_over_workers,20\n"
    "a/b,vgg,,32,,1,,,steps_per_epoch,9\n"
    "c/d,lm,k80,,5,1,,consolidated,throughput,3\n"
    "c/d,lm,k80,,5,2,,consolidated,throughput,2\n"
    "c/d,lm,k80,,5,2,,unconsolidated,throughput,1.5\n"
    "c/d,one,k80,,5,1,,consolidated,throughput,3\n";

TEST(ReadProfiles, KeepsThePointsThatNoOtherBeats) {
  const auto profiles = profiles_of(kRows);
  ASSERT_TRUE(profiles) << profiles.error().message;
  ASSERT_EQ(profiles->size(), 2U);
  EXPECT_EQ(profiles->at(0).name, "lm b5 on k80 (c/d)");
  // Steps of 2 workers train twice as much: 2 * 2 = 4 on one machine, 2 * 1.5 = 3 across.
  ASSERT_EQ(profiles->at(0).points.size(), 3U);
  EXPECT_EQ(profiles->at(0).points[1].samples_per_second, 3);
  EXPECT_EQ(profiles->at(0).points[1].locality, Locality::cluster);
  EXPECT_EQ(profiles->at(0).points[2].samples_per_second, 4);
  EXPECT_EQ(profiles->at(0).points[2].locality, Locality::machine);
  EXPECT_EQ(profiles->at(1).name, "vgg b32 (a/b)");
  ASSERT_EQ(profiles->at(1).points.size(), 3U);  // 9 with two workers is worse than 10 with one
}

TEST(ReadProfiles, NamesLineAndField) {
  const auto message = [](std::string_view rows) { return profiles_of(rows).error().message; };
  EXPECT_EQ(message("a,b,,,,0,,,throughput,1\n"), "p:2: field 'workers': '0' is less than 1");
  EXPECT_EQ(message("a,b,,,,1,,,throughput,fast\n"), "p:2: field 'value': 'fast' is not a number");
  EXPECT_EQ(message(""), "p: has no model with a measured speed at two numbers of workers");
}

TEST(MakeElastic, KeepsTheDurationAtTheRequestedSize) {
  auto read =
      read_text("job_id,submit_s,duration_s,num_gpus,vc\na,0,100,2,x\nb,1,7,1,x\nc,2,9,8,x\n");
  ASSERT_TRUE(read);
  Workload& workload = read->workload;
  const auto counts = make_elastic(workload, profiles_of(kRows).value(), 3);
  EXPECT_EQ(counts.left_rigid, 1U);  // nobody measured 8 workers
  std::uint64_t drawn = 0;
  for (const auto& model : counts.models) drawn += model.jobs;
  EXPECT_EQ(drawn, 2U);
  EXPECT_NEAR(requested_duration(workload.jobs[0]).value, 100, 1e-9);
  EXPECT_NEAR(requested_duration(workload.jobs[1]).value, 7, 1e-9);
  EXPECT_FALSE(is_rigid(workload.jobs[0].throughput));
  EXPECT_TRUE(is_rigid(workload.jobs[2].throughput));
  for (const JobSpec& job : workload.jobs) EXPECT_TRUE(validate(job));
  EXPECT_EQ(make_elastic(workload, profiles_of(kRows).value(), 3).not_rigid, 2U);
}

TEST(MakeElastic, WorksWithTheMeasuredProfiles) {
  const std::string profiles_path = shared_trace("profiles.csv");
  const std::string trace_path = shared_trace("philly-1000.csv.gz");
  if (profiles_path.empty() || trace_path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  const auto file = FileSource::open(profiles_path);
  ASSERT_TRUE(file);
  const auto profiles = read_profiles(**file);
  ASSERT_TRUE(profiles) << profiles.error().message;
  EXPECT_GT(profiles->size(), 20U);
  auto read = read_trace_file(trace_path);
  ASSERT_TRUE(read);
  const auto counts = make_elastic(read->workload, *profiles, 1);
  EXPECT_EQ(counts.left_rigid, 0U);
  double sum = 0;
  for (const JobSpec& job : read->workload.jobs) {
    ASSERT_TRUE(validate(job)) << validate(job).error().message;
    sum += requested_duration(job).value;
  }
  EXPECT_NEAR(sum / 1000, 8898.1, 0.05);
}

}  // namespace
}  // namespace bourse
