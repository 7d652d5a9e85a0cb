// Programs of several processes: launched, supervised, restarted, stopped, killed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/channel.h"
#include "bourse/program/context.h"
#include "bourse/program/fixtures.h"
#include "bourse/program/named_address.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"
#include "bourse/world/process_table.h"

namespace bourse::program {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using testing::HasSubstr;

struct Counter {
  int value = 0;
  int add(int x) { return value += x; }
  int process() const { return getpid(); }
  void die() const { raise(SIGKILL); }
  int sleep(int milliseconds) const {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return milliseconds;
  }
  std::uint32_t start() const { return incarnation(); }
};

/// What a program failed with; empty if it did not.
std::string failure_of(Running& running) {
  try {
    running.wait();
  } catch (const ProgramFailed& failed) {
    return failed.what();
  }
  return {};
}

TEST(Launch, ProcessesAnswerByUnixSocketsAndByTcp) {
  for (const Placement placement : {Placement::processes, Placement::tcp}) {
    Program program(placement == Placement::tcp ? "launch tcp" : "launch unix");
    const Handle<Counter> counter = program.add<Counter>("counter");
    Running running = launch(program, in_processes(placement));
    if (running.is_skipped()) continue;
    EXPECT_EQ(counter.call<&Counter::add>(2), 2);
    EXPECT_EQ(counter.async<&Counter::add>(3).get(), 5);
    EXPECT_NE(counter.call<&Counter::process>(), getpid());
  }
}

TEST(Launch, ListensAtEveryAddressOfTheMachineAndAtIpv6) {
  for (const char* const host : {"[::1]", "*"}) {
    Program program(std::string("launch at ") + host);
    const Handle<Counter> counter = program.add<Counter>("counter");
    RunOptions options = in_processes(Placement::tcp);
    options.tcp_host = host;
    Running running = launch(program, options);
    if (running.is_skipped()) continue;
    EXPECT_EQ(counter.call<&Counter::add>(2), 2);
  }
}

TEST(Launch, ANodeOfOneProcessCallsThatOfAnother) {
  Program program("launch edges");
  const Handle<Counter> counter = program.add<Counter>("counter");
  program.run("driver", [](const Handle<Counter>& to) { to.call<&Counter::add>(42); }, counter);
  Running running = launch(program, in_processes());
  running.wait({"driver"});
  EXPECT_EQ(counter.call<&Counter::add>(0), 42);
  EXPECT_THROW(running.wait({"counter"}), std::invalid_argument);  // it has no run()
  running.wait();
  // What the processes have counted is here.
  const std::vector<EdgeReport> edges = running.edges();
  ASSERT_EQ(edges.size(), 2U);
  EXPECT_EQ(edges[0].caller + " " + edges[0].called, "driver/0 counter/0");
  EXPECT_EQ(edges[0].counts.calls, 1U);
  EXPECT_EQ(edges[1].caller + " " + edges[1].called, "main() counter/0");
}

TEST(Launch, NodesOfAColocationShareAProcess) {
  Program program("launch colocated");
  Colocation together = program.colocate();
  const Handle<Counter> a = together.add<Counter>("a");
  const Handle<Counter> b = together.add<Counter>("b");
  const Handle<Counter> c = program.add<Counter>("c");
  Running running = launch(program, in_processes());
  EXPECT_EQ(a.call<&Counter::process>(), b.call<&Counter::process>());
  EXPECT_NE(a.call<&Counter::process>(), c.call<&Counter::process>());
}

TEST(Launch, SeveralProgramsRunInTurnAndAtTheSameTime) {
  for (int i = 0; i < 2; ++i) {
    Program program("launch in turn");  // the same name twice
    const Handle<Counter> counter = program.add<Counter>("counter", Counter{i});
    Running running = launch(program, in_processes());
    if (running.is_skipped()) continue;
    EXPECT_EQ(counter.call<&Counter::add>(1), i + 1);
  }
  Program first("launch first");
  Program second("launch second");
  const Handle<Counter> a = first.add<Counter>("counter", Counter{1});
  const Handle<Counter> b = second.add<Counter>("counter", Counter{2});
  Running run_first = launch(first, in_processes());
  Running run_second = launch(second, in_processes());
  EXPECT_EQ(a.call<&Counter::add>(0), 1);
  run_first.stop();
  run_first.wait();
  EXPECT_EQ(b.call<&Counter::add>(0), 2);
}

TEST(Launch, ConstructorArgumentsAreMadeWhereTheNodeRuns) {
  struct Holder {
    explicit Holder(const std::shared_ptr<int>& made) : process(*made) {}
    int process;
    int made_in() const { return process; }
  };
  Program program("launch deferred");
  const Handle<Holder> holder =
      program.add<Holder>("holder", deferred([] { return std::make_shared<int>(getpid()); }));
  Running running = launch(program, in_processes());
  EXPECT_NE(holder.call<&Holder::made_in>(), getpid());
}

TEST(Launch, ANodeMayStopTheProgram) {
  Program program("launch stop");
  program.add<Counter>("counter");
  program.run("stopper", [] {
    stop();
    wait_for_stop();
  });
  Running running = launch(program, in_processes());
  running.wait();
}

TEST(Launch, TextsArePublishedByName) {
  Program program("launch names");
  program.run("publisher", [] { NamedAddress("metrics").publish("tcp:127.0.0.1:9"); });
  program.run("reader", [] {
    if (NamedAddress("metrics").resolve(10s) != "tcp:127.0.0.1:9") throw std::logic_error("wrong");
    if (error_of([] { NamedAddress("metrics").publish("other"); }).code() !=
        CallCode::failed_precondition)
      throw std::logic_error("published twice");
    if (error_of([] { (void)NamedAddress("nobody").resolve(1ms); }).code() !=
        CallCode::deadline_exceeded)
      throw std::logic_error("resolved");
  });
  Running running = launch(program, in_processes());
  EXPECT_EQ(failure_of(running), "");
  EXPECT_THROW(NamedAddress("9lives"), std::invalid_argument);
}

TEST(Launch, LinesAreWholeAndSayWhoWroteThem) {
  Program program("launch lines");
  for (int i = 0; i < 2; ++i)
    program.run(
        "writer",
        [](int number) {
          for (int line = 0; line < 50; ++line) {
            std::printf("writer %d line ", number);
            std::fflush(stdout);
            std::printf("%d\n", line);
            std::fflush(stdout);
          }
        },
        i);
  std::mutex mutex;
  std::vector<std::pair<std::string, std::string>> lines;
  RunOptions options = in_processes();
  options.on_line = [&](const std::string& unit, std::string_view line) {
    const std::lock_guard lock(mutex);
    if (line.starts_with("writer ")) lines.emplace_back(unit, line);
  };
  Running running = launch(program, options);
  running.wait();
  EXPECT_EQ(lines.size(), 100U);
  for (const auto& [unit, line] : lines) EXPECT_EQ(line[7], unit.back()) << unit << ": " << line;
}

TEST(Launch, OnlyOneNodeRunsInThisProcess) {
  Program program("launch only");
  NodeGroup group = program.group("counter");
  const Handle<Counter> here = group.add<Counter>();
  const Handle<Counter> there = group.add<Counter>();
  program.run(
      "driver",
      [](const Handle<Counter>& h, const Handle<Counter>& t) {
        if (h.call<&Counter::add>(1) != 1 || t.call<&Counter::add>(1) != 1)
          throw std::logic_error("x");
      },
      here, there);
  RunOptions options = in_processes();
  options.only = "counter/0";
  {
    Running running = launch(program, options);
    running.wait({"driver"});
    EXPECT_EQ(here.call<&Counter::process>(), getpid());
    EXPECT_NE(there.call<&Counter::process>(), getpid());
    running.wait();
  }
  options.only = "counter/9";
  EXPECT_THROW((void)launch(program, options), std::invalid_argument);
}

// ---- failures

TEST(LaunchFailure, PendingCallsFailAtOnceWhenTheirNodeIsKilled) {
  Program program("failure pending");
  NodeOptions concurrent;
  concurrent.concurrency = 8;
  concurrent.restart = {.max = 1, .backoff = 1ms};
  const Handle<Counter> counter = program.group("counter", concurrent).add<Counter>();
  Running running = launch(program, in_processes());
  EXPECT_EQ(counter.call<&Counter::add>(0), 0);
  std::vector<Future<int>> pending;
  for (int i = 0; i < 3; ++i) pending.push_back(counter.async<&Counter::sleep>(60'000));
  const Deadline start = now();
  EXPECT_EQ(error_of([&] { counter.call<&Counter::die>(); }).code(), CallCode::unavailable);
  for (const Future<int>& call : pending) {
    const CallError error = error_of([&] { (void)call.get(); });
    EXPECT_EQ(error.code(), CallCode::unavailable);
    EXPECT_THAT(error.message(), HasSubstr("counter/0"));
    EXPECT_THAT(error.message(), HasSubstr("may or may not have run"));
  }
  EXPECT_LT(now() - start, 30s);
  // It was started again, and says so; what it knew is lost.
  EXPECT_EQ(counter.call<&Counter::start>(), 1U);
  EXPECT_EQ(counter.incarnation(), 1U);
}

TEST(LaunchFailure, TheFirstFailureEndsTheProgramAndIsToldInWords) {
  Program program("failure words");
  program.add<Counter>("counter");
  program.run("bad", [] { throw std::runtime_error("the disk is full"); });
  program.run("other", [] { wait_for_stop(); });
  Running running = launch(program, in_processes());
  EXPECT_THAT(failure_of(running), HasSubstr("program 'failure words' failed: node bad/0 failed "
                                             "(exit status 1): unknown: the disk is full"));
}

TEST(LaunchFailure, AProcessThatIsKilledIsToldWithItsSignalAndLastLines) {
  Program program("failure signal");
  const Handle<Counter> counter = program.add<Counter>("counter");
  Running running = launch(program, in_processes());
  EXPECT_EQ(error_of([&] { counter.call<&Counter::die>(); }).code(), CallCode::unavailable);
  const std::string failure = failure_of(running);
  EXPECT_THAT(failure,
              HasSubstr("node counter/0 failed (killed by signal 9, Killed); it wrote last"));
  EXPECT_THAT(failure, HasSubstr("Running main()"));
}

TEST(LaunchFailure, RestartsHaveABudget) {
  Program program("failure budget");
  NodeOptions restarted;
  restarted.restart = {.max = 2, .backoff = 1ms};
  const Handle<Counter> counter = program.group("counter", restarted).add<Counter>();
  Running running = launch(program, in_processes());
  for (std::uint32_t i = 0; i < 3; ++i) {
    EXPECT_EQ(counter.call<&Counter::start>(), i);
    EXPECT_EQ(error_of([&] { counter.call<&Counter::die>(); }).code(), CallCode::unavailable);
  }
  EXPECT_THAT(failure_of(running), HasSubstr("after 2 restarts"));
}

TEST(LaunchFailure, ANodeThatWasNeverReadyIsNotStartedAgain) {
  struct Broken {
    Broken() { throw std::runtime_error("no such device"); }
    void f() const {}
  };
  Program program("failure at start");
  NodeOptions restarted;
  restarted.restart = {.max = 5, .backoff = 1ms};
  program.group("broken", restarted).add<Broken>();
  Running running = launch(program, in_processes());
  const std::string failure = failure_of(running);
  EXPECT_THAT(failure, HasSubstr("no such device"));
  EXPECT_THAT(failure, testing::Not(HasSubstr("restart")));
}

TEST(LaunchFailure, AGroupMayBeStartedAgainTogether) {
  Program program("failure group");
  NodeOptions restarted;
  restarted.restart = {.max = 1, .backoff = 1ms, .scope = RestartScope::group};
  const Handles<Counter> counters = program.group("counter", restarted).add_n<Counter>(2);
  const Handle<Counter> other = program.add<Counter>("other");
  Running running = launch(program, in_processes());
  other.call<&Counter::add>(1);
  counters[1].call<&Counter::add>(1);
  EXPECT_EQ(error_of([&] { counters[0].call<&Counter::die>(); }).code(), CallCode::unavailable);
  const auto again = [](const Handle<Counter>& node) {
    while (true) {
      const auto start = node.try_call<&Counter::start>();
      if (start && *start == 1) return;
      std::this_thread::sleep_for(1ms);
    }
  };
  again(counters[0]);
  again(counters[1]);
  EXPECT_EQ(counters[1].call<&Counter::add>(0), 0);
  EXPECT_EQ(other.call<&Counter::add>(0), 1);
}

TEST(LaunchFailure, AnIdempotentCallIsMadeAgainOthersAreNot) {
  struct Dying {
    int answer(bool dies_first) const {
      if (dies_first && incarnation() == 0) raise(SIGKILL);
      return 7;
    }
  };
  Program program("failure idempotent");
  NodeOptions restarted;
  restarted.restart = {.max = 1, .backoff = 1ms};
  const Handle<Dying> node = program.group("node", restarted).add<Dying>();
  Running running = launch(program, in_processes());
  EXPECT_EQ(node.idempotent().call<&Dying::answer>(true), 7);
  EXPECT_EQ(node.incarnation(), 1U);
}

TEST(LaunchFailure, FailFastDoesNotWaitForANodeThatIsNotThere) {
  struct Sleepy {
    Sleepy() { wait_for_stop(); }
    void f() const {}
  };
  Program program("failure fast");
  const Handle<Sleepy> node = program.add<Sleepy>("sleepy");
  Running running = launch(program, in_processes());
  const CallError error = error_of([&] { node.fail_fast().call<&Sleepy::f>(); });
  EXPECT_EQ(error.code(), CallCode::unavailable);
  EXPECT_THAT(error.message(), HasSubstr("sleepy/0 cannot be reached: it has not started"));
  EXPECT_EQ(error_of([&] { node.timeout(5ms).call<&Sleepy::f>(); }).code(),
            CallCode::deadline_exceeded);
}

TEST(LaunchFailure, ANodeThatIgnoresStopIsNamedAndEnded) {
  Program program("failure stuck");
  program.run("stuck", [] {
    while (true) std::this_thread::sleep_for(1s);
  });
  RunOptions options = in_processes();
  options.grace = 50ms;
  Running running = launch(program, options);
  EXPECT_TRUE(running.wait_until_ready(60s));
  running.stop();
  EXPECT_THAT(failure_of(running), HasSubstr("node stuck/0 failed: it did not stop within 0.05 s "
                                             "and was killed"));
}

TEST(LaunchFailure, AnInterruptStopsAndASecondKills) {
  for (const bool is_stuck : {false, true}) {
    Program program(is_stuck ? "signals stuck" : "signals");
    program.run("node", [is_stuck] {
      wait_for_stop();
      if (is_stuck) std::this_thread::sleep_for(std::chrono::hours(1));
    });
    Running running = launch(program, in_processes());
    EXPECT_TRUE(running.wait_until_ready(60s));
    if (running.is_skipped()) continue;
    raise(SIGINT);
    if (is_stuck) {
      EXPECT_FALSE(running.wait_for(20ms));
      raise(SIGINT);
    }
    running.wait();
  }
}

TEST(LaunchFailure, AMainThatBuildsAnotherProgramIsToldSo) {
  Program program("failure main");
  program.add<Counter>("counter");
  const bool is_launcher = std::getenv("BOURSE_UNIT_NUMBER") == nullptr;  // NOLINT
  program.add<Counter>(is_launcher ? "here" : "there");
  Running running = launch(program, in_processes());
  EXPECT_THAT(failure_of(running), HasSubstr("it has built another program in this process"));
}

TEST(LaunchFailure, AProcessThatFallsSilentIsNoticed) {
  struct Freezing {
    int nap(int milliseconds) const {
      std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
      return milliseconds;
    }
    void freeze() const { raise(SIGSTOP); }
  };
  Program program("failure silent");
  const Handle<Freezing> node = program.add<Freezing>("node");
  RunOptions options = in_processes(Placement::tcp);
  options.silence = 1s;
  Running running = launch(program, options);
  EXPECT_EQ(node.call<&Freezing::nap>(1300), 1300);  // it is busy, and says that it lives
  const CallError error = error_of([&] { node.call<&Freezing::freeze>(); });
  EXPECT_EQ(error.code(), CallCode::unavailable);
  EXPECT_THAT(failure_of(running), HasSubstr("node node/0 failed (killed by signal 9, Killed): "
                                             "nothing was heard from it for 1 s"));
}

// ---- peers that are none

/// Where the process of a node listens: the newest socket of that unit in a folder of a run.
std::string socket_of_unit(int process) {
  for (const auto& folder : std::filesystem::directory_iterator("/tmp")) {
    if (!folder.path().filename().string().starts_with("bourse-")) continue;
    std::error_code ignored;
    for (const auto& file : std::filesystem::directory_iterator(folder.path(), ignored)) {
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      file.path().string().copy(address.sun_path, sizeof address.sun_path - 1);
      const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      if (connect(probe.number(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        continue;
      ucred peer{};
      socklen_t size = sizeof peer;
      getsockopt(probe.number(), SOL_SOCKET, SO_PEERCRED, &peer, &size);
      if (peer.pid == process) return file.path().string();
    }
  }
  return {};
}

TEST(LaunchFailure, APeerThatSpeaksGarbageLosesItsConnectionOnly) {
  Program program("failure garbage");
  const Handle<Counter> counter = program.add<Counter>("counter");
  Running running = launch(program, in_processes());
  const std::string path = socket_of_unit(counter.call<&Counter::process>());
  ASSERT_FALSE(path.empty());
  Frame stranger = hello_frame({.token = "a guess"});
  const std::string hello = frame_prefix(stranger) + stranger.message.head;
  for (const std::string& bytes : {std::string(1000, 'x'), hello, hello.substr(0, 4) + "\x03"}) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const Descriptor peer(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(peer.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_GT(send(peer.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 0);
    shutdown(peer.number(), SHUT_WR);
    char answer[4096];
    while (recv(peer.number(), answer, sizeof answer, 0) > 0) continue;  // until it is closed
    EXPECT_EQ(counter.call<&Counter::add>(0), 0);
  }
}

// ---- the launcher itself

/// Every process that was started with `variable`, or descends from one.
std::size_t living_with(const std::string& variable) {
  std::size_t count = 0;
  for (const ProcessRow& row : all_processes())
    count += row.is_alive && has_variable(row.id.pid, variable) ? 1U : 0U;
  return count;
}

TEST(LaunchFailure, NothingIsLeftOfALauncherThatIsKilled) {
  Program program("failure launcher");
  program.run("parent", [] {
    // A process that the kernel does not end with its parent.
    if (fork() == 0) {
      execlp("sleep", "sleep", "600", nullptr);
      _exit(1);
    }
    wait_for_stop();
  });
  const std::string mark = "BOURSE_TEST_LAUNCHER=" + std::to_string(getpid());
  if (std::getenv("BOURSE_TEST_LAUNCHER") != nullptr) {  // NOLINT(concurrency-mt-unsafe)
    Running running = launch(program, in_processes());
    running.wait();
    return;
  }
  const pid_t launcher = fork();
  if (launcher == 0) {
    putenv(const_cast<char*>(mark.c_str()));  // NOLINT
    const std::string filter = in_processes().arguments.front();
    execl("/proc/self/exe", "launcher", filter.c_str(), nullptr);
    _exit(1);
  }
  // The launcher, its warden, the node, and the child of that. A process has no environment for the
  // moment in which it becomes another, so a second count may be a smaller one.
  std::size_t living = 0;
  for (int i = 0; i < 3000 && living != 4; ++i) {
    std::this_thread::sleep_for(10ms);
    living = living_with(mark);
  }
  EXPECT_EQ(living, 4U);
  kill(launcher, SIGKILL);
  waitpid(launcher, nullptr, 0);
  for (int i = 0; i < 1000 && living_with(mark) > 0; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(living_with(mark), 0U);
}

}  // namespace
}  // namespace bourse::program
