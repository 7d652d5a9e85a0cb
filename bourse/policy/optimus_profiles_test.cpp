// The speed model of Optimus on measured training: 804 points of eight models.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/policy/optimus_fit.h"
#include "tests/support/trace_files.h"

namespace bourse {
namespace {

struct Profile {
  double batch = 1;
  std::vector<SpeedPoint> points;
};

/// Synchronous training with 1 to 23 workers and servers, by model; speeds in steps a second.
std::map<std::string, Profile> read_profiles(const std::string& path) {
  std::map<std::string, Profile> profiles;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto fields = split(line, ',');
    if (fields.size() < 14 || fields[1] != "config_speed.txt") continue;
    if (fields[12] != "speed_sum_over_workers") continue;
    Profile& profile = profiles[std::string(fields[3])];
    profile.batch = parse_number(fields[6]).value();
    profile.points.push_back({{static_cast<int>(parse_number(fields[8]).value()),
                               static_cast<int>(parse_number(fields[9]).value())},
                              parse_number(fields[13]).value() / profile.batch});
  }
  return profiles;
}

/// What another solver found, rounded to 5 digits.
const std::map<std::string, std::vector<double>> kExpected{
    {"resnet-50", {.00394, .41777, .42131, .00737, 0}},
    {"vgg-16", {.01695, .58117, .80724, .13558, 0}},
    {"resnext-110", {.00054, .15612, .11042, .01991, .00117}},
    {"inception-bn", {.00311, .15408, .16643, .01941, .00281}},
    {"seq2seq", {.00104, .05408, .02424, .01315, 0}},
    {"cnn-text-classification", {.00746, .34455, .02375, .01694, 0}},
    {"dssm", {.00155, .11772, 0, .0073, .00023}},
    {"wlm", {.00059, .23944, .15862, .03078, 0}}};

TEST(FitSpeed, FindsTheKnownModelsOfMeasuredSpeeds) {
  const std::string path = shared_trace("profiles.csv");
  if (path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  std::size_t points = 0;
  for (auto [model, profile] : read_profiles(path)) {
    ASSERT_TRUE(kExpected.contains(model)) << model;
    points += profile.points.size();
    std::erase_if(profile.points, [](const SpeedPoint& p) { return p.steps_per_second <= 0; });
    const SpeedModel fitted = fit_speed(profile.points, profile.batch);
    for (std::size_t i = 0; i < 5; ++i)
      EXPECT_NEAR(fitted.theta[i], kExpected.at(model)[i], 1e-5) << model << " theta " << i;
    double error = 0;  // Of the time of a step.
    for (const SpeedPoint& p : profile.points)
      error += std::abs(p.steps_per_second / fitted.steps_per_second(p.tasks) - 1);
    EXPECT_LT(error / static_cast<double>(profile.points.size()), 0.092) << model;
  }
  EXPECT_EQ(points, 804U);
}

}  // namespace
}  // namespace bourse
