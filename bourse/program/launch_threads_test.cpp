// Programs of several processes: launched, supervised, restarted, stopped, killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/fixtures.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace bourse::program {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using testing::HasSubstr;

struct Counter {
  int value = 0;
  int add(int x) { return value += x; }
  int process() const { return getpid(); }
  int die() const { std::abort(); }
  int sleep(int milliseconds) const {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return milliseconds;
  }
};

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

TEST(Launch, ANodeOfOneProcessCallsThatOfAnother) {
  Program program("launch edges");
  const Handle<Counter> counter = program.add<Counter>("counter");
  program.run("driver", [](Handle<Counter> to) { to.call<&Counter::add>(42); }, counter);
  Running running = launch(program, in_processes());
  running.wait({"driver"});
  EXPECT_EQ(counter.call<&Counter::add>(0), 42);
  running.wait();
}

}  // namespace
}  // namespace bourse::program
