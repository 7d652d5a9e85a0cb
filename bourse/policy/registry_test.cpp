#include "bourse/policy/registry.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

std::string refusal(std::string_view policy, const Settings& settings) {
  const auto made = make_policy(policy, settings, {});
  if (made) return "made";
  EXPECT_EQ(made.error().code, ErrorCode::invalid_argument);
  return made.error().message;
}

TEST(Registry, ListsPoliciesByName) {
  std::vector<std::string_view> names;
  for (const PolicyInfo& info : all_policies()) {
    names.push_back(info.name);
    EXPECT_FALSE(info.summary.empty() || info.source.empty() || info.knows.empty()) << info.name;
  }
  EXPECT_TRUE(std::ranges::is_sorted(names));
  EXPECT_EQ((std::set<std::string_view>{names.begin(), names.end()}.size()), names.size());
}

TEST(Registry, MakesEveryPolicyWithItsDefaults) {
  for (const PolicyInfo& info : all_policies()) {
    for (const Seconds slot : {Seconds(0), Seconds(60)}) {
      const auto made = make_policy(info.name, {}, {.slot = slot, .horizon = Seconds(6000)});
      ASSERT_TRUE(made.has_value()) << made.error().message;
      EXPECT_NE(made->get(), nullptr);
    }
  }
}

TEST(Registry, ReadsEveryDefaultAsItIsWritten) {
  for (const PolicyInfo& info : all_policies()) {
    Settings all;
    for (const Parameter& parameter : info.parameters) {
      EXPECT_FALSE(parameter.values.empty() || parameter.effect.empty()) << parameter.name;
      all.emplace(parameter.name, parameter.default_text);
      const auto made = make_policy(
          info.name, {{std::string(parameter.name), std::string(parameter.default_text)}}, {});
      EXPECT_TRUE(made.has_value()) << made.error().message;
    }
    EXPECT_TRUE(make_policy(info.name, all, {}).has_value()) << info.name;
  }
}

TEST(Registry, SuggestsTheNearestPolicy) {
  const auto near = find_policy("pdors");
  ASSERT_FALSE(near.has_value());
  EXPECT_EQ(near.error().code, ErrorCode::not_found);
  EXPECT_EQ(near.error().message, "there is no policy 'pdors'; did you mean 'pd-ors'?");
  std::string known;
  for (const PolicyInfo& info : all_policies())
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  EXPECT_EQ(find_policy("zzzz-2000").error().message,
            "there is no policy 'zzzz-2000'; known: " + known);
  EXPECT_EQ(make_policy("sprtf", {}, {}).error().code, ErrorCode::not_found);
}

TEST(Registry, RefusesUnknownSettings) {
  EXPECT_EQ(refusal("fifo", {{"skp", "true"}}),
            "policy 'fifo' has no setting 'skp'; did you mean 'skip'?");
  EXPECT_EQ(refusal("srtf", {{"skip", "true"}}),
            "policy 'srtf' has no setting 'skip'; it has none at all");
}

TEST(Registry, RefusesValuesOutOfRange) {
  EXPECT_EQ(refusal("fifo", {{"skip", "yes"}}),
            "setting 'fifo.skip': 'yes' is neither true nor false");
  EXPECT_EQ(refusal("fifo", {{"placement", "spread"}}),
            "setting 'fifo.placement': 'spread' is unknown; known: pack, round-robin");
  EXPECT_EQ(refusal("drf", {{"max-workers", "1.5"}}),
            "setting 'drf.max-workers': '1.5' is not a whole number");
  EXPECT_EQ(refusal("drf", {{"interval", "soon"}}),
            "setting 'drf.interval': 'soon' is not a duration such as 10min");
  EXPECT_EQ(refusal("pd-ors", {{"slot", "0"}}), "setting 'pd-ors.slot': must be above 0");
  EXPECT_EQ(refusal("pd-ors", {{"tries", "0"}}),
            "setting 'pd-ors.tries': '0' is outside 1 to 4096");
  EXPECT_EQ(refusal("pd-ors", {{"gain", "large"}}),
            "setting 'pd-ors.gain': 'large' is not a number");
}

TEST(Registry, RefusesTimesAndRatesThatCannotBe) {
  // Time would stand still: now + 1e-300 s is now.
  for (const auto& [policy, name] :
       std::vector<std::pair<std::string, std::string>>{{"optimus", "interval"},
                                                        {"sjf-bco", "interval"},
                                                        {"gadget", "slot"},
                                                        {"oasis", "slot"},
                                                        {"elasticflow", "slot"},
                                                        {"gandiva", "quantum"},
                                                        {"gavel", "round"}})
    for (const std::string time : {"0s", "1e-300", "0.9ms"})
      EXPECT_EQ(refusal(policy, {{name, time}}),
                fmt::format("setting '{}.{}': '{}' must be at least 1ms", policy, name, time));
  for (const auto& [policy, name] : std::vector<std::pair<std::string, std::string>>{
           {"drf", "interval"}, {"dorm", "interval"}, {"tiresias", "quantum"}}) {
    EXPECT_EQ(refusal(policy, {{name, "1e-300"}}),
              fmt::format("setting '{}.{}': '1e-300' must be 0 or at least 1ms", policy, name));
    EXPECT_EQ(refusal(policy, {{name, "0"}}), "made");
  }
  EXPECT_EQ(refusal("tiresias", {{"promote", "1e-300"}}),
            "setting 'tiresias.promote': 1e-300 is neither 0 nor at least 0.01");
  EXPECT_EQ(refusal("gadget", {{"link", "fast"}}),
            "setting 'gadget.link': write unlimited or a rate such as 10Gbit/s");
  EXPECT_EQ(refusal("gadget", {{"link", "10Gbit/s"}}), "made");
  EXPECT_EQ(refusal("dorm", {{"fairness", "2"}}), "setting 'dorm.fairness': '2' is outside 0 to 1");
  EXPECT_EQ(refusal("sjf-bco", {{"lambda", "0.5"}}),
            "setting 'sjf-bco.lambda': '0.5' is outside 1 to 100");
  EXPECT_EQ(refusal("oasis", {{"price-low", "1"}}),
            "settings 'oasis.price-low' and 'oasis.price-high' go together");
  EXPECT_EQ(refusal("oasis", {{"server-machines", "1"}}),
            "setting 'oasis.server-machines': '1' is outside 0 to 0.9");
}

TEST(Registry, ExplainsTheBoundsOfPrices) {
  EXPECT_EQ(refusal("pd-ors", {{"price-floor", "lowest"}}),
            "setting 'pd-ors.price-floor': write formula or quantile:Q with Q from 0 to 1");
  EXPECT_EQ(refusal("pd-ors", {{"price-floor", "quantile:2"}}),
            "setting 'pd-ors.price-floor.quantile': '2' is outside 0 to 1");
  EXPECT_EQ(refusal("pd-ors", {{"price-low", "1"}}),
            "settings 'pd-ors.price-low' and 'pd-ors.price-high' go together");
  EXPECT_EQ(refusal("pd-ors", {{"price-low", "2"}, {"price-high", "1"}}),
            "setting 'pd-ors.price-high': '1' is outside 2 to 1e+300");
  EXPECT_EQ(refusal("pd-ors", {{"price-low", "1"}, {"price-high", "2"}}), "made");
}

const std::vector<Parameter>& sample_parameters() {
  static const std::vector<Parameter> parameters{{"on", "true", "true | false", ""},
                                                 {"size", "2.5", "a number", ""},
                                                 {"count", "3", "a whole number", ""},
                                                 {"wait", "1min", "a duration", ""},
                                                 {"kind", "red", "red | green", ""}};
  return parameters;
}

TEST(SettingsReader, ReturnsDefaultsAndWhatIsSet) {
  const Settings none;
  const SettingsReader defaults("p", sample_parameters(), none);
  EXPECT_TRUE(defaults.check_names().has_value());
  EXPECT_TRUE(defaults.flag("on").value());
  EXPECT_EQ(defaults.number("size", 0, 3).value(), 2.5);
  EXPECT_EQ(defaults.whole("count", 0, 3).value(), 3);
  EXPECT_EQ(defaults.seconds("wait").value(), Seconds(60));
  EXPECT_EQ(defaults.choice("kind", {"red", "green"}).value(), 0u);
  const Settings set{{"on", "false"}, {"size", "-1"}, {"kind", "green"}};
  const SettingsReader reader("p", sample_parameters(), set);
  EXPECT_FALSE(reader.flag("on").value());
  EXPECT_EQ(reader.number("size", -1, 3).value(), -1);
  EXPECT_EQ(reader.choice("kind", {"red", "green"}).value(), 1u);
  EXPECT_EQ(reader.text("wait"), "1min");
}

TEST(SettingsReader, SaysWhatIsWrong) {
  const Settings set{
      {"on", "1"}, {"size", "big"}, {"count", "2.5"}, {"wait", "-3s"}, {"kind", "gren"}};
  const SettingsReader reader("p", sample_parameters(), set);
  EXPECT_EQ(reader.flag("on").error().message, "setting 'p.on': '1' is neither true nor false");
  EXPECT_EQ(reader.number("size", 0, 1).error().message, "setting 'p.size': 'big' is not a number");
  EXPECT_EQ(reader.number("count", 0, 1).error().message,
            "setting 'p.count': '2.5' is outside 0 to 1");
  EXPECT_EQ(reader.whole("count", 0, 9).error().message,
            "setting 'p.count': '2.5' is not a whole number");
  EXPECT_EQ(reader.seconds("wait").error().message,
            "setting 'p.wait': '-3s' is not a duration such as 10min");
  EXPECT_EQ(reader.choice("kind", {"red", "green"}).error().message,
            "setting 'p.kind': 'gren' is unknown; did you mean 'green'?");
  EXPECT_EQ(reader.flag("on").error().code, ErrorCode::invalid_argument);
}

TEST(ReasonText, HasASentenceForEveryCode) {
  const auto text = [](ReasonCode code) {
    return reason_text({JobId(0u), code, {3.25, 4, 90, 7200}});
  };
  using enum ReasonCode;
  EXPECT_EQ(text(started), "runs: its tasks fit");
  EXPECT_EQ(text(no_room), "waits: its tasks do not fit what is free");
  EXPECT_EQ(text(behind_head), "waits: the head of the queue does not fit and nobody overtakes it");
  EXPECT_EQ(text(preempted),
            "paused: jobs that come first by the order of the policy need the room");
  EXPECT_EQ(text(resized), "runs with another number of tasks");
  EXPECT_EQ(text(admitted), "admitted: utility 3.25 for a price of 4, done by 2h 00m");
  EXPECT_EQ(text(priced_out), "priced out: its best schedule is worth 4 and costs 90");
  EXPECT_EQ(text(no_schedule), "declined: no schedule completes it while it is worth anything");
  EXPECT_EQ(text(machine_lost), "waits: a machine under it went down");
  EXPECT_EQ(text(replanned), "planned anew: the rest costs 3.25, done by 4.0s");
}

}  // namespace
}  // namespace bourse
