#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "bourse/service/fake_api.h"
#include "bourse/service/http_connection.h"
#include "bourse/service/http_server.h"
#include "bourse/service/test_loop.h"
#include "bourse/world/real_world.h"

// What somebody with bad intentions would try over HTTP (docs/security.md has the list).

namespace bourse {
namespace {

using ::testing::HasSubstr;

/// Bytes over a connection, without a client that keeps to the rules.
class RawConnection {
 public:
  explicit RawConnection(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { close(socket_); }

  bool send(std::string_view bytes) const {
    return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(bytes.size());
  }
  /// What comes first.
  [[nodiscard]] std::string some() const {
    char piece[4096];
    const ssize_t count = recv(socket_, piece, sizeof piece, 0);
    return {piece, static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
  /// Nothing more is sent.
  void finish() const { shutdown(socket_, SHUT_WR); }
  /// All that comes until the server closes.
  [[nodiscard]] std::string rest() const {
    std::string all;
    char piece[4096];
    ssize_t count = 0;
    while ((count = recv(socket_, piece, sizeof piece, 0)) > 0)
      all.append(piece, static_cast<std::size_t>(count));
    return all;
  }

 private:
  int socket_;
};

class HttpAttack : public ::testing::Test {
 protected:
  FakeApi api_;
  TestLoop loop_;
  RealWorld real_;
  std::unique_ptr<HttpServer> server_;
  std::string folder_;
  std::promise<std::string> audited_;

  static void SetUpTestSuite() { make_statics_of_httplib(); }
  void SetUp() override {
    std::string name = "/tmp/bourse-attack-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }
  /// Over a port, with an owner that is nobody here: only tokens count, but for root's processes.
  void start(HttpOptions options = {}) {
    options.port = 0;
    options.owner = 4'000'000'000;
    auto server = HttpServer::start(api_, loop_.poster(), options);
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = *std::move(server);
  }
  [[nodiscard]] httplib::Client client(const std::string& token) const {
    httplib::Client made("127.0.0.1", server_->port());
    made.set_bearer_token_auth(token);
    return made;
  }
};

TEST_F(HttpAttack, TheTokenOfAnotherUserShowsAndCancelsNothing) {
  start();
  auto bob = client("user:bob");
  for (const char* path :
       {"/v1/jobs/17", "/v1/jobs/17/log", "/v1/jobs/17/log?follow", "/v1/jobs/17/explanation"}) {
    const auto reply = bob.Get(path);
    ASSERT_TRUE(reply) << path;
    EXPECT_EQ(reply->status, 404) << path;
    EXPECT_THAT(reply->body, HasSubstr("there is no job 17")) << path;
  }
  EXPECT_EQ(bob.Delete("/v1/jobs/17")->status, 404);
  EXPECT_THAT(bob.Get("/v1/machines")->body, HasSubstr("\"jobs\":[]"));
  // What is listed is asked for by owner, whatever the query says.
  EXPECT_EQ(bob.Get("/v1/jobs?user=alice")->status, 200);
  EXPECT_EQ(api_.query.owner, "bob");
  // What is submitted is Bob's, whatever the body says.
  EXPECT_EQ(
      bob.Post("/v1/jobs", R"({"file": "name: a", "user": "alice"})", "application/json")->status,
      400);
  EXPECT_EQ(bob.Post("/v1/jobs", "name: a", "application/yaml")->status, 201);
  EXPECT_EQ(api_.submitted.user, "bob");
  auto alice = client("user:alice");
  EXPECT_EQ(alice.Get("/v1/jobs/17/log")->status, 200);
  EXPECT_THAT(alice.Get("/v1/machines")->body, HasSubstr("17"));
}

TEST_F(HttpAttack, ARoleThatIsTooLowIsRefused) {
  start();
  auto user = client("user:alice");
  EXPECT_EQ(user.Post("/v1/machines/local-0/drain")->status, 403);
  const auto tokens = user.Get("/v1/tokens");
  EXPECT_EQ(tokens->status, 403);
  EXPECT_THAT(tokens->body, HasSubstr(R"("code":"permission_denied")"));
  EXPECT_EQ(
      user.Post("/v1/tokens", R"({"user": "a", "role": "admin"})", "application/json")->status,
      403);
  EXPECT_EQ(user.Delete("/v1/tokens/1234abcd")->status, 403);
  auto viewer = client("viewer:eve");
  EXPECT_EQ(viewer.Post("/v1/jobs", "name: a", "application/yaml")->status, 403);
  EXPECT_EQ(viewer.Delete("/v1/jobs/17")->status, 403);
  EXPECT_EQ(viewer.Get("/v1/jobs/17/log")->status, 403);
  const auto job = viewer.Get("/v1/jobs/17");
  EXPECT_EQ(job->status, 200);
  EXPECT_THAT(job->body, HasSubstr("\"file\":\"\"")) << "a job file may hold secrets";
}

TEST_F(HttpAttack, EventsOfOthersAreNotTold) {
  api_.changes = {some_change(1), some_change(2), some_change(3)};
  api_.changes[0].owner = api_.changes[2].owner = "alice";
  api_.changes[1].owner = "bob";
  start();
  auto bob = client("user:bob");
  std::string text;
  (void)bob.Get("/v1/events?after=0", [&](const char* data, std::size_t size) {
    text.append(data, size);
    return text.find("id: ") == std::string::npos;
  });
  EXPECT_THAT(text, HasSubstr("id: 2\n"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("id: 1\n")));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("id: 3\n")));
}

TEST_F(HttpAttack, TokensCannotBeGuessed) {
  start({.failures = {.per_second = 0.001, .burst = 3}});
  auto guesser = client("bourse_00000000_00000000000000000000000000000000");
  for (int i = 0; i < 3; ++i) {
    const auto reply = guesser.Get("/v1/jobs");
    EXPECT_EQ(reply->status, 401);
    EXPECT_THAT(reply->body, HasSubstr(R"("code":"unauthenticated")"));
    EXPECT_EQ(reply->get_header_value("WWW-Authenticate"), "Bearer");
  }
  EXPECT_EQ(guesser.Get("/v1/jobs")->status, 429);
  EXPECT_EQ(client("user:alice").Get("/v1/jobs")->status, 429) << "from the same address";
}

TEST_F(HttpAttack, RequestsThatComeTooOftenAreRefused) {
  start({.rate = {.per_second = 0.001, .burst = 2}});
  auto alice = client("user:alice");
  EXPECT_EQ(alice.Get("/v1/jobs")->status, 200);
  EXPECT_EQ(alice.Get("/v1/jobs")->status, 200);
  const auto reply = alice.Get("/v1/jobs");
  EXPECT_EQ(reply->status, 429);
  EXPECT_EQ(reply->get_header_value("Retry-After"), "1");
}

TEST_F(HttpAttack, RefusalsAreWrittenIntoTheAuditLog) {
  start({.audit = [this](const std::string& line) { audited_.set_value(line); }});
  EXPECT_EQ(client("user:alice").Post("/v1/machines/x%0a%22/drain")->status, 403);
  EXPECT_EQ(audited_.get_future().get(),
            R"({"user":"alice","role":"user","token":"1234abcd","address":"127.0.0.1","uid":)" +
                std::to_string(getuid()) +
                R"(,"method":"POST","path":"/v1/machines/x\n\"/drain","status":403})");
}

TEST_F(HttpAttack, PathsDoNotLeaveWhatIsServed) {
  start();
  auto admin = client("admin:root");
  for (const char* path :
       {"/../etc/passwd", "/v1/../../etc/passwd", "/v1/jobs/..%2f..%2fetc", "/v1/jobs/17/../18",
        "/v1/jobs/%2e%2e/log", "//etc/passwd", "/v1/jobs/17/log%00.txt", "/v1/jobs/-1",
        "/v1/jobs/1e300", "/v1/tokens/..%2f1234abcd"}) {
    const auto reply = admin.Get(path);
    ASSERT_TRUE(reply) << path;
    EXPECT_THAT(reply->status, ::testing::AnyOf(400, 404, 405)) << path;
  }
  EXPECT_EQ(admin.Get("/v1/jobs/17/log?task=..%2f..%2fbourse.db")->status, 404);
}

TEST_F(HttpAttack, WhatIsTooLargeIsCutOff) {
  start();
  const std::string plain = "Host: localhost\r\nAuthorization: Bearer admin:root\r\n";
  const auto answer_to = [&](const std::string& bytes) {
    const RawConnection connection(server_->port());
    connection.send(bytes);
    connection.finish();
    return connection.rest().substr(0, 12);
  };
  EXPECT_EQ(answer_to("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + plain + "\r\n"),
            "HTTP/1.1 414");
  EXPECT_EQ(answer_to("GET /" + std::string(8000, 'a') + " HTTP/1.1\r\nConnection: close\r\n" +
                      plain + "\r\n"),
            "HTTP/1.1 404");
  EXPECT_EQ(
      answer_to("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'b') + "\r\n" + plain + "\r\n"),
      "HTTP/1.1 400");
  // Headers without end: no more than 64 KiB and a body are read of any request.
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "a: b\r\n\r";
  EXPECT_THAT(answer_to("GET / HTTP/1.1\r\n" + many), ::testing::AnyOf("HTTP/1.1 400", ""));
  EXPECT_EQ(answer_to("POST /v1/jobs HTTP/1.1\r\nContent-Length: 99999999999\r\n" + plain + "\r\n" +
                      std::string(3 << 20, 'x')),
            "HTTP/1.1 413");
  // Chunks without end.
  std::string chunks;
  for (int i = 0; i < 300; ++i) chunks += "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  EXPECT_THAT(answer_to("POST /v1/jobs HTTP/1.1\r\nContent-Type: text/yaml\r\nTransfer-Encoding: "
                        "chunked\r\n" +
                        plain + "\r\n" + chunks),
              ::testing::AnyOf("HTTP/1.1 400", "HTTP/1.1 413"));
  // A thousandfold when it is unpacked.
  EXPECT_EQ(answer_to("POST /v1/jobs HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n" +
                      plain + "\r\nabcde"),
            "HTTP/1.1 415");
  EXPECT_EQ(client("admin:root").Get("/v1/jobs")->status, 200) << "the server lives";
}

TEST_F(HttpAttack, ABodyIsNotReadFromWhoIsNotKnown) {
  start();
  const RawConnection connection(server_->port());
  // The body holds a second request, which must not be taken for one.
  connection.send(
      "POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nobody\r\n"
      "Content-Length: 60\r\n\r\nDELETE /v1/jobs/17 HTTP/1.1\r\nAuthorization: Bearer "
      "admin:a\r\n\r\n");
  const std::string answer = connection.rest();
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 401");
  EXPECT_EQ(answer.find("HTTP/1.1", 12), std::string::npos) << "one answer only";
}

TEST_F(HttpAttack, ASlowRequestIsEndedAndKeepsNobodyFromTheServer) {
  start({.requests_max = 4, .connections_max = 3, .request_within = Seconds(0.3)});
  const RawConnection slow(server_->port());
  const RawConnection slower(server_->port());
  slow.send("GET /v1/jobs HTTP/1.1\r\nHost: localhost\r\n");
  slower.send("G");
  EXPECT_EQ(client("user:alice").Get("/v1/jobs")->status, 200);
  // Each byte is in time, but not the whole.
  std::jthread dribble([&slow](const std::stop_token& stop) {
    while (!stop.stop_requested() && slow.send("a: b\r\n"))
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  EXPECT_THAT(slow.rest().substr(0, 12), ::testing::AnyOf("HTTP/1.1 400", ""));
  EXPECT_EQ(slower.rest(), "");
}

TEST_F(HttpAttack, OneAddressGetsSoManyConnectionsAndNoMore) {
  start({.requests_max = 4, .connections_max = 2});
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const RawConnection first(server_->port());
  const RawConnection second(server_->port());
  for (const RawConnection* connection : {&first, &second}) {
    connection->send(request);
    EXPECT_THAT(connection->some(), HasSubstr("200"));  // It has its place now,
    connection->send("G");                              // and keeps it.
  }
  const RawConnection third(server_->port());
  third.send(request);
  EXPECT_EQ(third.rest(), "");
}

TEST_F(HttpAttack, TlsIsNotSpokenInTheOpen) {
  const auto made = own_certificate(real_.world().files, folder_, {"localhost", "127.0.0.1"}, 1);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(std::filesystem::status(made->key).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  start({.tls = *made, .request_within = Seconds(1)});
  const RawConnection connection(server_->port());
  connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(connection.rest().find("200"), std::string::npos);
  httplib::Client trusting("https://localhost:" + std::to_string(server_->port()));
  trusting.set_ca_cert_path(made->certificate);
  const auto reply = trusting.Get("/healthz");
  ASSERT_TRUE(reply) << httplib::to_string(reply.error());
  EXPECT_EQ(reply->status, 200);
  httplib::Client stranger("https://localhost:" + std::to_string(server_->port()));
  EXPECT_EQ(stranger.Get("/healthz").error(), httplib::Error::SSLServerVerification);
}

TEST(UserInTable, IsThatOfAnEstablishedSocketThatAProcessHolds) {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1BA5 00000000:0000 0A 00000000:00000000 00:00000000 00000000   500        0 "
      "41 1 0 100 0 0 10 0\n"
      "   1: 0100007F:9C40 0100007F:1BA5 01 00000000:00000000 00:00000000 00000000  1000        0 "
      "42 1 0 20 4 30 10 -1\n"
      // Given up by its process: the kernel says root.
      "   2: 0100007F:9C41 0100007F:1BA5 01 00000000:00000000 00:00000000 00000000     0        0 "
      "0 1 0 20 4 30 10 -1\n"
      "   3: 0100007F:9C42 0100007F:1BA5 04 00000000:00000000 00:00000000 00000000     0        0 "
      "43 1 0 20 4 30 10 -1\n";
  EXPECT_EQ(user_in_table(table, "0100007F:9C40", "0100007F:1BA5"), 1000U);
  EXPECT_EQ(user_in_table(table, "0100007F:9C41", "0100007F:1BA5"), std::nullopt);
  EXPECT_EQ(user_in_table(table, "0100007F:9C42", "0100007F:1BA5"), std::nullopt);
  EXPECT_EQ(user_in_table(table, "0100007F:9C43", "0100007F:1BA5"), std::nullopt);
  EXPECT_EQ(user_in_table("", "", ""), std::nullopt);
}

}  // namespace
}  // namespace bourse
