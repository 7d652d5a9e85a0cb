// Groups whose size changes while the program runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
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

}  // namespace
}  // namespace bourse::program
