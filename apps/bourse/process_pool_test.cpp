#include "apps/bourse/process_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <csignal>

#include <map>

#include "apps/bourse/terminal.h"

namespace bourse {
namespace {

using ::testing::HasSubstr;

std::map<std::size_t, std::string> failures_of(
    std::size_t count, std::function<int(std::size_t, const ShareDone&)> work) {
  std::map<std::size_t, std::string> failures;
  const Result<bool> done = run_in_processes(
      {.count = count,
       .at_once = 2,
       .work = std::move(work),
       .on_end = [&](std::size_t item, const std::string& why) { failures[item] = why; },
       .on_progress = [](double) {}});
  EXPECT_TRUE(done.has_value() && *done);
  return failures;
}

TEST(RunInProcesses, DoesEveryItemInAProcessOfItsOwn) {
  const pid_t parent = getpid();
  const auto failures =
      failures_of(5, [&](std::size_t, const ShareDone&) { return getpid() == parent ? 1 : 0; });
  ASSERT_EQ(failures.size(), 5u);
  for (const auto& [item, why] : failures) EXPECT_EQ(why, "") << item;
}

TEST(RunInProcesses, LosesOnlyTheItemThatFails) {
  const auto failures = failures_of(3, [](std::size_t item, const ShareDone&) {
    if (item != 1) return 0;
    print_error("there is no such thing");
    return 1;
  });
  EXPECT_EQ(failures.at(0), "");
  EXPECT_EQ(failures.at(1), "there is no such thing");
  EXPECT_EQ(failures.at(2), "");
}

TEST(RunInProcesses, TellsTheSignalThatEndedAnItem) {
  const auto failures = failures_of(2, [](std::size_t item, const ShareDone&) {
    if (item == 0) (void)raise(SIGKILL);
    return 0;
  });
  EXPECT_THAT(failures.at(0), HasSubstr("ended by signal 9 (Killed)"));
  EXPECT_EQ(failures.at(1), "");
}

// The second child of two sends the parent what Ctrl-C sends; the first would sleep for a minute.
TEST(RunInProcesses, EndsItsChildrenWhenInterrupted) {
  std::size_t ended = 0;
  const Result<bool> done =
      run_in_processes({.count = 3,
                        .at_once = 2,
                        .work =
                            [](std::size_t item, const ShareDone&) {
                              if (item == 1) kill(getppid(), SIGINT);
                              sleep(60);
                              return 0;
                            },
                        .on_end = [&](std::size_t, const std::string&) { ++ended; },
                        .on_progress = [](double) {}});
  ASSERT_TRUE(done.has_value());
  EXPECT_FALSE(*done);
  EXPECT_EQ(ended, 0u);
}

TEST(RunInProcesses, HasNothingToDoWithoutItems) {
  EXPECT_TRUE(failures_of(0, [](std::size_t, const ShareDone&) { return 1; }).empty());
}

}  // namespace
}  // namespace bourse
