#include "apps/bourse/daemon_client.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "bourse/service/api_json.h"
#include "bourse/service/fake_api.h"
#include "bourse/service/http_server.h"
#include "bourse/service/test_loop.h"

namespace bourse {
namespace {

class DaemonClientTest : public testing::Test {
 protected:
  FakeApi api_;
  TestLoop loop_;
  std::unique_ptr<HttpServer> server_;
  std::string folder_;

  void SetUp() override {
    std::string name = "/tmp/bourse-client-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    auto server = HttpServer::start(api_, loop_.poster(), {.socket = socket(), .port = 0});
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = *std::move(server);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/socket"; }
};

TEST_F(DaemonClientTest, AsksOverBothKindsOfSocket) {
  for (const std::string& address :
       {socket(), "http://127.0.0.1:" + std::to_string(server_->port())}) {
    DaemonClient client(parse_server_address(address).value());
    EXPECT_EQ(client.get("/v1/jobs", {{"group", "a & b"}}).value(),
              to_json(JobList{.jobs = {some_job()}, .next_before = 17}));
    EXPECT_EQ(api_.query.group, "a & b");
    EXPECT_EQ(
        client.post("/v1/machines/" + url_part("local-0") + "/drain", {{"reason", "100%"}}).value(),
        to_json(some_machines()));
    EXPECT_EQ(api_.drain_reason, "100%");
    EXPECT_EQ(client.remove("/v1/jobs/17").value(), to_json(some_job()));
  }
}

TEST_F(DaemonClientTest, PassesOnTheErrorsOfTheDaemon) {
  {
    DaemonClient client(parse_server_address(socket()).value());
    const auto none = client.get("/v1/jobs/3");
    EXPECT_EQ(none.error().code, ErrorCode::not_found);
    EXPECT_EQ(none.error().message, "there is no job 3");
    const auto streamed =
        client.stream("/v1/jobs/3/log", {}, [](std::string_view) { return true; });
    EXPECT_EQ(streamed.error().message, "there is no job 3");
  }
  server_.reset();
  DaemonClient late(parse_server_address(socket()).value());
  EXPECT_EQ(late.get("/v1/jobs").error().message,
            "no daemon answers at unix:" + socket() + "; start one with 'bourse serve'");
}

TEST_F(DaemonClientTest, StreamsUntilItHasEnough) {
  api_.changes = {some_change(1), some_change(2), some_change(3)};
  DaemonClient client(parse_server_address(socket()).value());
  EventLines lines;
  std::vector<std::uint64_t> numbers;
  const auto streamed = client.stream("/v1/events", {{"after", "1"}}, [&](std::string_view piece) {
    lines.take(piece, [&](const std::string& data) {
      numbers.push_back(change_from_json(data).value().number);
    });
    return numbers.size() < 2;
  });
  EXPECT_TRUE(streamed.has_value());
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{2, 3}));
}

}  // namespace
}  // namespace bourse
