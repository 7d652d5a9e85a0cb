#include "bourse/service/http_server.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "bourse/service/fake_api.h"
#include "bourse/service/test_loop.h"

namespace bourse {
namespace {

class HttpServerTest : public testing::Test {
 protected:
  FakeApi api_;
  TestLoop loop_;
  std::unique_ptr<HttpServer> server_;
  std::string folder_;

  static void SetUpTestSuite() { make_statics_of_httplib(); }
  void SetUp() override {
    std::string name = "/tmp/bourse-http-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/bourse.sock"; }
  void start(const HttpOptions& options) {
    auto server = HttpServer::start(api_, loop_.poster(), options);
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = *std::move(server);
  }
  std::string error_of(const HttpOptions& options) {
    auto server = HttpServer::start(api_, loop_.poster(), options);
    return server ? "no error" : server.error().message;
  }
};

TEST_F(HttpServerTest, AnswersOverTcpAndAUnixSocket) {
  start({.socket = socket(), .port = 0});
  httplib::Client tcp("127.0.0.1", server_->port());
  httplib::Client local(socket());
  local.set_address_family(AF_UNIX);
  for (httplib::Client* client : {&tcp, &local}) {
    const auto jobs = client->Get("/v1/jobs?limit=3");
    ASSERT_TRUE(jobs);
    EXPECT_EQ(jobs->status, 200);
    EXPECT_EQ(jobs->get_header_value("Content-Type"), "application/json");
    const auto made = client->Post("/v1/jobs", "name: a", "application/yaml");
    ASSERT_TRUE(made);
    EXPECT_EQ(made->status, 201);
    const auto gone = client->Delete("/v1/jobs/3");
    ASSERT_TRUE(gone);
    EXPECT_EQ(gone->status, 404);
    const auto machine = client->Post("/v1/machines/local%2D0/drain?reason=a%20fan");
    ASSERT_TRUE(machine);
    EXPECT_EQ(machine->status, 200);
  }
  EXPECT_EQ(api_.drain_reason, "a fan");
  struct stat status{};
  ASSERT_EQ(stat(socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(HttpServerTest, RefusesPagesOfOtherOriginsOverTcp) {
  start({.socket = socket(), .port = 0});
  httplib::Client tcp("127.0.0.1", server_->port());
  const std::string host = "127.0.0.1:" + std::to_string(server_->port());
  EXPECT_EQ(tcp.Get("/v1/jobs", {{"Origin", "http://evil.example"}})->status, 403);
  EXPECT_EQ(tcp.Get("/v1/jobs", {{"Host", "evil.example"}})->status, 403);
  EXPECT_EQ(tcp.Get("/v1/jobs", {{"Origin", "http://" + host}, {"Host", host}})->status, 200);
  EXPECT_EQ(tcp.Get("/v1/jobs", {{"Host", "localhost:80"}})->status, 200);
}

TEST_F(HttpServerTest, RefusesABodyThatIsTooLarge) {
  start({.socket = {}, .port = 0});
  httplib::Client tcp("127.0.0.1", server_->port());
  const auto reply = tcp.Post("/v1/jobs", std::string(3 << 20, 'a'), "application/yaml");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 413);
  EXPECT_EQ(nlohmann::json::parse(reply->body)["error"]["message"],
            "the body is larger than 2 MiB");
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  start({.socket = socket(), .port = 0});
  EXPECT_EQ(error_of({.socket = socket()}), "another daemon listens at '" + socket() + "'");
  EXPECT_EQ(error_of({.socket = {}, .port = server_->port()}),
            "another process listens at 127.0.0.1:" + std::to_string(server_->port()) +
                "; choose another port");
  EXPECT_EQ(error_of({.socket = "/tmp/" + std::string(120, 'x')}).substr(0, 34),
            "the path of the socket, '/tmp/xxxx");
  EXPECT_EQ(error_of({.socket = folder_}), "'" + folder_ + "' is there and is no socket");
  EXPECT_EQ(error_of({.socket = folder_ + "/none/x"}),
            "cannot listen at '" + folder_ + "/none/x': No such file or directory");
}

TEST_F(HttpServerTest, TakesOverASocketThatNobodyListensAt) {
  const int old = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(old, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  close(old);
  start({.socket = socket()});
  httplib::Client local(socket());
  local.set_address_family(AF_UNIX);
  EXPECT_EQ(local.Get("/healthz")->body, "ok\n");
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(HttpServerTest, StreamsChangesAsTheyCome) {
  start({.socket = {}, .port = 0});
  httplib::Client tcp("127.0.0.1", server_->port());
  std::string text;
  bool was_told = false;
  // The reader takes the greeting, then the loop makes two changes; it leaves after the second.
  const auto reply = tcp.Get("/v1/events", [&](const char* data, std::size_t size) {
    text.append(data, size);
    if (!was_told && text.find("changes follow") != std::string::npos) {
      was_told = true;
      loop_.post([this] {
        api_.changes = {some_change(1), some_change(2)};
        server_->notify(2);
      });
    }
    return text.find("id: 2\n") == std::string::npos;
  });
  EXPECT_NE(text.find("id: 1\nevent: job\ndata: {"), std::string::npos);
  EXPECT_NE(text.find("id: 2\nevent: job\ndata: {"), std::string::npos);
}

TEST_F(HttpServerTest, FollowsALogToItsEnd) {
  api_.is_log_complete = false;
  start({.socket = {}, .port = 0});
  httplib::Client tcp("127.0.0.1", server_->port());
  std::string text;
  bool was_told = false;
  const auto reply = tcp.Get("/v1/jobs/17/log?follow", [&](const char* data, std::size_t size) {
    text.append(data, size);
    if (!was_told) {
      was_told = true;
      loop_.post([this] {
        api_.text_of_log += "line 3\n";
        api_.is_log_complete = true;
      });
    }
    return true;
  });
  ASSERT_TRUE(reply);
  EXPECT_EQ(text, "line 1\nline 2\nline 3\n");
}

TEST_F(HttpServerTest, BoundsTheStreamsAndEndsThemAll) {
  start({.socket = {}, .port = 0, .streams_max = 1});
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
  std::jthread reader([&] {
    httplib::Client tcp("127.0.0.1", server_->port());
    tcp.Get("/v1/events", [&](const char*, std::size_t) {
      const std::lock_guard lock(mutex);
      is_open = true;
      changed.notify_all();
      return true;
    });
  });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_open; });
  }
  httplib::Client second("127.0.0.1", server_->port());
  const auto refused = second.Get("/v1/events");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  server_.reset();  // The reader's stream ends: it is joined here.
}

TEST_F(HttpServerTest, DoesNotWaitForALoopThatIsBusy) {
  start({.socket = {}, .port = 0, .answer_within = Seconds(0.01)});
  std::promise<void> may_go_on;
  std::promise<void> went_on;
  loop_.post([&] {
    may_go_on.get_future().wait();
    went_on.set_value();
  });
  httplib::Client tcp("127.0.0.1", server_->port());
  const auto late = tcp.Get("/v1/jobs");
  ASSERT_TRUE(late);
  EXPECT_EQ(late->status, 504);
  EXPECT_EQ(tcp.Get("/healthz")->status, 200);
  may_go_on.set_value();
  went_on.get_future().wait();
}

}  // namespace
}  // namespace bourse
