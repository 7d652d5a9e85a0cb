#include "bourse/trace/describe.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "bourse/base/text.h"
#include "bourse/trace/generator.h"
#include "bourse/trace/load.h"
#include "tests/support/trace_files.h"

namespace bourse {
namespace {

Workload three_jobs() {
  // GPU-seconds: 1 * 100 + 4 * 50 + 1 * 100 = 400.
  return read_text(
             "job_id,submit_s,duration_s,num_gpus,vc\na,0,100,1,x\nb,50,50,4,x\nc,100,100,1,x\n")
      .value()
      .workload;
}

Cluster gpus(Amount count) {
  Cluster cluster;
  EXPECT_TRUE(cluster.types.add("gpu", ResourceKind::count));
  cluster.classes.push_back({.name = "m", .capacity = {count * kAmountsPerUnit}});
  cluster.machines.resize(1);
  return cluster;
}

TEST(LoadOn, ComparesWorkAndPeakWithTheCapacity) {
  const ClusterLoad load = load_on(three_jobs(), gpus(8));
  EXPECT_EQ(load.span, Seconds(100));
  ASSERT_EQ(load.resources.size(), 1U);
  EXPECT_DOUBLE_EQ(load.resources[0].load, 400.0 / (8 * 100));
  // At 50 s a and b run together, 5 GPUs; at 100 s both end before c starts.
  EXPECT_EQ(load.resources[0].peak, 5000);
  EXPECT_EQ(load.too_large, 0U);
  EXPECT_EQ(load_on(three_jobs(), gpus(2)).too_large, 1U);
}

TEST(LoadOn, UsesTheHorizonAndElseTheLongestJob) {
  Workload workload = three_jobs();
  workload.horizon = Seconds(400);
  EXPECT_DOUBLE_EQ(load_on(workload, gpus(1)).resources[0].load, 1);
  workload.horizon = kForever;
  workload.jobs.resize(1);
  EXPECT_EQ(load_on(workload, gpus(1)).span, Seconds(100));
  EXPECT_EQ(load_on(workload, Cluster{}).resources[0].load,
            std::numeric_limits<double>::infinity());
}

TEST(LoadOn, PrintsATable) {
  EXPECT_EQ(load_text(load_on(three_jobs(), gpus(8))),
            "resource              capacity          peak    peak %    load %   over 1m 40s\n"
            "gpu                          8             5      62.5      50.0\n");
}

TEST(CheckText, SaysWhatWasSkipped) {
  const auto read = read_text("job_id,submit_s,duration_s,num_gpus,vc\na,0,0,1,x\nb,50,50,4,x\n");
  EXPECT_EQ(check_text(*read),
            "format   canonical\nrows     2\njobs     1\nskipped  1\n"
            "         1  duration is 0 (first: line 2: duration is 0)\n");
}

TEST(Describe, CountsByHand) {
  const Description d = describe(three_jobs());
  EXPECT_EQ(d.jobs, 3U);
  EXPECT_DOUBLE_EQ(d.gpu_hours, 400.0 / 3600);
  EXPECT_EQ(d.gap.p50, 50);
  EXPECT_EQ(d.duration.min, 50);
  EXPECT_EQ(d.duration.p50, 100);
  EXPECT_DOUBLE_EQ(d.duration.mean, 250.0 / 3);
  EXPECT_EQ(d.gpus.max, 4);
  ASSERT_EQ(d.sizes.size(), 2U);
  EXPECT_EQ(d.sizes[0].jobs, 2U);
  EXPECT_DOUBLE_EQ(d.sizes[1].gpu_hours, 200.0 / 3600);
  EXPECT_EQ(d.jobs_by_hour[0], 3U);
}

TEST(DistributionOf, TakesTheNearestRank) {
  std::vector<double> values;
  for (int i = 100; i >= 1; --i) values.push_back(i);
  const Spread d = spread_of(values);
  EXPECT_EQ(d.p50, 50);
  EXPECT_EQ(d.p90, 90);
  EXPECT_EQ(d.p99, 99);
  std::vector<double> none;
  EXPECT_EQ(spread_of(none).max, 0);
}

TEST(Describe, FitsAHundredColumns) {
  for (const std::string_view generator : {"paper", "philly-like"}) {
    const auto workload = generate(generator, std::vector<std::string>{"jobs=300"}, 1);
    ASSERT_TRUE(workload);
    const std::string text =
        description_text(describe(*workload)) + load_text(load_on(*workload, *workload->cluster));
    for (const std::string_view line : split(text, '\n')) EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(DescriptionSvg, DrawsAnyWorkload) {
  EXPECT_TRUE(description_svg(Workload{}, "empty").ends_with("</svg>\n"));
  const std::string svg = description_svg(three_jobs(), "a < b & c");
  EXPECT_NE(svg.find("a &lt; b &amp; c"), std::string::npos);
  EXPECT_NE(svg.find("jobs per 1 s"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

}  // namespace
}  // namespace bourse
