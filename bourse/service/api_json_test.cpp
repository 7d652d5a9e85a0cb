#include "bourse/service/api_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bourse/service/view_fixtures.h"

namespace bourse {
namespace {

TEST(ApiJson, EveryObjectComesBack) {
  // Writing what was read gives the same text, and the texts have every field.
  EXPECT_EQ(to_json(job_view_from_json(to_json(some_job())).value()), to_json(some_job()));
  EXPECT_EQ(to_json(job_detail_from_json(to_json(some_detail())).value()), to_json(some_detail()));
  const JobList jobs{.jobs = {some_job(2), some_job(1)}, .next_before = 1};
  EXPECT_EQ(to_json(job_list_from_json(to_json(jobs)).value()), to_json(jobs));
  const SubmitReply dry{.job = std::nullopt, .forecast = some_forecast(), .warnings = {"odd"}};
  EXPECT_EQ(to_json(submit_reply_from_json(to_json(dry)).value()), to_json(dry));
  EXPECT_EQ(to_json(explanation_from_json(to_json(some_explanation())).value()),
            to_json(some_explanation()));
  EXPECT_EQ(to_json(machine_list_from_json(to_json(some_machines())).value()),
            to_json(some_machines()));
  EXPECT_EQ(to_json(price_list_from_json(to_json(some_prices())).value()), to_json(some_prices()));
  EXPECT_EQ(to_json(change_from_json(to_json(some_change())).value()), to_json(some_change()));
}

TEST(ApiJson, ReadsValuesAndNotOnlyKeys) {
  const JobView job = job_view_from_json(to_json(some_job())).value();
  EXPECT_EQ(job.number, 17u);
  EXPECT_EQ(job.name, "bert \"large\"");
  EXPECT_EQ(job.phase, JobPhase::running);
  EXPECT_EQ(job.started, Seconds(1.7e9 + 0.125));
  EXPECT_FALSE(job.ended.has_value());
  EXPECT_EQ(job.resizes, 2u);
  const MachineList machines = machine_list_from_json(to_json(some_machines())).value();
  EXPECT_EQ(machines.types, some_machines().types);
  EXPECT_EQ(machines.machines[0].capacity, (ResourceVector{2100, 3500}));
  EXPECT_EQ(machines.machines[0].used, (ResourceVector{1000, 1750}));
}

TEST(ApiJson, WritesCountsAsNumbersAndSizesAsBytes) {
  const auto json = nlohmann::json::parse(to_json(some_machines()));
  EXPECT_EQ(json["machines"][0]["capacity"]["gpu"], 2.1);
  EXPECT_EQ(json["machines"][0]["capacity"]["memory"], 3670016);  // 3.5 x 2^20
}

TEST(ApiJson, LargestAmountsComeBackExactly) {
  MachineList list = some_machines();
  list.machines[0].capacity = {kMaxAmount, kMaxAmount - 1};
  EXPECT_EQ(machine_list_from_json(to_json(list)).value().machines[0].capacity,
            list.machines[0].capacity);
}

TEST(ApiJson, TakesNewKeysAndRefusesOtherTypes) {
  EXPECT_TRUE(job_view_from_json(R"({"number": 1, "colour": "red"})").has_value());
  const auto message = [](std::string_view text) {
    const auto job = job_view_from_json(text);
    return job ? "no error" : job.error().message;
  };
  EXPECT_EQ(message("{"), "the answer of the daemon is not JSON");
  EXPECT_EQ(message("[]"), "the answer of the daemon cannot be read: it is not an object");
  EXPECT_EQ(message(R"({"number": -1})"),
            "the answer of the daemon cannot be read: 'number' has another type");
  EXPECT_EQ(message(R"({"workers": 3000000000})"),
            "the answer of the daemon cannot be read: 'workers' has another type");
  EXPECT_EQ(message(R"({"phase": "asleep"})"),
            "the answer of the daemon cannot be read: in 'phase': there is no phase 'asleep'");
}

TEST(ApiJson, IsStrictAboutWhatPeopleSend) {
  const auto message = [](std::string_view text) {
    const auto request = submit_request_from_json(text);
    return request ? "no error" : request.error().message;
  };
  EXPECT_EQ(message(R"({"file": "name: a", "environment": {"A": "1"}, "dry_run": true})"),
            "no error");
  EXPECT_EQ(message(R"({"file": "name: a", "dryrun": true})"),
            "the body: key 'dryrun' is not known; did you mean 'dry_run'?");
  EXPECT_EQ(message(R"({"dry_run": true})"), "the body: key 'file' is missing");
  EXPECT_EQ(message(R"({"file": 3})"), "the body: 'file' has another type");
  EXPECT_EQ(message("name: a"), "the body is not JSON");
}

TEST(ApiJson, ErrorsKeepTheirCode) {
  const Error error = error_from_json(to_json(Error{ErrorCode::not_found, "there is no job 3"}));
  EXPECT_EQ(error.code, ErrorCode::not_found);
  EXPECT_EQ(error.message, "there is no job 3");
  EXPECT_EQ(error_from_json("<html>").code, ErrorCode::internal);
}

TEST(ExplanationView, NamesMachinesAndMovesTheOrigin) {
  const Cluster cluster = parse_cluster_short_form("2x4").value();
  Explanation explanation;
  explanation.promised = Seconds(5);
  explanation.best = PricedOption{
      .utility = 3,
      .cost = 1,
      .completion = Seconds(5),
      .runs = {{.from = Seconds(1),
                .to = Seconds(5),
                .allocation = {{.machine = MachineId(1U), .workers = 2, .servers = 0}}}},
      .paid = {1},
      .cost_when_idle = 0.5};
  const ExplanationView view = view_of(explanation, cluster, Seconds(1000));
  EXPECT_EQ(view.promised, Seconds(1005));
  ASSERT_TRUE(view.best.has_value());
  EXPECT_EQ(view.best->completion, Seconds(1005));
  EXPECT_EQ(view.best->runs[0].from, Seconds(1001));
  EXPECT_EQ(view.best->runs[0].placement[0].machine, cluster.machine_name(MachineId(1U)));
  EXPECT_EQ(view.best->paid[0].first, "gpu");
  EXPECT_FALSE(view.sooner.has_value());
}

}  // namespace
}  // namespace bourse
