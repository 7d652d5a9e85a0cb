#include "bourse/report/cell.h"

#include <gtest/gtest.h>

#include <limits>

namespace bourse {
namespace {

// Of 1..400 the quantile i / 200 is the (2 i)-th smallest, and the first for i = 0.
TEST(QuantileCurve, TakesValuesThatOccurred) {
  std::vector<double> values;
  for (int i = 400; i >= 1; --i) values.push_back(i);
  const std::vector<double> curve = quantile_curve(values);
  ASSERT_EQ(curve.size(), kCurvePoints);
  EXPECT_EQ(curve[0], 1);
  EXPECT_EQ(curve[1], 2);
  EXPECT_EQ(curve[100], 200);
  EXPECT_EQ(curve[200], 400);
  EXPECT_TRUE(quantile_curve({}).empty());
}

JobOutcome done(double arrival, double finish, double executed) {
  JobOutcome job{.arrival = Seconds(arrival)};
  job.record.status = JobStatus::finished;
  job.record.finish = Seconds(finish);
  job.record.executed = Seconds(executed);
  return job;
}

// Jobs of 1, 2 and 3 GPUs are in the classes up to 1, 2 and 4; the first waits 3 s, the second
// none, and the third is not done.
TEST(CellOf, SortsJobsBySize) {
  Instance instance{.cluster = *parse_cluster_short_form("1x8")};
  for (const int gpus : {1, 2, 3}) {
    JobSpec job;
    job.worker = {kAmountsPerUnit};
    job.server = {0};
    job.requested_workers = gpus;
    instance.jobs.push_back(job);
  }
  const CellResult cell = cell_of(instance, {}, {done(0, 8, 5), done(0, 5, 5), {}}, {});
  ASSERT_EQ(cell.sizes.size(), 3u);
  EXPECT_EQ(cell.sizes[0].high, 1);
  EXPECT_EQ(cell.sizes[0].wait_mean_s, 3);
  EXPECT_EQ(cell.sizes[1].wait_mean_s, 0);
  EXPECT_EQ(cell.sizes[2].low, 2);
  EXPECT_EQ(cell.sizes[2].finished, 0u);
  EXPECT_EQ(cell.completion_s.front(), 5);
  EXPECT_EQ(cell.completion_s.back(), 8);
}

TEST(CellJson, ReadsBackWhatItWrote) {
  CellResult cell;
  cell.run = {.policy = "pd-ors", .seed = 3};
  cell.run.metrics.jobs = 2;
  cell.run.metrics.utility = 0.1 + 0.2;
  cell.run.metrics.completion = {2, 1.5, 1, 2, 2, 2};
  cell.run.cost.decision_p99_ms = 0.25;
  cell.completion_s = {1, 2};
  cell.sizes = {{64, std::numeric_limits<double>::infinity(), 1, 1, 0.5, 0.5}};
  cell.recording.used = {0.5, 1};
  cell.recording.occupancy.spans = {{MachineId(1u), JobId(2u), Seconds(0.125), Seconds(7), 3}};
  cell.recording.prices = {.width = Seconds(1), .rows = 1, .prices = {2.5f}};
  const Result<CellResult> back = parse_cell(cell_json(cell));
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(cell_json(*back), cell_json(cell));
  EXPECT_EQ(back->run.policy, "pd-ors");
  EXPECT_EQ(back->run.metrics.utility, 0.1 + 0.2);
  EXPECT_EQ(back->sizes[0].high, std::numeric_limits<double>::infinity());
  EXPECT_EQ(back->recording.occupancy.until, kForever);
  EXPECT_EQ(back->recording.occupancy.spans[0].from, Seconds(0.125));
}

TEST(ParseCell, RefusesWhatIsNoCell) {
  for (const char* text : {"", "{", "[]", "{\"run\":{}}"}) {
    const Result<CellResult> cell = parse_cell(text);
    ASSERT_FALSE(cell.has_value()) << text;
    EXPECT_EQ(cell.error().code, ErrorCode::data_corrupted);
  }
}

}  // namespace
}  // namespace bourse
