#include "bourse/report/bound_svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace bourse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

BoundPicture three_hours() {
  return {.title = "a < b",
          .bound = 90,
          .unhindered = 100,
          .times = {Seconds(0), Seconds(3600), Seconds(7200), Seconds(10800)},
          .resources =
              {{.name = "gpu", .unit = "gpu", .units = 4, .worth = {8, 0, 0}, .load = {1, 0.5, 0}},
               {.name = "memory",
                .unit = "GiB memory",
                .units = 10,
                .worth = {0, 0, 0},
                .load = {0.1, 0, 0}}},
          .history = {100, 95, 90}};
}

// The last hour is empty and left out: 8 an hour for one of two hours, over 4 gpus, is 1 a gpu.
TEST(BoundSvg, TellsTheMeanPriceOfAUnitOverTheCellsShown) {
  const std::string svg = bound_svg(three_hours());
  EXPECT_THAT(svg, HasSubstr(">gpu: on average 1 per gpu and hour<"));
  EXPECT_THAT(svg, HasSubstr(">memory: on average 0 per GiB memory and hour<"));
  EXPECT_THAT(svg, HasSubstr("no scheduler earns more than 90;"));
  EXPECT_THAT(svg, HasSubstr(">utility per hour<"));
  EXPECT_THAT(svg, HasSubstr("fill=\"white\""));
  EXPECT_THAT(svg, HasSubstr(">minutes since the first arrival<"));
}

TEST(BoundSvg, EscapesTheTitleAndEndsProperly) {
  const std::string svg = bound_svg(three_hours());
  EXPECT_THAT(svg, HasSubstr("a &lt; b"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST(BoundSvg, DrawsWhereNothingIsPriced) {
  BoundPicture picture = three_hours();
  picture.resources[0].worth = {0, 0, 0};
  picture.history = {0};
  const std::string svg = bound_svg(picture);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
}

}  // namespace
}  // namespace bourse
