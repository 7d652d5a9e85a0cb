// A program as its author sees it: nodes, handles, calls. All nodes are threads of this process;
// where it says wire, calls go by socket all the same.
#include "bourse/program/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/cacher.h"
#include "bourse/program/fixtures.h"
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

/// Handlers that wait for each other, by way of the test's own thread or of a later call.
struct Waiters {
  struct Gates {
    std::atomic<bool> is_first_done = false;
    std::atomic<bool> is_second_done = false;
    std::atomic<int> waiting = 0;
  };
  Gates* gates = nullptr;
  int quick(int x) const { return x; }
  void first() const {
    ++gates->waiting;
    gates->is_first_done.wait(false);
  }
  /// Lets the first one go, and waits.
  void second() const {
    ++gates->waiting;
    gates->is_first_done = true;
    gates->is_first_done.notify_all();
    gates->is_second_done.wait(false);
  }
};

// The first call keeps a thread that came by epoll. Quick calls give the connection to another
// thread, which the second call holds up; that the first is done then must not hide it.
TEST(Busy, AConnectionIsReadWhileTheThreadThatHasItIsHeldUp) {
  Waiters::Gates gates;
  Program program("busy");
  const Handle<Waiters> node =
      program.group("waiters", {.concurrency = 8}).add<Waiters>(Waiters{&gates});
  Running running = launch(program, RunOptions{.forces_wire = true});
  const Future<void> first = node.async<&Waiters::first>();
  while (gates.waiting < 1) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(node.call<&Waiters::quick>(i), i);
  const Future<void> second = node.async<&Waiters::second>();
  first.get();
  const Future<int> after = node.async<&Waiters::quick>(1);
  EXPECT_TRUE(after.wait_for(10s));
  gates.is_second_done = true;
  gates.is_second_done.notify_all();
  second.get();
  EXPECT_EQ(after.get(), 1);
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

TEST_P(BothWays, ALargeAnswerAfterManyQuickOnesArrives) {
  Program program("quick then large");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program, options());
  const Buffer large(std::vector<double>(1'000'000, 0.5));  // more than a socket holds
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) EXPECT_EQ(adder.call<&Adder::add>(i), i);
    EXPECT_EQ(adder.call<&Adder::echo>(large).size(), large.size());
  }
}

TEST_P(BothWays, UrgentCallsGoThroughWhileALargeOneIsUnderWay) {
  Program program("urgent");
  const Handle<Adder> adder = program.group("adder", {.concurrency = 2}).add<Adder>();
  Running running = launch(program, options());
  const Buffer large(std::vector<double>(5'000'000, 0.5));
  std::atomic<int> answers = 0;
  std::jthread urgent([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) answers += adder.priority(9).call<&Adder::add>(1);
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(adder.call<&Adder::echo>(large).size(), large.size());
  while (answers == 0) std::this_thread::sleep_for(1ms);
}

struct Gate {
  std::atomic<bool>* is_open;
  void pass(int rest_ms, bool waits) const {
    if (rest_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(rest_ms));
    while (waits && !*is_open) std::this_thread::sleep_for(1ms);
  }
};

// The second answer is ready at once, and the third call of the same kind waits for what its caller
// does then.
TEST_P(BothWays, AnAnswerIsThereThoughTheNextHandlerWaits) {
  Program program("gate");
  std::atomic<bool> is_open = false;
  const Handle<Gate> gate = program.add<Gate>("gate", Gate{&is_open});
  Running running = launch(program, options());
  gate.call<&Gate::pass>(0, false);
  const Future<void> first = gate.async<&Gate::pass>(20, false);
  const Future<void> second = gate.async<&Gate::pass>(0, false);
  const Future<void> third = gate.async<&Gate::pass>(0, true);
  first.get();
  second.get();
  is_open = true;
  third.get();
}

TEST_P(BothWays, ABusyConnectionIsReadOnAfterSlowCalls) {
  Program program("quick and slow");
  std::atomic<bool> is_open = true;
  const Handle<Gate> gate = program.group("gate", {.concurrency = 4}).add<Gate>(Gate{&is_open});
  Running running = launch(program, options());
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&gate, caller] {
      for (int i = 0; i < 800; ++i) gate.call<&Gate::pass>(i % 40 == 10 * caller ? 6 : 0, false);
    });
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
  std::atomic<int> started = 0;
  std::atomic<int> cancelled = 0;
  int nap(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    return milliseconds;
  }
  bool until_cancelled() {
    ++started;
    const std::stop_token token = cancel_token();
    for (int i = 0; i < 5000 && !token.stop_requested(); ++i) std::this_thread::sleep_for(1ms);
    if (token.stop_requested()) ++cancelled;
    return token.stop_requested();
  }
  int starts() const { return started; }
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
  while (slow.call<&Slow::starts>() == 0) std::this_thread::sleep_for(1ms);
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
  futures.back().cancel();  // the others take 19 ms
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
  const Indexed<int> first_of_all = adders.any().call<&Adder::add>(0);
  EXPECT_EQ(first_of_all.value, static_cast<int>(first_of_all.index));
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
  while (slow[0].call<&Slow::starts>() == 0) std::this_thread::sleep_for(1ms);
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

struct Needy {
  explicit Needy(const Handle<Needy>& other) { other.call<&Needy::f>(); }
  void f() const {}
};

TEST_P(BothWays, ConstructorsThatWaitForEachOtherFail) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "libstdc++ counts who shares the text of an error where the sanitizer cannot see";
#endif
#endif
  Program program("needy");
  NodeGroup group = program.group("needy");
  const Handle<Needy> a = group.declare<Needy>();
  const Handle<Needy> b = group.declare<Needy>();
  program.configure(a, b);
  program.configure(b, a);
  RunOptions patience = options();
  patience.connect_timeout = 20ms;
  Running running = launch(program, patience);
  EXPECT_THROW(running.wait(), ProgramFailed);
}

TEST_P(BothWays, HandlesAreValues) {
  Program program("handles");
  const Handle<Adder> adder = program.add<Adder>("adder", Adder{7});
  const Handle<Giver> giver = program.add<Giver>("giver", Giver{adder});
  program.run(
      "user",
      [](const Handle<Giver>& from) {
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

TEST_P(BothWays, CallsBytesAndTimesAreCountedForEachEdge) {
  Program program("edges");
  const Handle<Adder> adder = program.add<Adder>("adder");
  const Handle<Giver> giver = program.add<Giver>("giver", Giver{adder});
  Running running = launch(program, options());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(giver.call<&Giver::use>(adder, i), i);
  EXPECT_EQ(error_of([&] { adder.call<&Adder::fail>(-1); }).code(), CallCode::invalid_argument);
  EXPECT_EQ(adder.async<&Adder::add>(1).get(), 1);
  running.stop();
  running.wait();
  const std::vector<EdgeReport> edges = running.edges();
  ASSERT_EQ(edges.size(), 3U);
  EXPECT_EQ(edges[0].caller + " " + edges[0].called, "giver/0 adder/0");
  EXPECT_EQ(edges[0].counts.calls, 3U);
  EXPECT_EQ(edges[0].counts.failures, 0U);
  EXPECT_EQ(edges[1].caller + " " + edges[1].called, "main() adder/0");
  EXPECT_EQ(edges[1].counts.calls, 2U);
  EXPECT_EQ(edges[1].counts.failures, 1U);
  EXPECT_GE(edges[1].counts.bytes_sent, 4U);  // those of add(1), at least
  EXPECT_GE(edges[1].counts.bytes_received, 4U);
  EXPECT_GT(edges[1].counts.longest, 0ns);
  EXPECT_LE(edges[1].counts.longest, edges[1].counts.time);
  EXPECT_THAT(text_of(edges), HasSubstr("main()   adder/0          2        1"));
}

// ---- what is described

struct Deeper {
  std::string name;
  std::array<Handle<Adder>, 2> pair;
};
struct Wiring {
  int number = 0;
  Handle<Adder> direct;
  std::optional<Deeper> deeper;
};
struct WithArray {  // its members are not looked into, and it compiles all the same
  char text[8] = "";
  int numbers[2] = {};
  Handle<Adder> unseen;
};
struct Wired {
  explicit Wired(const Wiring&) {}
  Wired(const WithArray&, const Wiring&) {}
  void f() const {}
};

TEST(Program, HandlesWithinAggregatesAreEdges) {
  static_assert(has_known_members<Wiring>() && has_known_members<Deeper>());
  static_assert(!has_known_members<WithArray>() && !has_known_members<std::string>());
  Program program("aggregates");
  const Handles<Adder> adders = program.group("adder").add_n<Adder>(3);
  const Wiring wiring{.direct = adders[2],
                      .deeper = Deeper{.name = "x", .pair = {adders[0], adders[1]}}};
  program.add<Wired>("one", wiring);
  program.add<Wired>("two", WithArray{.unseen = adders[0]}, Wiring{.direct = adders[1]});
  EXPECT_THAT(program.nodes()[3].calls, ElementsAre(2U, 0U, 1U));
  EXPECT_THAT(program.nodes()[4].calls, ElementsAre(1U));
  EXPECT_THAT(program.spec_json(), HasSubstr(R"("calls":[2,0,1])"));
}

TEST(Program, NodesAreKeptInTheOrderOfTheirAddingAndGroupsOpenAgain) {
  Program program("graph");
  const Handle<Adder> a = program.group("adder").add<Adder>();
  const Handle<Giver> g = program.add<Giver>("giver", Giver{a});
  const Handle<Adder> b = program.group("adder").add<Adder>();  // the label again
  program.run(
      "driver", [](const std::vector<Handle<Adder>>&, const std::map<int, Handle<Giver>>&) {},
      std::vector{a, b}, std::map<int, Handle<Giver>>{{1, g}});
  ASSERT_EQ(program.nodes().size(), 4U);
  EXPECT_EQ(program.nodes()[2].name(), "adder/1");
  EXPECT_THAT(program.nodes()[3].calls, ElementsAre(0U, 2U, 1U));  // found within containers
  EXPECT_THROW(Program(""), std::invalid_argument);
  EXPECT_THROW((void)program.group(""), std::invalid_argument);
  EXPECT_THROW((void)program.group("a b"), std::invalid_argument);
}

TEST(Program, TheSchedulerIsToldUnitsResourcesRolesAndEdges) {
  Program program("spec");
  const auto server = program
                          .group("ps", {.resources = {.cpus = 2, .memory_mib = 4096},
                                        .role = NodeRole::parameter_server})
                          .add<Adder>();
  program
      .group("worker", {.resources = {.cpus = 4, .gpus = 1, .custom = {{"tpu", 2}}},
                        .restart = {.max = 3, .scope = RestartScope::group},
                        .role = NodeRole::worker,
                        .min_replicas = 1,
                        .max_replicas = 8})
      .run([](const Handle<Adder>&) {}, server);
  const std::string json = program.spec_json();
  EXPECT_THAT(json, HasSubstr(R"("label":"ps","index":0,"unit":0)"));
  EXPECT_THAT(
      json,
      HasSubstr(R"("role":"parameter_server","resources":{"cpus":2,"gpus":0,"memory_mib":4096})"));
  EXPECT_THAT(json, HasSubstr(R"("resources":{"cpus":4,"gpus":1,"memory_mib":0,"tpu":2})"));
  EXPECT_THAT(json,
              HasSubstr(R"("replicas":{"min":1,"max":8},"restart":{"max":3,"scope":"group"})"));
  EXPECT_THAT(json, HasSubstr(R"("runs":true,"calls":[0])"));
}

TEST(Program, LaunchRefusesWhatCannotRun) {
  Program empty("empty");
  EXPECT_THROW((void)launch(empty), std::logic_error);
  Program half("half");
  const Handle<Adder> adder = half.group("adder").declare<Adder>();
  EXPECT_THROW((void)launch(half), std::logic_error);
  EXPECT_EQ(error_of([&] { adder.call<&Adder::add>(1); }).code(), CallCode::failed_precondition);
  half.configure(adder);
  Running running = launch(half);
  EXPECT_EQ(adder.call<&Adder::add>(1), 1);
  EXPECT_THROW((void)launch(half), std::logic_error);
  EXPECT_THROW(half.add<Adder>("late"), std::logic_error);
  EXPECT_EQ(error_of([] { (void)Handle<Adder>().call<&Adder::add>(1); }).code(),
            CallCode::failed_precondition);
}

struct Stepper {
  std::shared_ptr<std::atomic<int>> steps;
  void step() { ++*steps; }
  void run() {
    while (!wait_for_stop(0ms)) step();
  }
};

TEST(Program, ANodeMayBeSteppedInPlaceOfRunning) {
  const auto steps = std::make_shared<std::atomic<int>>(0);
  Program program("step");
  const Handle<Stepper> stepper =
      program.group("stepper", {.calls_run = false}).add<Stepper>(Stepper{steps});
  Running running = launch(program);
  stepper.call<&Stepper::step>();
  EXPECT_EQ(*steps, 1);
}

struct Clock {
  virtual ~Clock() = default;
  virtual int hour() const { return 12; }
};
struct StoppedClock final : Clock {
  explicit StoppedClock(int at) : stopped_at(at) {}
  int stopped_at;
  int hour() const override { return stopped_at; }
};
struct Alarm {
  Handle<Clock> clock;
  bool rings() const { return clock.call<&Clock::hour>() == 7; }
};

TEST(Program, AFakeStandsInForANodeInTests) {
  for (const bool forces_wire : {false, true}) {
    Program program("fake");
    const Handle<Clock> clock = program.add<Clock>("clock");
    const Handle<Alarm> alarm = program.add<Alarm>("alarm", Alarm{clock});
    program.substitute<StoppedClock>(clock, 7);
    Running running = launch(program, {.forces_wire = forces_wire});
    EXPECT_TRUE(alarm.call<&Alarm::rings>());
  }
}

TEST(Program, DaemonsDoNotKeepItAlive) {
  const auto steps = std::make_shared<std::atomic<int>>(0);
  Program program("daemon");
  program.group("daemon", {.is_daemon = true}).add<Stepper>(Stepper{steps});
  program.run("driver", [] {});
  Running running = launch(program);
  running.wait();
}

TEST(Program, ServicesRunUntilSomebodyStopsThem) {
  Program program("services");
  const Handle<Adder> adder = program.add<Adder>("adder");
  Running running = launch(program);
  EXPECT_FALSE(running.wait_for(5ms));
  EXPECT_EQ(adder.call<&Adder::add>(1), 1);
  running.stop();
  running.wait();
}

TEST(Program, TheFirstFailureStopsTheRestAndIsThrown) {
  Program program("failing");
  std::atomic<bool> was_told = false;
  program.run("bad", [] { throw std::runtime_error("the disk is full"); });
  program.run("other", [&was_told] {
    const std::stop_callback told(stop_token(), [&was_told] { was_told = true; });
    wait_for_stop();
  });
  Running running = launch(program);
  try {
    running.wait({"other"});
    FAIL();
  } catch (const ProgramFailed& failed) {
    ASSERT_EQ(failed.failures().size(), 1U);
    EXPECT_EQ(failed.failures()[0].node, "bad/0");
    EXPECT_THAT(failed.what(), HasSubstr("the disk is full"));
  }
  EXPECT_EQ(running.failures().size(), 1U);
  running = {};
  EXPECT_TRUE(was_told);
}

TEST(Program, StopAndItsKinWorkInNodesOnly) {
  EXPECT_EQ(error_of([] { stop(); }).code(), CallCode::failed_precondition);
  EXPECT_EQ(error_of([] { (void)wait_for_stop(1ms); }).code(), CallCode::failed_precondition);
  EXPECT_EQ(error_of([] { (void)node_name(); }).code(), CallCode::failed_precondition);
  Program program("names");
  program.run("node", [] {
    if (node_name() != "node/0" || node_index() != 0 || incarnation() != 0)
      throw std::logic_error(node_name());
    stop();
  });
  Running running = launch(program);
  running.wait();
}

TEST(Program, PostDoesNotWaitAndMayLeadBack) {
  struct Echoing {
    Handle<Echoing> other;
    int heard = 0;
    void say(int left) {
      ++heard;
      if (left > 0) other.post<&Echoing::say>(left - 1);
    }
    int times() const { return heard; }
  };
  Program program("post");
  NodeGroup group = program.group("node");
  const Handle<Echoing> a = group.declare<Echoing>();
  const Handle<Echoing> b = group.declare<Echoing>();
  program.configure(a, Echoing{b});
  program.configure(b, Echoing{a});
  Running running = launch(program);
  a.call<&Echoing::say>(10);
  while (a.call<&Echoing::times>() + b.call<&Echoing::times>() < 11)
    std::this_thread::sleep_for(1ms);
}

using ProgramDeathTest = testing::Test;

TEST_F(ProgramDeathTest, AThreadThatIgnoresStopIsNamedAndEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    Program program("stuck");
    program.run("stuck", [] {
      while (true) std::this_thread::sleep_for(1s);
    });
    Running running = launch(program, {.grace = 20ms});
    running.wait_until_ready(10s);
    running.stop();
    running.wait();
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(1), "stuck/0 of program 'stuck' did not stop within");
}

TEST_F(ProgramDeathTest, AStopFromOutsideEndsMainWithASentenceAndNoDump) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // noexcept, as main() is: what it does not catch is not caught.
  const auto main_of_user = []() noexcept {
    Program program("stopped");
    const Handle<Adder> adder = program.add<Adder>("adder");
    program.run("worker", [] { wait_for_stop(); });
    Running running = launch(program);
    raise(SIGTERM);
    if (running.wait({"worker"})) std::_Exit(7);  // it was stopped before it had returned
    adder.call<&Adder::add>(1);
  };
  EXPECT_EXIT(main_of_user(), testing::ExitedWithCode(128 + SIGTERM),
              "bourse: cancelled: the program (is stopping|has stopped)");
}

TEST(RunOptions, ComeFromTheCommandLine) {
  const char* const all[] = {"program",     "--launch=tcp",  "--other",
                             "--grace=2.5", "--silence=0.5", "--edges"};
  const RunOptions options = run_options(6, all);
  EXPECT_EQ(options.silence, 500ms);
  EXPECT_TRUE(options.prints_edges);
  EXPECT_EQ(options.placement, Placement::tcp);
  EXPECT_EQ(options.grace, 2500ms);
  const char* const only[] = {"program", "--only=worker/0"};
  EXPECT_EQ(run_options(2, only).placement, Placement::processes);
  EXPECT_EQ(silence_of(run_options(2, only)), 0s);  // who is debugged may be silent
  for (const char* const bad : {"--launch=cloud", "--grace=soon", "--grace=-1", "--silence=x"}) {
    const char* const arguments[] = {"program", bad};
    EXPECT_THROW((void)run_options(2, arguments), std::invalid_argument) << bad;
  }
}

}  // namespace
}  // namespace bourse::program
