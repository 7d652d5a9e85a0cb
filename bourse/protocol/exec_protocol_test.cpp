#include "bourse/protocol/exec_protocol.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

TEST(ExecProtocol, GreetsWithTheMachines) {
  const auto json = nlohmann::json::parse(
      hello_line(cluster_of(2, {{"gpu", 4}, {"cpu", 0.5}}), {.seed = 7}, "1.2"));
  EXPECT_EQ(json["type"], "hello");
  EXPECT_EQ(json["protocol"], 1);
  EXPECT_EQ(json["seed"], 7);
  EXPECT_TRUE(json["horizon_s"].is_null());
  EXPECT_EQ(json["resources"][0]["name"], "gpu");
  ASSERT_EQ(json["machines"].size(), 2U);
  EXPECT_EQ(json["machines"][1]["id"], 1);
  EXPECT_EQ(json["machines"][1]["capacity"], (nlohmann::json{{"gpu", 4.0}, {"cpu", 0.5}}));
}

TEST(ExecProtocol, TellsOfAnArrivalWithTheWholeJobAndOfHowThingsStand) {
  const Cluster cluster = cluster_of(2, {{"gpu", 4}});
  const std::vector<JobSpec> jobs{gang("a", 0, 2, 10),
                                  gang("b", 3, 1, 9, SigmoidUtility{4, 1, Seconds(5)})};
  ClusterState state(cluster, jobs);
  state.arrive(JobId(0U));
  state.allocate(JobId(0U), {{MachineId(1U), 2, 0}}, 1, Seconds(0));
  state.set_up(MachineId(0U), false);
  state.set_now(Seconds(3));
  state.arrive(JobId(1U));
  const std::string line = event_line(state, {.kind = EventKind::arrival, .job = JobId(1U)});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["kind"], "arrival");
  EXPECT_EQ(json["time_s"], 3);
  EXPECT_EQ(json["job"], 1);
  EXPECT_FALSE(json.contains("machine"));
  EXPECT_EQ(json["new_job"]["name"], "b");
  EXPECT_EQ(json["new_job"]["requested_duration_s"], 9);
  EXPECT_EQ(json["new_job"]["throughput"]["shape"], "rigid");
  EXPECT_EQ(json["new_job"]["utility"]["midpoint_s"], 5);
  EXPECT_EQ(json["jobs"][0]["status"], "running");
  EXPECT_EQ(json["jobs"][0]["work_done"], 3);
  EXPECT_EQ(json["jobs"][0]["held_s"], 3);
  EXPECT_EQ(json["jobs"][0]["allocation"][0]["machine"], 1);
  EXPECT_EQ(json["jobs"][1]["status"], "waiting");
  EXPECT_EQ(json["machines_down"], nlohmann::json::array({0}));
}

TEST(ExecProtocol, ReadsADecision) {
  const auto decision = parse_decision(
      R"({"type":"decision","changes":[{"job":3,"allocation":[{"machine":2,"workers":1},)"
      R"({"machine":0,"workers":2,"servers":1}]},{"job":4}],"declined":[5],"wake_at_s":60})");
  ASSERT_TRUE(decision.has_value()) << decision.error().message;
  EXPECT_EQ(decision->changes[0].job, JobId(3U));
  EXPECT_EQ(decision->changes[0].allocation,
            (Allocation{{MachineId(0U), 2, 1}, {MachineId(2U), 1, 0}}));
  EXPECT_TRUE(decision->changes[1].allocation.empty());
  EXPECT_EQ(decision->declined, (std::vector<JobId>{JobId(5U)}));
  EXPECT_EQ(decision->wake_at, Seconds(60));
  EXPECT_EQ(parse_decision(R"({"type":"decision","wake_at_s":null})")->wake_at, kForever);
}

TEST(ExecProtocol, ShowsAndReadsTheBatchOfAnAdaptiveJob) {
  const Cluster cluster = cluster_of(1, {{"gpu", 4}});
  std::vector<JobSpec> jobs{gang("a", 0, 1, 1000)};
  jobs[0].throughput = AdaptiveThroughput{.step_per_sample = Seconds(0.01),
                                          .base_batch = 10,
                                          .requested_batch = 20,
                                          .max_batch_per_worker = 100,
                                          .max_workers = 4,
                                          .noise_scale = 10,
                                          .epoch_samples = 100,
                                          .max_learning_rate = 4};
  ClusterState state(cluster, jobs);
  state.arrive(JobId(0U));
  state.allocate(JobId(0U), {{MachineId(0U), 2, 0}}, Pace({.trained = 8, .progress = 4}, 40),
                 Seconds(0));
  state.set_now(Seconds(3));
  const auto json = nlohmann::json::parse(event_line(state, {.kind = EventKind::wake}));
  EXPECT_EQ(json["jobs"][0]["batch"], 40);
  EXPECT_EQ(json["jobs"][0]["work_done"], 12);
  EXPECT_EQ(json["jobs"][0]["samples_trained"], 24);
  const auto decision =
      parse_decision(R"({"type":"decision","changes":[)"
                     R"({"job":0,"allocation":[{"machine":0,"workers":2}],"batch":30}]})");
  ASSERT_TRUE(decision.has_value());
  EXPECT_EQ(decision->changes[0].batch, 30);
}

TEST(ExecProtocol, SaysWhatIsWrongWithAnAnswer) {
  const auto refusal = [](std::string_view line) {
    const auto decision = parse_decision(line);
    return decision ? "taken" : decision.error().message;
  };
  EXPECT_EQ(refusal("soon\t"), "'soon\\x09' is not one line of JSON");
  EXPECT_EQ(refusal("[]"), "the answer is not a JSON object");
  EXPECT_EQ(refusal("{}"), "field 'type' must be \"decision\"");
  EXPECT_EQ(refusal(R"({"type":"decision","chnges":[]})"),
            "there is no field 'chnges'; did you mean 'changes'?");
  EXPECT_EQ(refusal(R"({"type":"decision","changes":{}})"), "field 'changes' must be a list");
  EXPECT_EQ(refusal(R"({"type":"decision","changes":[{}]})"), "field 'changes[0].job' is missing");
  EXPECT_EQ(refusal(R"({"type":"decision","changes":[{"job":1.5}]})"),
            "field 'changes[0].job' must be a whole number from 0 to 4294967294");
  EXPECT_EQ(
      refusal(
          R"({"type":"decision","changes":[{"job":1,"allocation":[{"machine":0,"workers":-1}]}]})"),
      "field 'changes[0].allocation[0].workers' must be a whole number from 0 to 1000000");
  EXPECT_EQ(refusal(R"({"type":"decision","changes":[{"job":1,"allocation":[{"machin":0}]}]})"),
            "there is no field 'changes[0].allocation[0].machin'; did you mean 'machine'?");
  EXPECT_EQ(refusal(R"({"type":"decision","wake_at_s":"soon"})"),
            "field 'wake_at_s' must be a time in seconds or null");
}

TEST(ExecProtocol, InsistsOnItsVersion) {
  EXPECT_TRUE(check_hello(R"({"type":"hello","protocol":1,"name":"x"})").has_value());
  EXPECT_EQ(check_hello(R"({"type":"hello","protocol":2})").error().message,
            "field 'protocol' must be 1, which this bourse speaks");
  EXPECT_EQ(check_hello(R"({"type":"hello"})").error().message,
            "field 'protocol' must be 1, which this bourse speaks");
}

}  // namespace
}  // namespace bourse
