// A program as its author sees it: nodes, handles, calls. All nodes are threads of this process;
// where it says wire, calls go by socket all the same.
#include "bourse/program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/cacher.h"
#include "bourse/program/named_address.h"
#include "bourse/program/running.h"

namespace bourse::program {
namespace {

using namespace std::chrono_literals;  // NOLINT(google-build-using-namespace)
using testing::ElementsAre;
using testing::HasSubstr;

struct Adder {
  int bias = 0;
  int add(int x) const { return x + bias; }
  void set(int value) { bias = value; }
  std::string fail(int x) { throw std::invalid_argument("x must not be " + std::to_string(x)); }
  std::vector<float> scale(std::vector<float> values, float by) const {
    for (float& value : values) value *= by;
    return values;
  }
  Buffer echo(const Buffer& buffer) const { return buffer; }
};

CallError error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const CallError& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {CallCode::internal, "nothing was thrown"};
}

/// By memory and by wire the same holds.
class BothWays : public testing::TestWithParam<bool> {
 protected:
  static RunOptions options() { return {.forces_wire = GetParam()}; }
};
INSTANTIATE_TEST_SUITE_P(Program, BothWays, testing::Values(false, true),
                         [](const auto& way) { return way.param ? "Wire" : "Memory"; });

TEST_P(BothWays, ANodeIsCalledByTheNamesOfItsClass) {
  Program program("calls");
  const Handle<Adder> adder = program.add<Adder>("adder", Adder{3});
  Running running = launch(program, options());
  EXPECT_EQ(adder.call<&Adder::add>(4), 7);
  adder.call<&Adder::set>(10);
  EXPECT_EQ(adder.async<&Adder::add>(4).get(), 14);
  EXPECT_EQ(adder.name(), "adder/0");
}

TEST_P(BothWays, AnExceptionArrivesAsAnErrorWithNodeMethodAndCaller) {
  Program program("errors");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program, options());
  const CallError error = error_of([&] { adder.call<&Adder::fail>(-1); });
  EXPECT_EQ(error.code(), CallCode::invalid_argument);
  EXPECT_EQ(error.message(), "x must not be -1");
  EXPECT_EQ(error.type(), "std::invalid_argument");
  ASSERT_GE(error.trace().size(), 1U);
  EXPECT_THAT(error.trace()[0], HasSubstr("adder/0 "));
  EXPECT_THAT(error.trace()[0], HasSubstr("Adder::fail (process "));
  const auto tried = adder.try_call<&Adder::fail>(1);
  ASSERT_FALSE(tried.has_value());
  EXPECT_EQ(tried.error().code(), CallCode::invalid_argument);
  EXPECT_EQ(*adder.try_call<&Adder::add>(1), 1);
}

TEST_P(BothWays, LargeArgumentsAndResultsArriveWhole) {
  Program program("large");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program, options());
  const std::vector<float> sent(1'000'000, 1.5F);
  const std::vector<float> doubled = adder.call<&Adder::scale>(sent, 2.0F);
  ASSERT_EQ(doubled.size(), sent.size());
  EXPECT_EQ(doubled.back(), 3.0F);
  EXPECT_EQ(sent.back(), 1.5F);  // a value on either side
  const Buffer buffer(std::vector<double>(100'000, 0.25));
  EXPECT_EQ(adder.call<&Adder::echo>(buffer).as<double>()[99'999], 0.25);
  std::vector<Future<std::vector<float>>> many;
  for (int i = 0; i < 8; ++i) many.push_back(adder.async<&Adder::scale>(sent, 3.0F));
  for (const auto& each : when_all(std::move(many)).get()) EXPECT_EQ(each[7], 4.5F);
}

struct Counting {
  std::vector<int> seen;
  int value = 0;
  int add_slowly(int x) {  // without a lock: handlers run one at a time
    const int before = value;
    std::this_thread::sleep_for(1ms);
    return value = before + x;
  }
  void note(int x) {
    seen.push_back(x);
    std::this_thread::sleep_for(1ms);
  }
  std::vector<int> noted() const { return seen; }
};

TEST_P(BothWays, HandlersOfANodeRunOneAtATime) {
  Program program("serial");
  const Handle<Counting> node = program.add<Counting>("node");
  Running running = launch(program, options());
  std::vector<Future<int>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(node.async<&Counting::add_slowly>(1));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { node.call<&Counting::add_slowly>(1); });
  threads.clear();
  for (const auto& future : futures) (void)future.get();
  EXPECT_EQ(node.call<&Counting::add_slowly>(0), 24);
}

TEST_P(BothWays, CallsOfHigherPriorityGoAhead) {
  Program program("priority");
  const Handle<Counting> node = program.add<Counting>("node");
  Running running = launch(program, options());
  node.call<&Counting::note>(0);
  std::vector<Future<void>> futures;
  futures.push_back(node.async<&Counting::add_slowly>(0).then([](int) {}));
  for (int i = 1; i <= 5; ++i) futures.push_back(node.async<&Counting::note>(i));
  futures.push_back(node.priority(9).async<&Counting::note>(100));
  for (const auto& future : futures) future.get();
  const std::vector<int> noted = node.call<&Counting::noted>();
  const auto at = std::ranges::find(noted, 100) - noted.begin();
  EXPECT_LT(at, 5) << testing::PrintToString(noted);
}

// ---- deadlines and cancellation

struct Slow {
  std::atomic<int> cancelled = 0;
  int nap(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return milliseconds;
  }
  bool until_cancelled() {
    const std::stop_token token = cancel_token();
    for (int i = 0; i < 5000 && !token.stop_requested(); ++i) std::this_thread::sleep_for(1ms);
    if (token.stop_requested()) ++cancelled;
    return token.stop_requested();
  }
  int cancellations() const { return cancelled; }
  std::optional<std::int64_t> left() const {
    const auto time = time_left();
    if (!time) return std::nullopt;
    return std::chrono::duration_cast<std::chrono::milliseconds>(*time).count();
  }
};

struct Middle {
  Handle<Slow> slow;
  std::optional<std::int64_t> left() const { return slow.call<&Slow::left>(); }
};

TEST_P(BothWays, ACallThatTakesLongerThanItsDeadlineFailsAtTheDeadline) {
  Program program("deadline");
  const Handle<Slow> slow = program.add<Slow>("slow");
  Running running = launch(program, options());
  const Deadline start = now();
  const CallError error = error_of([&] { slow.timeout(30ms).call<&Slow::nap>(400); });
  EXPECT_EQ(error.code(), CallCode::deadline_exceeded);
  EXPECT_THAT(error.message(), HasSubstr("slow/0"));
  EXPECT_LT(now() - start, 350ms);
  EXPECT_EQ(slow.call<&Slow::nap>(1), 1);
}

TEST_P(BothWays, DeadlinesTravelWithTheCallsThatAHandlerMakes) {
  Program program("travel");
  const Handle<Slow> slow = program.add<Slow>("slow");
  const Handle<Middle> middle = program.add<Middle>("middle", Middle{slow});
  Running running = launch(program, options());
  EXPECT_EQ(middle.call<&Middle::left>(), std::nullopt);
  const auto left = middle.timeout(10s).call<&Middle::left>();
  ASSERT_TRUE(left.has_value());
  EXPECT_LE(*left, 10'000);
  EXPECT_GT(*left, 5'000);
}

TEST_P(BothWays, AHandlerSeesThatItsCallerHasGivenUp) {
  Program program("cancel");
  NodeOptions concurrent;
  concurrent.concurrency = 2;
  const Handle<Slow> slow = program.group("slow", concurrent).add<Slow>();
  Running running = launch(program, options());
  const Future<bool> future = slow.async<&Slow::until_cancelled>();
  EXPECT_FALSE(future.wait_for(5ms));
  future.cancel();
  EXPECT_EQ(error_of([&] { (void)future.get(); }).code(), CallCode::cancelled);
  while (slow.call<&Slow::cancellations>() == 0) std::this_thread::sleep_for(1ms);
}

TEST_P(BothWays, ACancelledCallThatWaitsNeverRuns) {
  Program program("cancel waiting");
  const Handle<Counting> node = program.add<Counting>("node");
  Running running = launch(program, options());
  std::vector<Future<void>> futures;
  for (int i = 0; i < 20; ++i) futures.push_back(node.async<&Counting::note>(i));
  futures.back().cancel();
  for (int i = 0; i < 19; ++i) futures[static_cast<std::size_t>(i)].get();
  EXPECT_EQ(node.call<&Counting::noted>().size(), 19U);
}

// ---- futures

TEST_P(BothWays, ThenGoesOnWithTheValueAndPassesErrorsOn) {
  Program program("then");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program, options());
  const Future<std::string> text = adder.async<&Adder::add>(20)
                                       .then([&](int x) { return adder.call<&Adder::add>(x + 1); })
                                       .then([](int x) { return std::to_string(x); });
  EXPECT_EQ(text.get(), "21");
  const auto failed = adder.async<&Adder::fail>(1).then([](const std::string&) { return 1; });
  EXPECT_EQ(error_of([&] { (void)failed.get(); }).code(), CallCode::invalid_argument);
  const auto thrown =
      adder.async<&Adder::add>(1).then([](int) -> int { throw std::out_of_range("beyond"); });
  EXPECT_EQ(error_of([&] { (void)thrown.get(); }).code(), CallCode::out_of_range);
  const Future<int> once = adder.async<&Adder::add>(1);
  EXPECT_EQ(once.get(), 1);
  EXPECT_EQ(error_of([&] { (void)once.get(); }).code(), CallCode::failed_precondition);
}

TEST_P(BothWays, GroupsAreCalledTogether) {
  Program program("collective");
  NodeOptions concurrent;
  concurrent.concurrency = 4;
  const Handles<Adder> adders = program.group("adder", concurrent).add_n<Adder>(3);
  const Handles<Slow> slow = program.group("slow", concurrent).add_n<Slow>(3);
  Running running = launch(program, options());
  for (int i = 0; i < 3; ++i) adders[static_cast<std::size_t>(i)].call<&Adder::set>(i);
  EXPECT_THAT(adders.all().call<&Adder::add>(10), ElementsAre(10, 11, 12));
  EXPECT_EQ(adders.reduce<&Adder::add>(std::plus(), 1), 6);
  EXPECT_EQ(adders.any().call<&Adder::add>(0).value, 0 + 0 * adders.size());
  EXPECT_EQ(adders.first_k(2).call<&Adder::add>(0).size(), 2U);
  std::vector<int> turns;
  for (int i = 0; i < 6; ++i) turns.push_back(adders.rotate().call<&Adder::add>(0));
  EXPECT_THAT(turns, ElementsAre(0, 1, 2, 0, 1, 2));
  adders.all().call<&Adder::set>(1);  // void
  EXPECT_EQ(error_of([&] { (void)adders.all().call<&Adder::fail>(1); }).code(),
            CallCode::invalid_argument);
  // The slow one is not waited for, and is told.
  std::vector<Future<bool>> calls;
  calls.push_back(slow[0].async<&Slow::until_cancelled>());
  for (int i = 1; i < 3; ++i)
    calls.push_back(
        slow[static_cast<std::size_t>(i)].async<&Slow::nap>(1).then([](int) { return true; }));
  const auto first = when_k(std::move(calls), 2).get();
  EXPECT_NE(first[0].index, 0U);
  EXPECT_NE(first[1].index, 0U);
  while (slow[0].call<&Slow::cancellations>() == 0) std::this_thread::sleep_for(1ms);
}

TEST_P(BothWays, WhenKFailsOnceTooFewCanSucceed) {
  Program program("too few");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program, options());
  std::vector<Future<std::string>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(adder.async<&Adder::fail>(i));
  EXPECT_EQ(error_of([&] { (void)when_k(calls, 1).get(); }).code(), CallCode::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)when_k(calls, 4); }).code(), CallCode::invalid_argument);
}

// ---- batches

struct Batched {
  std::vector<std::size_t> sizes;
  std::vector<Batch<int>> seen;
  Batch<std::vector<int>> twice(Batch<int> values, Batch<std::string> names) {
    sizes.push_back(values.size());
    if (std::ranges::find(values, -666) != values.end()) throw std::domain_error("-666");
    Batch<std::vector<int>> results;
    for (std::size_t i = 0; i < values.size(); ++i)
      results.push_back({2 * values[i], static_cast<int>(names[i].size())});
    return results;
  }
  Batch<int> too_few(const Batch<int>&) { return {}; }
  std::vector<std::size_t> batch_sizes() const { return sizes; }
};

/// Defect 2 of Courier: from the second caller on, answers were cut at the wrong places.
TEST_P(BothWays, EachCallerOfABatchGetsItsOwnAnswer) {
  Program program("batch");
  NodeOptions node;
  node.batch = {.max = 4, .timeout = 1000ms};
  const Handle<Batched> batched = program.group("batched", node).add<Batched>();
  Running running = launch(program, options());
  std::vector<Future<std::vector<int>>> futures;
  for (int i = 0; i < 8; ++i)
    futures.push_back(
        batched.async<&Batched::twice>(i, std::string(static_cast<std::size_t>(i), 'x')));
  for (int i = 0; i < 8; ++i)
    EXPECT_THAT(futures[static_cast<std::size_t>(i)].get(), ElementsAre(2 * i, i));
  EXPECT_THAT(batched.call<&Batched::batch_sizes>(), ElementsAre(4, 4));
}

TEST_P(BothWays, ABatchGoesWhenItsOldestCallHasWaitedLongEnough) {
  Program program("batch timeout");
  NodeOptions node;
  node.batch = {.max = 100, .timeout = 5ms, .pads = true};
  const Handle<Batched> batched = program.group("batched", node).add<Batched>();
  Running running = launch(program, options());
  EXPECT_THAT(batched.call<&Batched::twice>(5, "abc"), ElementsAre(10, 3));
  EXPECT_THAT(batched.call<&Batched::batch_sizes>(), ElementsAre(100));  // filled up
  EXPECT_EQ(error_of([&] { (void)batched.call<&Batched::twice>(-666, ""); }).code(),
            CallCode::invalid_argument);
  EXPECT_EQ(error_of([&] { (void)batched.call<&Batched::too_few>(1); }).code(),
            CallCode::failed_precondition);
}

/// Defect 1 of Courier: calls of a batch each held a thread of a pool, and could use it up.
TEST_P(BothWays, ManyCallsWaitForABatchWithoutHoldingThreads) {
  Program program("batch large");
  NodeOptions node;
  node.batch = {.max = 1000, .timeout = 10'000ms};
  const Handle<Batched> batched = program.group("batched", node).add<Batched>();
  Running running = launch(program, options());
  std::vector<Future<std::vector<int>>> futures;
  for (int i = 0; i < 1000; ++i) futures.push_back(batched.async<&Batched::twice>(i, ""));
  EXPECT_EQ(when_all(std::move(futures)).get()[999][0], 1998);
}

// ---- graphs

struct Ping {
  Handle<Ping> other;
  std::string name;
  int hops(int left) const { return left == 0 ? 0 : 1 + other.call<&Ping::hops>(left - 1); }
  std::string called() const { return name; }
  std::string call_other() const { return other.call<&Ping::called>(); }
};

TEST_P(BothWays, ACycleOfCallsIsAnErrorAndNotADeadlock) {
  Program program("cycle");
  NodeGroup group = program.group("ping");
  const Handle<Ping> a = group.declare<Ping>();
  const Handle<Ping> b = group.declare<Ping>();
  program.configure(a, Ping{b, "a"});
  program.configure(b, Ping{a, "b"});
  Running running = launch(program, options());
  EXPECT_EQ(a.call<&Ping::call_other>(), "b");  // nodes may know each other
  EXPECT_EQ(b.call<&Ping::call_other>(), "a");
  EXPECT_EQ(a.call<&Ping::hops>(1), 1);
  const CallError error = error_of([&] { (void)a.call<&Ping::hops>(2); });
  EXPECT_EQ(error.code(), CallCode::failed_precondition);
  EXPECT_THAT(error.message(), HasSubstr("ping/0 -> ping/1 -> ping/0"));
}

struct Giver {
  Handle<Adder> adder;
  std::vector<Handle<Adder>> give() const { return {adder}; }
  int use(const Handle<Adder>& other, int x) const { return other.call<&Adder::add>(x); }
};

TEST_P(BothWays, HandlesAreValues) {
  Program program("handles");
  const Handle<Adder> adder = program.add<Adder>("adder", Adder{7});
  const Handle<Giver> giver = program.add<Giver>("giver", Giver{adder});
  program.run(
      "user",
      [](Handle<Giver> from) {
        if (from.call<&Giver::give>().at(0).call<&Adder::add>(1) != 8)
          throw std::logic_error("wrong");
      },
      giver);
  Running running = launch(program, options());
  EXPECT_EQ(giver.call<&Giver::use>(adder, 2), 9);
  running.wait();
}

TEST_P(BothWays, ACacherAnswersFromMemoryForATime) {
  Program program("cacher");
  const Handle<Counting> node = program.add<Counting>("node");
  const Handle<Counting> cached =
      add_cacher(program, "cacher", node, {.lifetime = std::chrono::hours(1)});
  const Handle<Counting> brief = add_cacher(program, "brief", node, {.lifetime = 1ms});
  Running running = launch(program, options());
  EXPECT_EQ(cached.call<&Counting::add_slowly>(1), 1);
  EXPECT_EQ(cached.call<&Counting::add_slowly>(1), 1);  // the node was not asked
  EXPECT_EQ(cached.call<&Counting::add_slowly>(2), 3);
  EXPECT_EQ(brief.call<&Counting::add_slowly>(1), 4);
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(brief.call<&Counting::add_slowly>(1), 5);
  std::vector<Future<int>> same;
  for (int i = 0; i < 10; ++i) same.push_back(cached.async<&Counting::add_slowly>(10));
  for (const int answer : when_all(std::move(same)).get()) EXPECT_EQ(answer, 15);
}

TEST_P(BothWays, AMessageOverTheLimitIsRefusedWhereItIsSent) {
  Program program("limit");
  const Handle<Adder> adder = program.add<Adder>("adder");
  RunOptions limited = options();
  limited.forces_wire = true;
  limited.largest_message = 100'000;
  Running running = launch(program, limited);
  const std::vector<float> large(50'000, 1.0F);
  const CallError error = error_of([&] { (void)adder.call<&Adder::scale>(large, 1.0F); });
  EXPECT_EQ(error.code(), CallCode::resource_exhausted);
  EXPECT_THAT(error.message(), HasSubstr("a message may have 100000"));
  EXPECT_EQ(adder.call<&Adder::add>(1), 1);  // the connection is as it was
}

}  // namespace
}  // namespace bourse::program
