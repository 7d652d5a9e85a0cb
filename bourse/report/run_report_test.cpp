#include "bourse/report/run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

std::vector<std::string> keys_of(const Json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

class RunReportTest : public testing::Test {
 protected:
  RunReportTest() {
    header_ = {.version = "1.2.3",
               .command = "bourse simulate --workload a.csv",
               .cluster = &cluster_,
               .file = "a.csv",
               .format = "canonical",
               .jobs = 2,
               .skipped = {{"duration is 0", 1, "line 3: duration is 0"}},
               .assumptions = {"something"}};
    RunReport run;
    run.policy = "fifo";
    run.seed = 4;
    run.metrics.jobs = 2;
    run.metrics.finished = 1;
    run.metrics.unfinished = 1;
    run.metrics.completion = {1, 3600, 3600, 3600, 3600, 3600};
    run.metrics.makespan = 7200;
    run.metrics.utility = 12.5;
    run.metrics.utilization = 0.25;
    run.cost = {.decision_p50_ms = 1, .cpu_s = 0.5, .peak_rss_bytes = 1024};
    runs_.push_back(run);
  }

  Cluster cluster_ = parse_cluster_short_form("2x8").value();
  ReportHeader header_;
  std::vector<RunReport> runs_;
};

TEST_F(RunReportTest, JsonHasTheDocumentedKeysInTheirOrder) {
  const Json json = Json::parse(runs_json(header_, runs_, true));
  EXPECT_EQ(keys_of(json),
            (std::vector<std::string>{"version", "command", "cluster", "workload", "runs"}));
  EXPECT_EQ(keys_of(json["workload"]),
            (std::vector<std::string>{"file", "format", "jobs", "skipped", "assumptions"}));
  EXPECT_EQ(keys_of(json["runs"][0]),
            (std::vector<std::string>{"policy", "seed", "jobs", "finished", "declined",
                                      "unfinished", "jct_s", "queue_s", "fairness", "makespan_s",
                                      "utility", "gpu_hours", "gpu_utilization", "restarts",
                                      "decisions", "cpu_s", "peak_rss_bytes"}));
  EXPECT_EQ(keys_of(json["runs"][0]["decisions"]),
            (std::vector<std::string>{"count", "p50_ms", "p99_ms", "max_ms"}));
  EXPECT_EQ(json["cluster"]["gpus"], 16);
  EXPECT_EQ(json["runs"][0]["jct_s"]["mean"], 3600);
  EXPECT_EQ(json["runs"][0]["cpu_s"], 0.5);
  EXPECT_EQ(json["workload"]["skipped"][0]["count"], 1);
}

TEST_F(RunReportTest, JsonWithoutTimingHasNullWhereSomethingWasMeasured) {
  const Json run = Json::parse(runs_json(header_, runs_, false))["runs"][0];
  EXPECT_TRUE(run["cpu_s"].is_null());
  EXPECT_TRUE(run["peak_rss_bytes"].is_null());
  EXPECT_TRUE(run["decisions"]["p50_ms"].is_null());
  EXPECT_EQ(run["decisions"]["count"], 0);
}

// 12.5 of at most 50 is a quarter.
TEST_F(RunReportTest, NamesTheBoundAndTheShareOfItWhereThereIsOne) {
  EXPECT_EQ(runs_table(header_, runs_).find("of bound"), std::string::npos);
  EXPECT_EQ(runs_csv(header_, runs_).find("bound"), std::string::npos);
  runs_[0].bound = 50;
  const Json run = Json::parse(runs_json(header_, runs_, false))["runs"][0];
  EXPECT_EQ(run["bound"], 50);
  EXPECT_EQ(run["share_of_bound"], 0.25);
  EXPECT_NE(runs_csv(header_, runs_).find("restarts,decisions,bound,share_of_bound\n"),
            std::string::npos);
  EXPECT_NE(runs_csv(header_, runs_).find(",50,0.25\n"), std::string::npos);
  EXPECT_NE(runs_table(header_, runs_).find("25.0 %"), std::string::npos);
  runs_[0].bound = 0;
  runs_[0].metrics.utility = 0;
  EXPECT_EQ(runs_[0].share_of_bound(), 1);
}

TEST_F(RunReportTest, StatisticsOfNoJobsAreNull) {
  EXPECT_TRUE(Json::parse(runs_json(header_, runs_, true))["runs"][0]["queue_s"]["p99"].is_null());
}

TEST_F(RunReportTest, ANameThatIsNotUtf8DoesNotStopTheReport) {
  header_.file = "a\xff.csv";
  EXPECT_FALSE(Json::parse(runs_json(header_, runs_, true)).is_null());
}

TEST_F(RunReportTest, CsvStartsWithVersionCommandAndSeed) {
  EXPECT_THAT(runs_csv(header_, runs_),
              testing::StartsWith("# bourse 1.2.3; bourse simulate --workload a.csv; seed 4\n"
                                  "policy,seed,jobs,finished,declined,unfinished,jct_s_mean,"));
  EXPECT_THAT(runs_csv(header_, runs_), testing::HasSubstr("\nfifo,4,2,1,0,1,3600,3600,"));
}

TEST_F(RunReportTest, TableFitsAHundredColumnsEvenWithSeeds) {
  runs_.push_back(runs_.front());
  runs_.back().seed = 5;
  runs_.back().metrics.completion.mean = 7200;
  const std::string table = runs_table(header_, runs_);
  for (std::size_t start = 0; start < table.size();) {
    const std::size_t end = table.find('\n', start);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - start, 105U) << table;  // Bytes; a line has at most five of "±".
    start = end + 1;
  }
  // Mean of 1 h and 2 h: 1.5 h; half width 12.706 x 0.7071 h / sqrt(2) = 6.353 h.
  EXPECT_THAT(table, testing::HasSubstr("1h 30m ±6h 21m"));
}

TEST_F(RunReportTest, JobsThatNeverRanHaveEmptyTimes) {
  std::vector<JobSpec> jobs(1);
  jobs[0].name = "a,b";
  RunDetail detail;
  detail.jobs.resize(1);
  detail.jobs[0].reason = "no room";
  EXPECT_THAT(jobs_csv(header_, runs_, std::vector<RunDetail>{detail}, jobs),
              testing::HasSubstr("\nfifo,4,0,\"a,b\",,0,,,not-arrived,0,0,0,0,no room\n"));
}

TEST_F(RunReportTest, UsageIsToldAsUnitsAndAsShare) {
  RunDetail detail;
  detail.usage = {{Seconds(5), 4, 1, 2}};
  EXPECT_THAT(
      usage_csv(header_, runs_, std::vector<RunDetail>{detail}),
      testing::HasSubstr("policy,seed,time_s,gpu_used,share_used,waiting_jobs,running_jobs\n"
                         "fifo,4,5,4,0.25,1,2\n"));
}

// Nearest rank of 1, 2, 3, 4 ms: p50 is the 2nd, p99 the 4th.
TEST(DecisionCost, IsInMilliseconds) {
  const MeasuredCost cost = decision_cost({0.004F, 0.001F, 0.003F, 0.002F});
  EXPECT_NEAR(cost.decision_p50_ms, 2, 1e-6);
  EXPECT_NEAR(cost.decision_p99_ms, 4, 1e-6);
  EXPECT_NEAR(cost.decision_max_ms, 4, 1e-6);
  EXPECT_EQ(decision_cost({}).decision_max_ms, 0);
}

// Eleven points at 0, 1, ..., 10 s, used = time: samples at 0, 5 and 10 s.
TEST(Sampled, KeepsWhatHoldsAtEqualSteps) {
  std::vector<UsagePoint> usage;
  for (int i = 0; i <= 10; ++i) usage.push_back({Seconds(i), static_cast<double>(i), 0, 0});
  const std::vector<UsagePoint> few = sampled(usage, 3);
  ASSERT_EQ(few.size(), 3U);
  EXPECT_EQ(few[0].used, 0);
  EXPECT_EQ(few[1].used, 5);
  EXPECT_EQ(few[2].used, 10);
  EXPECT_EQ(sampled(usage, 11).size(), 11U);
}

}  // namespace
}  // namespace bourse
