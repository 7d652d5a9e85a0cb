#include "bourse/report/run_svg.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

/// Two machines of 4 GPUs and 8 CPUs.
Cluster two_machines() {
  Cluster cluster;
  (void)cluster.types.add("gpu", ResourceKind::count);
  (void)cluster.types.add("cpu", ResourceKind::count);
  cluster.classes.push_back(
      {.name = "machine", .capacity = {4 * kAmountsPerUnit, 8 * kAmountsPerUnit}});
  cluster.machines.resize(2);
  return cluster;
}

struct Picture {
  Cluster cluster = two_machines();
  std::vector<RunReport> runs{{.policy = "a<b"}, {.policy = "other"}};
  std::vector<RunDetail> details{2};

  Picture() {
    details[0].usage = {{Seconds(0), 4, 0, 1}, {Seconds(100), 8, 0, 1}};
    details[1].usage = {{Seconds(0), 0, 0, 0}, {Seconds(50), 2, 0, 1}};
    details[0].prices = {{Seconds(0), {1, 0.01}}, {Seconds(50), {100, 0.1}}};
  }
  [[nodiscard]] std::string svg() const {
    return runs_svg({.cluster = &cluster, .file = "w.yaml", .jobs = 3}, runs, details);
  }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST(RunsSvg, DrawsUseOfAllPoliciesAndPricesOfThoseThatHaveThem) {
  const std::string svg = Picture().svg();
  EXPECT_TRUE(svg.starts_with("<svg"));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_TRUE(has(svg, "% of gpu in use"));
  EXPECT_TRUE(has(svg, "Prices of a&lt;b"));
  EXPECT_FALSE(has(svg, "Prices of other"));
  EXPECT_FALSE(has(svg, "Share of the bound"));
}

// a<b: 30 of 40; other has no bound and shows 0.
TEST(RunsSvg, DrawsTheShareOfTheBoundIfThereIsOne) {
  Picture picture;
  picture.runs[0].bound = 40;
  picture.runs[0].metrics.utility = 30;
  const std::string svg = picture.svg();
  EXPECT_TRUE(has(svg, "Share of the bound"));
  EXPECT_TRUE(has(svg, ">75.0 %<"));
}

TEST(RunsSvg, DrawsARunInWhichNothingHappened) {
  Picture picture;
  for (RunDetail& detail : picture.details) detail = {};
  EXPECT_TRUE(picture.svg().ends_with("</svg>\n"));
}

}  // namespace
}  // namespace bourse
