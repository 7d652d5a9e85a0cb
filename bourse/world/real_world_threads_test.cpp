#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "bourse/world/contract/real_stage.h"

namespace bourse {
namespace {

TEST(RealWorld, CallsOfAllThreadsComeOnceAndInTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 2000;
  RealWorld world;
  std::vector<int> next(kThreads, 0);  // touched by the loop only
  int count = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread)
    threads.emplace_back([&, thread] {
      for (int call = 0; call < kCalls; ++call)
        world.post([&, thread, call] {
          EXPECT_EQ(next[static_cast<std::size_t>(thread)]++, call);
          if (++count == kThreads * kCalls) world.stop();
        });
    });
  world.run();
  EXPECT_EQ(count, kThreads * kCalls);
}

TEST(RealWorld, ANameIsLookedUpWhileTheLoopGoesOn) {
  RealStage stage;
  Network& network = stage.world().network;
  std::unique_ptr<Connection> accepted;
  std::unique_ptr<Connection> connected;
  const auto listener = network.listen(
      {"tcp:127.0.0.1:0"}, [&](std::unique_ptr<Connection> c) { accepted = std::move(c); });
  ASSERT_TRUE(listener);
  const std::string port = (*listener)->address().text.substr(std::string("tcp:127.0.0.1:").size());
  network.connect({"tcp:localhost:" + port}, [&](Result<std::unique_ptr<Connection>> result) {
    ASSERT_TRUE(result) << result.error().message;
    connected = std::move(*result);
  });
  EXPECT_TRUE(stage.run_until([&] { return accepted && connected; }));
}

TEST(RealWorld, ItMayGoWhileANameIsLookedUp) {
  RealWorld world;
  bool is_answered = false;
  world.world().network.connect({"tcp:localhost:1"},
                                [&](Result<std::unique_ptr<Connection>>) { is_answered = true; });
  world.post([&] { world.stop(); });
  world.run();
  EXPECT_FALSE(is_answered);
}

}  // namespace
}  // namespace bourse
