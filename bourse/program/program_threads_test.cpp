// A program as its author sees it: nodes, handles, calls. Everything in threads.
#include "bourse/program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "bourse/program/running.h"

namespace bourse::program {
namespace {

struct Adder {
  int bias = 0;
  int add(int x) const { return x + bias; }
  void set(int value) { bias = value; }
  std::string fail(int x) { throw std::invalid_argument("x must not be " + std::to_string(x)); }
};

TEST(Program, ANodeIsCalledByTheNamesOfItsClass) {
  Program program("calls");
  const Handle<Adder> adder = program.add<Adder>("adder", Adder{3});
  Running running = launch(program);
  EXPECT_EQ(adder.call<&Adder::add>(4), 7);
  adder.call<&Adder::set>(10);
  EXPECT_EQ(adder.async<&Adder::add>(4).get(), 14);
}

TEST(Program, AnExceptionArrivesAsAnErrorWithNodeMethodAndCaller) {
  Program program("errors");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program);
  try {
    adder.call<&Adder::fail>(-1);
    FAIL();
  } catch (const CallError& error) {
    EXPECT_EQ(error.code(), CallCode::invalid_argument);
    EXPECT_EQ(error.message(), "x must not be -1");
    EXPECT_EQ(error.type(), "std::invalid_argument");
    ASSERT_EQ(error.trace().size(), 1U);
    EXPECT_THAT(error.trace()[0], testing::HasSubstr("adder/0 "));
    EXPECT_THAT(error.trace()[0], testing::HasSubstr("Adder::fail (process "));
  }
}

TEST(Program, CallsByWireAreTheSame) {
  Program program("wire");
  const Handle<Adder> adder = program.add<Adder>("adder", Adder{3});
  Running running = launch(program, {.forces_wire = true});
  EXPECT_EQ(adder.call<&Adder::add>(4), 7);
  EXPECT_THROW(adder.call<&Adder::fail>(2), CallError);
  std::vector<Future<int>> futures;
  for (int i = 0; i < 100; ++i) futures.push_back(adder.async<&Adder::add>(i));
  const std::vector<int> sums = when_all(std::move(futures)).get();
  EXPECT_EQ(sums.size(), 100U);
  EXPECT_EQ(sums[99], 102);
}

TEST(Program, EndsWhenItsRunnersHaveReturned) {
  Program program("runner");
  const Handle<Adder> adder = program.add<Adder>("adder");
  program.run("driver", [](Handle<Adder> to) { to.call<&Adder::set>(5); }, adder);
  Running running = launch(program);
  running.wait({"driver"});
  EXPECT_EQ(adder.call<&Adder::add>(0), 5);
  running.wait();
  EXPECT_THROW(adder.call<&Adder::add>(0), CallError);
}

}  // namespace
}  // namespace bourse::program
