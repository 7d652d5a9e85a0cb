#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bourse/world/contract/clients.h"
#include "bourse/world/contract/real_stage.h"
#include "bourse/world/socket_address.h"

namespace bourse {
namespace {

class RealNetwork : public testing::Test {
 protected:
  std::string path(const std::string& name) { return stage_.directory() + "/" + name; }

  RealStage stage_;
};

TEST_F(RealNetwork, ASocketThatACrashLeftIsReplaced) {
  const SocketAddress place = unix_socket_address(path("s"));
  {
    const Descriptor crashed = std::move(*make_socket(place));
    ASSERT_EQ(bind(crashed.number(), place.get(), place.size), 0);
    ASSERT_EQ(listen(crashed.number(), 1), 0);
  }
  ASSERT_TRUE(stage_.world().files.exists(path("s")));
  const EchoServer server(stage_.world(), {"unix:" + path("s")});
  EXPECT_TRUE(server.is_listening());
}

TEST_F(RealNetwork, AUnixSocketIsForItsOwnerAlone) {
  EchoServer server(stage_.world(), {"unix:" + path("s")});
  struct stat status{};
  ASSERT_EQ(stat(path("s").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const Client client(stage_.world(), server.address());
  ASSERT_TRUE(stage_.run_until([&] { return client.connection && !server.clients.empty(); }));
  EXPECT_EQ(server.clients.begin()->second->peer_user(), getuid());
}

TEST_F(RealNetwork, AListenerThatGoesLeavesTheSocketOfAnother) {
  auto first = std::make_unique<EchoServer>(stage_.world(), Address{"unix:" + path("s")});
  ASSERT_TRUE(stage_.world().files.rename(path("s"), path("old")));
  const EchoServer second(stage_.world(), {"unix:" + path("s")});
  ASSERT_TRUE(second.is_listening());
  first.reset();
  EXPECT_TRUE(stage_.world().files.exists(path("s")));
}

TEST_F(RealNetwork, AddressesOfVersion6HaveBrackets) {
  EchoServer server(stage_.world(), {"tcp:[::1]:0"});
  if (!server.is_listening()) GTEST_SKIP() << "no IPv6 here: " << server.error().message;
  EXPECT_TRUE(server.address().text.starts_with("tcp:[::1]:"));
  const Client client(stage_.world(), server.address());
  EXPECT_TRUE(stage_.run_until([&] { return client.connection != nullptr; }));
}

TEST_F(RealNetwork, ConnectingEndsWhenNobodyAnswers) {
  // A queue of length 0 holds one; the next waits for ever.
  const SocketAddress place = unix_socket_address(path("s"));
  const Descriptor deaf = std::move(*make_socket(place));
  ASSERT_EQ(bind(deaf.number(), place.get(), place.size), 0);
  ASSERT_EQ(listen(deaf.number(), 0), 0);
  const Client first(stage_.world(), {"unix:" + path("s")});
  const Client second(stage_.world(), {"unix:" + path("s")});
  ASSERT_TRUE(stage_.run_until([&] { return first.is_answered() && second.is_answered(); }));
  EXPECT_TRUE(first.connection);
  ASSERT_TRUE(second.failure);
  EXPECT_EQ(second.failure->code, ErrorCode::deadline_exceeded);
  EXPECT_THAT(second.failure->message, testing::HasSubstr("no answer within 5 s"));
}

TEST_F(RealNetwork, APeerThatDoesNotReadHoldsUpWhatIsSent) {
  std::unique_ptr<Connection> accepted;
  const auto listener = stage_.world().network.listen(
      {"unix:" + path("s")}, [&](std::unique_ptr<Connection> c) { accepted = std::move(c); });
  const SocketAddress place = unix_socket_address(path("s"));
  const Descriptor idle = std::move(*make_socket(place));
  ASSERT_EQ(connect(idle.number(), place.get(), place.size), 0);
  ASSERT_TRUE(stage_.run_until([&] { return accepted != nullptr; }));
  accepted->send(std::string(8 << 20, 'x'));
  EXPECT_GT(accepted->unsent(), 1U << 20);
}

}  // namespace
}  // namespace bourse
