#include "bourse/service/http_routes.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bourse/service/api_json.h"
#include "bourse/service/fake_api.h"
#include "bourse/service/prometheus.h"

namespace bourse {
namespace {

using nlohmann::json;

/// A server whose loop does at once what is posted.
class HttpRoutes : public testing::Test {
 protected:
  FakeApi api_;
  LoopCaller loop_{[](const std::function<void()>& work) { work(); }, Seconds(10)};
  ChangeFeed feed_;
  HttpContext context_{api_, loop_, feed_};

  HttpReply ask(HttpRequest request, const Caller& caller = {.user = "root", .role = Role::admin}) {
    request.caller = caller;
    return answer(context_, request);
  }
  HttpReply get(const std::string& path, std::map<std::string, std::string> query = {}) {
    return ask({.method = "GET", .path = path, .query = std::move(query)});
  }
  std::string error_of(const HttpReply& reply) {
    const json body = json::parse(reply.body);
    return std::to_string(reply.status) + " " + body["error"]["code"].get<std::string>() + ": " +
           body["error"]["message"].get<std::string>();
  }
};

TEST_F(HttpRoutes, SayWhatIsWrongWithARequest) {
  EXPECT_EQ(error_of(get("/v1/job")),
            "404 not_found: there is no '/v1/job'; /openapi.json says what there is");
  EXPECT_EQ(error_of(ask({.method = "PUT", .path = "/v1/jobs"})),
            "405 invalid_argument: '/v1/jobs' cannot be asked with PUT; use GET, POST");
  EXPECT_EQ(error_of(get("/v1/jobs", {{"limt", "3"}})),
            "400 invalid_argument: query parameter 'limt' is not known; did you mean 'limit'?");
  EXPECT_EQ(error_of(get("/v1/jobs", {{"limit", "0"}})),
            "400 invalid_argument: limit: '0' is not a whole number from 1 to 1000");
  EXPECT_EQ(error_of(get("/v1/jobs", {{"state", "asleep"}})).substr(0, 58),
            "400 invalid_argument: state: there is no phase 'asleep'; k");
  EXPECT_EQ(error_of(get("/v1/jobs/x")), "404 not_found: there is no job 'x'");
  EXPECT_EQ(error_of(get("/v1/jobs/18")), "404 not_found: there is no job 18");
  EXPECT_EQ(error_of(ask({.method = "DELETE", .path = "/v1/jobs/18"})),
            "409 failed_precondition: job 18 has ended");
  EXPECT_EQ(error_of(get("/v1/jobs/17/log", {{"task", "x"}})),
            "404 not_found: job 17 has no task 'x'");
  EXPECT_EQ(error_of(get("/v1/jobs/17/log", {{"follow", "maybe"}})),
            "400 invalid_argument: follow: 'maybe' is not true or false");
  EXPECT_EQ(error_of(ask({.method = "POST", .path = "/v1/machines/x/drain"})),
            "404 not_found: there is no such machine");
  EXPECT_EQ(
      error_of(ask(
          {.method = "POST", .path = "/v1/jobs", .content_type = "text/html", .body = "name: a"})),
      "415 invalid_argument: content type 'text/html' is not read; send application/yaml or "
      "application/json");
  EXPECT_EQ(error_of(ask({.method = "POST", .path = "/v1/jobs", .content_type = "text/yaml"})),
            "400 invalid_argument: job.yaml:1: the file is empty");
  EXPECT_EQ(
      error_of(
          ask({.method = "POST", .path = "/v1/jobs", .content_type = "text/yaml", .body = "full"})),
      "429 resource_exhausted: too many jobs");
  api_.is_ready = fail(ErrorCode::unavailable, "the journal is read");
  EXPECT_EQ(error_of(get("/readyz")), "503 unavailable: the journal is read");
}

TEST_F(HttpRoutes, PassOnWhatIsAsked) {
  EXPECT_EQ(
      get("/v1/jobs", {{"state", "live"}, {"group", "a"}, {"before", "9"}, {"limit", "2"}}).status,
      200);
  EXPECT_EQ(api_.query.phases.size(), 5u);
  EXPECT_EQ(api_.query.group, "a");
  EXPECT_EQ(api_.query.before, 9u);
  EXPECT_EQ(api_.query.limit, 2u);
  get("/v1/jobs", {{"state", "running,failed"}});
  EXPECT_EQ(api_.query.phases, (std::vector{JobPhase::running, JobPhase::failed}));
  const HttpReply reply = ask({.method = "POST",
                               .path = "/v1/jobs",
                               .content_type = "application/json",
                               .body = to_json(SubmitRequest{.file = "name: b",
                                                             .name = "b.yaml",
                                                             .directory = "/srv",
                                                             .environment = {{"A", "1"}},
                                                             .is_dry_run = true})});
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(json::parse(reply.body)["job"].is_null());
  EXPECT_EQ(api_.submitted.file, "name: b");
  EXPECT_EQ(api_.submitted.name, "b.yaml");
  EXPECT_EQ(api_.submitted.directory, "/srv");
  EXPECT_EQ(api_.submitted.environment.at("A"), "1");
  EXPECT_TRUE(api_.submitted.is_dry_run);
  ask({.method = "POST", .path = "/v1/machines/local-0/drain", .query = {{"reason", "a fan"}}});
  EXPECT_TRUE(api_.is_drained);
  EXPECT_EQ(api_.drain_reason, "a fan");
  ask({.method = "POST", .path = "/v1/machines/local-0/undrain"});
  EXPECT_FALSE(api_.is_drained);
}

TEST_F(HttpRoutes, AnswerHeadAsGet) {
  EXPECT_EQ(ask({.method = "HEAD", .path = "/healthz"}).status, 200);
  EXPECT_EQ(ask({.method = "HEAD", .path = "/v1/jobs/99"}).status, 404);
}

TEST_F(HttpRoutes, HandOutLogsInParts) {
  const HttpReply part = get("/v1/jobs/17/log", {{"offset", "7"}, {"limit", "4"}});
  EXPECT_EQ(part.body, "line");
  const std::vector<std::pair<std::string, std::string>> expected = {{"Bourse-Next-Offset", "11"},
                                                                     {"Bourse-Complete", "false"}};
  EXPECT_EQ(part.headers, expected);
  EXPECT_EQ(get("/v1/jobs/17/log", {{"offset", "99"}}).body, "");
  const HttpReply followed = get("/v1/jobs/17/log", {{"follow", "true"}});
  ASSERT_TRUE(followed.stream);
  std::string all;
  EXPECT_TRUE(followed.stream(all));
  EXPECT_FALSE(followed.stream(all)) << "the log is complete";
  EXPECT_EQ(all, "line 1\nline 2\n");
}

TEST_F(HttpRoutes, StreamChangesFromWhereTheReaderWas) {
  api_.changes = {some_change(1), some_change(2), some_change(3)};
  HttpRequest request{.method = "GET", .path = "/v1/events", .last_event_id = "1"};
  const HttpReply reply = ask(request);
  ASSERT_TRUE(reply.stream);
  std::string text;
  EXPECT_TRUE(reply.stream(text));
  EXPECT_EQ(text, "retry: 2000\n: changes follow\n\n");
  text.clear();
  EXPECT_TRUE(reply.stream(text));
  EXPECT_EQ(text, "id: 2\nevent: job\ndata: " + to_json(some_change(2)) +
                      "\n\nid: 3\nevent: job\ndata: " + to_json(some_change(3)) + "\n\n");
  loop_.stop();
  EXPECT_FALSE(reply.stream(text)) << "the daemon ends";
}

TEST_F(HttpRoutes, EveryErrorCodeHasItsStatus) {
  using enum ErrorCode;
  const std::pair<ErrorCode, int> expected[] = {
      {invalid_argument, 400},    {not_found, 404},       {already_exists, 409},
      {failed_precondition, 409}, {unauthenticated, 401}, {permission_denied, 403},
      {resource_exhausted, 429},  {unavailable, 503},     {deadline_exceeded, 504},
      {data_corrupted, 500},      {internal, 500}};
  for (const auto& [code, status] : expected) EXPECT_EQ(http_status_of(code), status);
}

TEST(LoopCaller, GivesUpWhenTheLoopIsBusyOrEnds) {
  std::function<void()> later;
  LoopCaller loop([&later](std::function<void()> work) { later = std::move(work); },
                  Seconds(0.001));
  const auto late = loop.call<int>([]() -> Result<int> { return 1; });
  EXPECT_EQ(late.error().code, ErrorCode::deadline_exceeded);
  later();  // What was posted may still be done, into nowhere.
  loop.stop();
  bool was_done = false;
  const auto ended = loop.call<int>([&]() -> Result<int> { return was_done = true; });
  EXPECT_EQ(ended.error().code, ErrorCode::unavailable);
  later();
  EXPECT_FALSE(was_done) << "nothing is done for a server that has ended";
}

TEST(PrometheusText, HasHelpTypeAndValueOfEveryFigure) {
  FakeApi api;
  MetricsView figures = api.metrics().value();
  figures.policy = "a\"b\\c";
  const std::string text = prometheus_text(figures);
  EXPECT_NE(text.find("bourse_policy_info{policy=\"a\\\"b\\\\c\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("# HELP bourse_jobs Jobs in each phase, ended ones included.\n"
                      "# TYPE bourse_jobs gauge\n"
                      "bourse_jobs{phase=\"running\"} 2\n"
                      "bourse_jobs{phase=\"backing-off\"} 1\n"),
            std::string::npos);
  EXPECT_NE(text.find("bourse_decision_seconds_sum 0.5\nbourse_decision_seconds_count 4\n"),
            std::string::npos);
  EXPECT_NE(text.find("bourse_resource_capacity{resource=\"gpu\"} 2.1\n"
                      "bourse_resource_capacity{resource=\"memory\"} 3670016\n"),
            std::string::npos);
  EXPECT_NE(text.find("bourse_cells_started_total 7\n"), std::string::npos);
}

}  // namespace
}  // namespace bourse
