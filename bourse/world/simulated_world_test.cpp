#include "bourse/world/simulated_world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "bourse/world/contract/clients.h"
#include "bourse/world/contract/watched.h"

namespace bourse {
namespace {

constexpr Seconds kLong{1000};

/// Two machines; the first has a server, the second a client of it.
class TwoHosts : public testing::Test {
 protected:
  void connect() {
    client_.emplace(far_.world(), Address{"tcp:near:80"});
    ASSERT_TRUE(world_.run_until([&] { return client_->is_answered(); }, kLong));
    ASSERT_TRUE(client_->connection);
  }
  [[nodiscard]] bool hears(const std::string& text) {
    return world_.run_until([&] { return client_->received == text; }, Seconds(10));
  }

  SimulatedWorld world_;
  SimulatedHost& near_ = world_.add_host("near");
  SimulatedHost& far_ = world_.add_host("far");
  EchoServer server_{near_.world(), {"tcp:near:80"}};
  std::optional<Client> client_;
};

TEST_F(TwoHosts, TalkByTheirNames) {
  connect();
  client_->connection->send("hello");
  EXPECT_TRUE(hears("hello"));
}

TEST_F(TwoHosts, HaveFilesAndSocketsOfTheirOwn) {
  ASSERT_TRUE(near_.world().files.write("/x", "near"));
  EXPECT_FALSE(far_.world().files.exists("/x"));
  const EchoServer local(near_.world(), {"unix:/s"});
  const Client stranger(far_.world(), {"unix:/s"});
  ASSERT_TRUE(world_.run_until([&] { return stranger.is_answered(); }, kLong));
  EXPECT_EQ(stranger.failure->code, ErrorCode::unavailable);
}

TEST_F(TwoHosts, APartitionHoldsUpBytesUntilItHeals) {
  connect();
  world_.partition("near", "far");
  client_->connection->send("held");
  EXPECT_FALSE(hears("held"));
  const Client late(far_.world(), {"tcp:near:80"});
  ASSERT_TRUE(world_.run_until([&] { return late.is_answered(); }, kLong));
  EXPECT_EQ(late.failure->code, ErrorCode::deadline_exceeded);
  client_->connection->send(" up");
  world_.join("far", "near");
  EXPECT_TRUE(hears("held up"));
  EXPECT_FALSE(client_->closed);
}

TEST_F(TwoHosts, ACutBreaksBothEndsOfAConnection) {
  connect();
  ASSERT_TRUE(world_.run_until([&] { return server_.clients.size() == 1; }, kLong));
  world_.cut_connections("near", "far");
  EXPECT_TRUE(world_.run_until([&] { return client_->closed && server_.clients.empty(); }, kLong));
  EXPECT_EQ(client_->closed->code, ErrorCode::unavailable);
}

TEST_F(TwoHosts, ACrashIsSilentForAWhileThenBreaksConnections) {
  connect();
  near_.crash();
  EXPECT_FALSE(near_.is_up());
  EXPECT_TRUE(world_.run_until([&] { return client_->closed.has_value(); }, Seconds(21)));
  const Client late(far_.world(), {"tcp:near:80"});
  ASSERT_TRUE(world_.run_until([&] { return late.is_answered(); }, kLong));
  EXPECT_EQ(late.failure->code, ErrorCode::deadline_exceeded);
  near_.start();
  const Client again(far_.world(), {"tcp:near:80"});
  ASSERT_TRUE(world_.run_until([&] { return again.is_answered(); }, kLong));
  EXPECT_EQ(again.failure->code, ErrorCode::unavailable);  // up, but nobody listens
}

TEST_F(TwoHosts, AJumpOfAClockMovesUnixTimeOfOneHostOnly) {
  const Seconds before = near_.world().clock.unix_time();
  const Seconds now = near_.world().clock.now();
  near_.jump_clock(Seconds(-3600));
  EXPECT_DOUBLE_EQ(near_.world().clock.unix_time().value, before.value - 3600);
  EXPECT_EQ(near_.world().clock.now(), now);
  EXPECT_DOUBLE_EQ(far_.world().clock.unix_time().value, before.value);
}

TEST(SimulatedWorld, ConnectionsBreakByChanceAndTheNextOneWorks) {
  SimulatedWorld world({.cut_probability = 0.2});
  World& here = world.add_host("here").world();
  const EchoServer server(here, {"tcp:here:80"});
  int broken = 0;
  int echoed = 0;
  for (int i = 0; i < 40; ++i) {
    const Client client(here, {"tcp:localhost:80"});
    ASSERT_TRUE(world.run_until([&] { return client.is_answered(); }, kLong));
    client.connection->send("x");
    ASSERT_TRUE(world.run_until([&] { return client.closed || client.received == "x"; }, kLong));
    (client.closed ? broken : echoed) += 1;
  }
  EXPECT_GT(broken, 0);
  EXPECT_GT(echoed, 0);
}

/// A program that counts in a file once a second and says so when it is asked to stop.
struct Counter {
  explicit Counter(SimulatedProcess& its_process) : process(its_process) {
    process.on_signal(SIGTERM, [this] {
      process.write(OutputStream::standard_output, "stopped");
      process.exit(7);
    });
    count();
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;
  ~Counter() {
    // As destructors do, which reach for the world of a process that has been killed.
    (void)process.world().files.append("/destroyed", "x");
    process.world().clock.call_in(Seconds(1), [] { FAIL() << "a call of the dead"; });
  }
  void count() {
    (void)process.world().files.append("/count", "x");
    process.world().clock.call_in(Seconds(1), [this] { count(); });
  }

  SimulatedProcess& process;
};

class Programs : public testing::Test {
 protected:
  Programs() {
    world_.add_program(
        "counter", [](SimulatedProcess& process) { return std::make_shared<Counter>(process); });
  }
  [[nodiscard]] ProcessId start(ProcessOptions options = {}) {
    options.command = {"counter"};
    return host_.world().processes.spawn(std::move(options)).value();
  }
  [[nodiscard]] std::uint64_t count() { return host_.world().files.size("/count").value_or(0); }

  SimulatedWorld world_;
  SimulatedHost& host_ = world_.add_host("here");
};

TEST_F(Programs, RunUntilTheyAreKilledAndDoNothingAfterwards) {
  const ProcessId id = start();
  world_.run_for(Seconds(9.5));
  EXPECT_EQ(count(), 10U);
  host_.kill(id);
  world_.run_for(Seconds(10));
  EXPECT_EQ(count(), 10U);
  EXPECT_FALSE(host_.world().files.exists("/destroyed"));
}

TEST_F(Programs, MayCatchARequestToEnd) {
  ProcessOptions options;
  Watched watched(options);
  const ProcessId id = start(options);
  world_.run_for(Seconds(1));
  host_.world().processes.signal(id, SIGTERM);
  world_.run_for(Seconds(1));
  EXPECT_EQ(watched.end, (ExitStatus{.code = 7}));
  EXPECT_EQ(watched.output[OutputStream::standard_output], "stopped");
}

TEST_F(Programs, GoWithAHostThatCrashesAndAreNotStartedAgain) {
  (void)start();
  world_.run_for(Seconds(3));
  host_.crash();
  world_.run_for(Seconds(3));
  host_.start();
  EXPECT_TRUE(host_.processes().empty());
  EXPECT_LE(count(), 3U);  // never synced
}

TEST_F(Programs, AProcessKilledInTheMidstOfAWriteDoesNothingAfterIt) {
  const ProcessId id = start();
  host_.disk().plan(
      {.change = 4, .fault = DiskFault::crash_after, .then = [&] { host_.kill(id); }});
  world_.run_for(Seconds(10));
  EXPECT_EQ(count(), 3U);  // making the file was the first change
  EXPECT_TRUE(host_.processes().empty());
}

TEST_F(Programs, ChildrenDieWithTheirParentIfTheyShall) {
  const auto sleeper = world_.add_script({.duration = kForever});
  world_.add_program("parent", [&](SimulatedProcess& process) {
    for (const bool dies : {true, false})
      (void)process.spawn({.command = sleeper, .dies_with_us = dies});
    return std::make_shared<int>(0);
  });
  const ProcessId parent = host_.world().processes.spawn({.command = {"parent"}}).value();
  world_.run_for(Seconds(1));
  EXPECT_EQ(host_.processes().size(), 3U);
  host_.kill(parent);
  EXPECT_EQ(host_.processes().size(), 1U);
}

TEST_F(Programs, TheLockAndTheSocketOfOneKilledAreFree) {
  world_.add_program("holder", [](SimulatedProcess& process) {
    struct State {
      std::unique_ptr<FileLock> lock;
      std::unique_ptr<Listener> listener;
    };
    auto state = std::make_shared<State>();
    state->lock = process.world().files.lock("/lock").value();
    state->listener = process.world().network.listen({"unix:/s"}, [](auto) {}).value();
    return state;
  });
  World& here = host_.world();
  const ProcessId id = here.processes.spawn({.command = {"holder"}}).value();
  world_.run_for(Seconds(1));
  EXPECT_FALSE(here.files.lock("/lock"));
  EXPECT_FALSE(here.network.listen({"unix:/s"}, [](auto) {}));
  host_.kill(id);
  EXPECT_TRUE(here.files.lock("/lock"));
  EXPECT_TRUE(here.files.exists("/s"));  // left behind, and replaced
  EXPECT_TRUE(here.network.listen({"unix:/s"}, [](auto) {}));
}

/// Everything that a busy world does, as text.
std::string story(std::uint64_t seed) {
  SimulatedWorld world({.seed = seed, .cut_probability = 0.01, .disk_fault_probability = 0.05});
  SimulatedHost& host = world.add_host("a");
  world.add_host("b");
  std::string text;
  const EchoServer server(host.world(), {"tcp:a:80"});
  Client client(world.host("b").world(), {"tcp:a:80"});
  const auto script = world.add_script({.output = "some output", .duration = Seconds(0.01)});
  for (int i = 0; i < 20; ++i) {
    (void)host.world().processes.spawn(
        {.command = script,
         .output_file = i % 2 == 0 ? "/log" : "",
         .on_output =
             [&](OutputStream, std::string_view bytes) {
               text += bytes;
               text += '|';
             },
         .on_exit = [&](ExitStatus) { text += std::to_string(world.now().value) + ";"; }});
    if (client.connection) client.connection->send("ping pong");
    world.run_for(Seconds(0.01));
    text += client.received + host.world().random.token();
    const auto log = host.world().files.read("/log");
    text += log ? *log : log.error().message;
  }
  return text + std::to_string(world.event_count());
}

TEST(SimulatedWorld, TheSameSeedTellsTheSameStoryAndAnotherSeedAnother) {
  EXPECT_EQ(story(3), story(3));
  EXPECT_NE(story(3), story(4));
}

TEST(SimulatedWorld, PrintsItsOptionsInOneLine) {
  EXPECT_EQ(
      text_of(SimulatedWorldOptions{.seed = 42, .cut_probability = 0.25}),
      "seed=42 delay_min=0.0001 delay_max=0.005 piece_min=1 piece_max=1460 cut_probability=0.25 "
      "silence_max=20 start_max=0.005 disk_fault_probability=0 unix_start=1700000000");
}

}  // namespace
}  // namespace bourse
