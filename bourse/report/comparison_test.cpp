#include "bourse/report/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A run of ten jobs, all of them done, with this mean completion time and utility.
CellResult cell(const std::string& policy, std::uint64_t seed, double completion, double utility) {
  CellResult out;
  out.run.policy = policy;
  out.run.seed = seed;
  out.run.metrics.jobs = 10;
  out.run.metrics.finished = 10;
  out.run.metrics.completion = {10, completion, completion, completion, completion, completion};
  out.run.metrics.utility = utility;
  out.completion_s = std::vector<double>(kCurvePoints, completion);
  return out;
}

const Cluster& one_machine() {
  static const Cluster cluster = *parse_cluster_short_form("1x4");
  return cluster;
}

Section section_of(std::vector<CellResult> cells) {
  Section section{.name = "day", .cells = std::move(cells)};
  section.header = {.version = "1",
                    .command = "c",
                    .cluster = &one_machine(),
                    .file = "day",
                    .format = "yaml",
                    .jobs = 10};
  return section;
}

Comparison comparison_of(Section section) {
  Comparison out{.version = "1", .command = "bourse compare"};
  out.policies = {"a", "b"};
  out.sections.push_back(std::move(section));
  return out;
}

// a is 10 and 20 s, b 12 and 22 s: the pairs differ by -2 each, so a wins by 2 of 17, 11.8 %,
// though the intervals of the two means overlap.
TEST(FindingOf, ComparesSeedBySeed) {
  const Section section = section_of(
      {cell("a", 1, 10, 5), cell("a", 2, 20, 5), cell("b", 1, 12, 5), cell("b", 2, 22, 5)});
  EXPECT_EQ(finding_of(section),
            "a has the lowest mean completion time, 15.0s, 12 % below b; a earns the most utility, "
            "5, the same as b.");
}

// The pairs differ by -2 and +1: mean -0.5, half width 12.7 x 1.5: nothing to tell.
TEST(FindingOf, SaysWhenSeedsDoNotTellPoliciesApart) {
  const Section section = section_of(
      {cell("a", 1, 10, 0), cell("a", 2, 20, 0), cell("b", 1, 12, 0), cell("b", 2, 19, 0)});
  EXPECT_EQ(finding_of(section),
            "a has the lowest mean completion time, 15.0s, not told apart from b.");
}

TEST(FindingOf, CountsThoseThatAreAlike) {
  const Section section = section_of({cell("a", 1, 10, 7), cell("b", 1, 10, 7), cell("c", 1, 10, 7),
                                      cell("d", 1, 10, 7), cell("e", 1, 11, 6)});
  EXPECT_EQ(finding_of(section),
            "a has the lowest mean completion time, 10.0s, the same as b and 2 others; a earns the "
            "most utility, 7, the same as b and 2 others.");
}

TEST(FindingOf, LeavesOutPoliciesThatFinishFewerJobs) {
  CellResult quick = cell("a", 1, 1, 0);
  quick.run.metrics.finished = 9;
  const Section section = section_of({quick, cell("b", 1, 12, 0)});
  EXPECT_EQ(finding_of(section),
            "b has the lowest mean completion time of the policies that finish the most jobs, "
            "12.0s.");
}

TEST(FindingOf, CountsTheWorkloadsThatAPolicyWins) {
  Comparison comparison = comparison_of(section_of({cell("a", 1, 1, 2), cell("b", 1, 2, 3)}));
  comparison.sections.push_back(section_of({cell("a", 1, 1, 2), cell("b", 1, 2, 1)}));
  comparison.sections.back().name = "night";
  comparison.sections.push_back(section_of({cell("a", 1, 1, 2), cell("b", 1, 1, 2)}));
  comparison.sections.back().name = "dusk";
  EXPECT_EQ(finding_of(comparison),
            "Lowest mean completion time: a on 2 of 3, none clearly on 1; most utility: b on 1 of "
            "3, a on "
            "1 of 3, none clearly on 1.");
}

TEST(ComparisonCsv, HasARowForEachRun) {
  const std::string csv =
      comparison_csv(comparison_of(section_of({cell("a", 1, 1, 2), cell("b", 1, 2, 3)})));
  EXPECT_THAT(csv, HasSubstr("# bourse 1; bourse compare\nworkload,load,scale,policy,seed,jobs,"));
  EXPECT_THAT(csv, HasSubstr("\nday,1,1,a,1,10,10,0,0,1,1,1,1,1,"));
  EXPECT_THAT(csv, HasSubstr("\nday,1,1,b,1,10,10,0,0,2,2,2,2,2,"));
}

TEST(ComparisonPage, NeedsNothingElseAndTellsFailures) {
  Section section = section_of({cell("a", 1, 1, 2)});
  section.failed.push_back({"b", 1, "ended by <signal> 6"});
  const std::string page =
      comparison_page(comparison_of(section), {.script = "draw()", .style = "p{}"}, true);
  EXPECT_THAT(page, HasSubstr("<h1>2 policies on day</h1>"));
  EXPECT_THAT(page, HasSubstr("b, seed 1, failed:</strong> ended by &lt;signal&gt; 6"));
  EXPECT_THAT(page, HasSubstr("<script>draw()</script>"));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
  EXPECT_THAT(page, Not(HasSubstr("https://")));
  EXPECT_THAT(page, Not(HasSubstr(" src=")));
}

// A name from a trace must not end the script element that holds the data.
TEST(ComparisonPage, KeepsNamesInsideTheData) {
  Section section = section_of({cell("a", 1, 1, 2)});
  section.name = "</script><b>";
  const std::string page =
      comparison_page(comparison_of(section), {.script = "draw()", .style = ""}, true);
  EXPECT_THAT(page, Not(HasSubstr("</script><b>")));
  EXPECT_THAT(page, HasSubstr("\\u003c/script>"));
}

TEST(ComparisonPage, SaysThatItHasNoPicturesWithoutAScript) {
  const std::string page =
      comparison_page(comparison_of(section_of({cell("a", 1, 1, 2)})), {}, true);
  EXPECT_THAT(page, HasSubstr("built without npm"));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
}

TEST(PageData, LeavesOutWhatWasMeasuredUnlessItIsWanted) {
  const Comparison comparison = comparison_of(section_of({cell("a", 1, 1, 2)}));
  EXPECT_THAT(page_data(comparison, true), HasSubstr("latency"));
  EXPECT_THAT(page_data(comparison, false), Not(HasSubstr("latency")));
}

// Two spans of machine 0 and one of machine 2; the tick is 100 s / 100,000 = 1 ms. Five numbers a
// span: machine and start by difference, length, job, tasks.
TEST(PageData, WritesSpansByDifference) {
  CellResult with_spans = cell("a", 1, 1, 2);
  with_spans.recording.occupancy.spans = {{MachineId(0u), JobId(7u), Seconds(0), Seconds(10), 2},
                                          {MachineId(0u), JobId(8u), Seconds(10), Seconds(100), 1},
                                          {MachineId(2u), JobId(9u), Seconds(50), Seconds(51), 1}};
  EXPECT_THAT(page_data(comparison_of(section_of({with_spans})), false),
              HasSubstr("\"spans\":[0,0,10000,7,2,0,10000,90000,8,1,2,50000,1000,9,1]"));
}

}  // namespace
}  // namespace bourse
