// Groups whose size changes while the program runs.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/context.h"
#include "bourse/program/fixtures.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace bourse::program {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using testing::ElementsAre;
using testing::HasSubstr;

/// Counts who came and who went in an orderly way.
struct Register {
  int joined = 0;
  int left = 0;
  void join() { ++joined; }
  void leave() { ++left; }
  std::vector<int> counts() const { return {joined, left}; }
};

struct Member {
  Handle<Register> book;
  void run() const {
    book.call<&Register::join>();
    wait_for_stop();
    book.call<&Register::leave>();
  }
  std::uint32_t index() const { return node_index(); }
  std::vector<std::uint32_t> group() const { return group_indices(); }
};

/// Waits until `is_so`; false if that takes far too long.
bool comes_true(const std::function<bool()>& is_so) {
  for (int i = 0; i < 4000 && !is_so(); ++i) std::this_thread::sleep_for(5ms);
  return is_so();
}

class Elastic : public testing::TestWithParam<Placement> {
 protected:
  /// Launches of one name are counted, and a process makes that of its own placement only.
  static std::string named(const std::string& name) {
    return name + (GetParam() == Placement::threads ? " threads" : " processes");
  }
  static RunOptions options() {
    return GetParam() == Placement::threads ? RunOptions() : in_processes(GetParam());
  }
};

INSTANTIATE_TEST_SUITE_P(Everywhere, Elastic,
                         testing::Values(Placement::threads, Placement::processes),
                         [](const auto& info) {
                           return info.param == Placement::threads ? "Threads" : "Processes";
                         });

// 2 of 1 to 3 are there; then 3, then 1, then 2: 2 + 1 + 1 have come, and 2 gone.
TEST_P(Elastic, AGroupGrowsAndShrinksWhileTheProgramRuns) {
  Program program(named("elastic"));
  const Handle<Register> book = program.add<Register>("book");
  const Handles<Member> members = program.group("member", {.min_replicas = 1, .max_replicas = 3})
                                      .add_n<Member>(2, Member{book});
  Running running = launch(program, options());
  const auto has_counts = [&](int joined, int left) {
    return comes_true(
        [&] { return book.call<&Register::counts>() == std::vector<int>{joined, left}; });
  };
  ASSERT_TRUE(running.wait_until_ready(20s));
  EXPECT_EQ(running.size_of("member"), 2U);
  EXPECT_THAT(members.all().call<&Member::index>(), ElementsAre(0, 1));

  running.scale("member", 3);
  EXPECT_EQ(running.size_of("member"), 3U);
  EXPECT_THAT(members.all().call<&Member::index>(), ElementsAre(0, 1, 2));
  EXPECT_TRUE(has_counts(3, 0));

  running.scale("member", 1);
  EXPECT_TRUE(has_counts(3, 2));
  EXPECT_THAT(members.all().call<&Member::index>(), ElementsAre(0));
  EXPECT_THAT(members[0].call<&Member::group>(), ElementsAre(0));
  const CallError error = error_of([&] { members[1].call<&Member::index>(); });
  EXPECT_EQ(error.code(), CallCode::unavailable);

  running.scale("member", 2);
  EXPECT_EQ(members[1].call<&Member::index>(), 1U);
  EXPECT_TRUE(has_counts(4, 2));
  EXPECT_THAT(members[0].call<&Member::group>(), ElementsAre(0, 1));
  running.stop();
  running.wait();
}

// Who left has not returned: the program ends when those have returned that are there.
TEST_P(Elastic, TheProgramWaitsForThoseThatAreThere) {
  struct Gate {
    bool is_open = false;
    void open() { is_open = true; }
    bool look() const { return is_open; }
  };
  struct Waiter {
    Handle<Gate> gate;
    void run() const {
      while (!gate.call<&Gate::look>() && !stop_token().stop_requested())
        std::this_thread::sleep_for(1ms);
    }
  };
  Program program(named("elastic end"));
  const Handle<Gate> gate = program.add<Gate>("gate");
  program.group("waiter", {.min_replicas = 1}).add_n<Waiter>(3, Waiter{gate});
  Running running = launch(program, options());
  ASSERT_TRUE(running.wait_until_ready(20s));
  running.scale("waiter", 1);
  EXPECT_FALSE(running.wait_for(10ms));
  gate.call<&Gate::open>();
  running.wait({"waiter"});
  running.wait();
}

TEST_P(Elastic, TheSizeStaysWithinItsBounds) {
  Program program(named("elastic bounds"));
  const Handle<Register> book = program.add<Register>("book");
  program.group("member", {.min_replicas = 1, .max_replicas = 2}).add<Member>(book);
  Running running = launch(program, options());
  EXPECT_THROW(running.scale("member", 0), std::invalid_argument);
  EXPECT_THROW(running.scale("member", 3), std::invalid_argument);
  EXPECT_THROW(running.scale("book", 2), std::invalid_argument);
  EXPECT_THROW(running.scale("nobody", 1), std::invalid_argument);
  running.stop();
}

TEST(ElasticGroup, SizesThatContradictEachOtherAreRefused) {
  const auto launch_with = [](int min, int max) {
    Program program("contradiction");
    const Handle<Register> book = program.add<Register>("book");
    program.group("member", {.min_replicas = min, .max_replicas = max})
        .add_n<Member>(2, Member{book});
    try {
      (void)launch(program);
    } catch (const std::logic_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(launch_with(3, 4), HasSubstr("group 'member' has 2 nodes, fewer than"));
  EXPECT_THAT(launch_with(1, 1), HasSubstr("group 'member' has 2 nodes, more than"));
}

/// Plays an engine: starts this test again as a task of the job, as the daemon would.
class PlayedTask {
 public:
  PlayedTask(const RunOptions& options, const std::string& role, int rank) : pid_(fork()) {
    if (pid_ != 0) return;
    setenv("BOURSE_ROLE", role.c_str(), 1);
    setenv("BOURSE_RANK", std::to_string(rank).c_str(), 1);
    execl("/proc/self/exe", "test", options.arguments.front().c_str(), nullptr);
    _exit(1);
  }
  void tell_to_end() const { kill(pid_, SIGTERM); }
  [[nodiscard]] int status() const {
    int status = -1;
    waitpid(pid_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  pid_t pid_;
};

/// What every task of a job finds in its environment; a played task has a role of its own. Tests
/// run beside each other, so the first process of each makes a folder of its own.
class PlayedJob {
 public:
  PlayedJob() {
    setenv("BOURSE_ROLE", "server", 0);
    setenv("BOURSE_RANK", "0", 0);
    setenv("BOURSE_SERVER_ADDRESSES", "127.0.0.1:1", 0);
    setenv("BOURSE_EPOCH", "1", 0);
    if (std::getenv("BOURSE_CHECKPOINT") != nullptr) return;
    folder_ = fmt::format("{}/bourse-job-{}", testing::TempDir(), getpid());
    std::filesystem::create_directories(folder_);
    setenv("BOURSE_CHECKPOINT", folder_.c_str(), 1);
  }
  PlayedJob(const PlayedJob&) = delete;
  PlayedJob& operator=(const PlayedJob&) = delete;
  ~PlayedJob() {
    if (folder_.empty()) return;
    unsetenv("BOURSE_CHECKPOINT");  // the next test of this process makes its own
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] const RunOptions& options() const { return options_; }

 private:
  std::string folder_;
  RunOptions options_ = in_processes(Placement::job);
};

struct Fragile {
  std::uint32_t start() const { return incarnation(); }
  void die() const { raise(SIGKILL); }
};

TEST(Job, TasksJoinTheLauncherAndLeave) {
  const PlayedJob job;
  const RunOptions& options = job.options();
  Program program("job");
  const Handle<Register> book = program.add<Register>("book");
  const Handle<Fragile> server =
      program.group("ps", {.restart = {.max = 1}, .role = NodeRole::parameter_server})
          .add<Fragile>();
  const Handles<Member> members =
      program.group("member", {.role = NodeRole::worker, .min_replicas = 1, .max_replicas = 3})
          .add_n<Member>(2, Member{book});
  Running running = launch(program, options);
  EXPECT_THROW(running.scale("member", 2), std::logic_error);
  const PlayedTask ps(options, "server", 1);
  const PlayedTask first(options, "worker", 0);
  ASSERT_TRUE(running.wait_until_ready(60s));
  EXPECT_EQ(running.size_of("member"), 1U);
  EXPECT_EQ(server.call<&Fragile::start>(), 0U);

  const PlayedTask second(options, "worker", 1);
  EXPECT_TRUE(comes_true([&] { return running.size_of("member") == 2; }));
  EXPECT_THAT(members.all().call<&Member::index>(), ElementsAre(0, 1));
  first.tell_to_end();
  EXPECT_EQ(first.status(), 0);
  EXPECT_THAT(members.all().call<&Member::index>(), ElementsAre(1));
  const PlayedTask third(options, "worker", 2);
  EXPECT_TRUE(comes_true([&] { return running.size_of("member") == 2; }));
  EXPECT_THAT(members.all().call<&Member::index>(), ElementsAre(0, 1));

  // What fails at a task is started there again.
  EXPECT_EQ(error_of([&] { server.call<&Fragile::die>(); }).code(), CallCode::unavailable);
  EXPECT_EQ(server.call<&Fragile::start>(), 1U);
  running.stop();
  running.wait();
  for (const PlayedTask* const task : {&ps, &second, &third}) EXPECT_EQ(task->status(), 0);
}

TEST(Job, ALostTaskIsAFailureInWords) {
  const PlayedJob job;
  const RunOptions& options = job.options();
  Program program("lost job");
  const Handle<Fragile> worker = program.group("worker", {.role = NodeRole::worker}).add<Fragile>();
  Running running = launch(program, options);
  const PlayedTask task(options, "worker", 0);
  ASSERT_TRUE(running.wait_until_ready(60s));
  EXPECT_EQ(error_of([&] { worker.call<&Fragile::die>(); }).code(), CallCode::unavailable);
  try {
    running.wait();
    FAIL();
  } catch (const ProgramFailed& failed) {
    EXPECT_THAT(failed.what(), HasSubstr("node worker/0 failed (killed by signal 9"));
  }
  EXPECT_EQ(task.status(), 0);
}

TEST(Job, OutsideOfAJobItIsRefused) {
  unsetenv("BOURSE_ROLE");
  Program program("no job");
  program.add<Register>("book");
  EXPECT_THROW((void)launch(program, {.placement = Placement::job}), std::logic_error);
}

}  // namespace
}  // namespace bourse::program
