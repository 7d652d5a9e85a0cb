#include "bourse/program/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "bourse/program/endpoint.h"
#include "bourse/program/serialize.h"

namespace bourse::program {
namespace {

using namespace std::chrono_literals;

/// A server without nodes, and what it agrees on with its peers.
class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto listening = listen_at({"tcp:127.0.0.1:0"});
    ASSERT_TRUE(listening.has_value());
    server_.emplace(reactor_, *std::move(listening), Server::Options{agreement_, 1},
                    [](std::uint32_t) { return nullptr; });
  }

  /// A peer that the server has welcomed.
  [[nodiscard]] std::unique_ptr<FrameSocket> peer() const {
    auto connected = connect_to(server_->address(), deadline_in(10s));
    EXPECT_TRUE(connected.has_value());
    auto socket = std::make_unique<FrameSocket>(*std::move(connected));
    socket->send(hello_frame(agreement_));
    EXPECT_EQ(next(*socket).header.kind, FrameKind::welcome);
    return socket;
  }

  static Frame next(FrameSocket& socket) {
    std::vector<Frame> frames;
    while (frames.empty() &&
           socket.read(frames, deadline_in(10s)) == FrameSocket::ReadStatus::some) {
    }
    return frames.empty() ? Frame{} : std::move(frames.front());
  }

  /// A call that no node takes.
  static Frame call_with(const Buffer& buffer) {
    Frame frame;
    frame.header = {.kind = FrameKind::request, .call = 1};
    frame.message = encode_owned(buffer);
    return frame;
  }

  const Agreement agreement_{.token = "of this run", .fingerprint = 7};
  Reactor reactor_{4};
  std::optional<Server> server_;
};

TEST_F(ServerTest, AnswersACallThatNoNodeTakes) {
  const auto socket = peer();
  socket->send(call_with(Buffer(std::vector<char>(10))));
  EXPECT_EQ(error_of_frame(next(*socket)).code(), CallCode::not_found);
}

// The thread that reads what is large goes on while more comes: one that did not see the end of the
// connection would never be joined by stop().
TEST_F(ServerTest, APeerThatDiesAmidALargeMessageLeavesNoThreadThatReads) {
  const Frame large = call_with(Buffer(std::vector<char>(16'000'000)));
  for (const std::size_t sent : {1'000U, 200'000U}) {  // less than a block
    const std::string part = frame_prefix(large) + large.message.head + std::string(sent, '\0');
    for (const auto pause : {0ms, 1ms, 30ms}) {  // 20 ms are waited for the rest
      const auto socket = peer();
      ASSERT_EQ(send(socket->number(), part.data(), part.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(part.size()));
      std::this_thread::sleep_for(pause);
      socket->shut();
    }
  }
  const auto other = peer();  // and others are served
  other->send(call_with(Buffer(std::vector<char>(10))));
  EXPECT_EQ(error_of_frame(next(*other)).code(), CallCode::not_found);
  server_->close();
  reactor_.stop();
}

}  // namespace
}  // namespace bourse::program
