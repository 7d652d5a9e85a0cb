#include "bourse/world/event_loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <csignal>
#include <cstdint>

#include "bourse/world/real_world.h"

namespace bourse {
namespace {

Descriptor readable() { return Descriptor(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK)); }

TEST(EventLoop, AnUnwatchedDescriptorIsNotCalledForEvenIfItsEventIsDue) {
  EventLoop loop;
  const std::array<Descriptor, 2> descriptors{readable(), readable()};
  std::array<EventLoop::WatchId, 2> watches{};
  int calls = 0;
  for (std::size_t i = 0; i < 2; ++i)
    watches[i] = loop.watch(descriptors[i].number(), EPOLLIN, [&](std::uint32_t) {
      ++calls;
      for (const EventLoop::WatchId watch : watches) loop.unwatch(watch);  // both, this one too
      loop.call_at(loop.now(), [&] { loop.stop(); });
    });
  loop.run();
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(loop.is_watched(watches[0]));
}

TEST(EventLoop, ANumberThatIsUsedAgainDoesNotGetTheCallsOfItsFirstOwner) {
  EventLoop loop;
  Descriptor first = readable();
  const int number = first.number();
  bool called_first = false;
  const auto watch = loop.watch(number, EPOLLIN, [&](std::uint32_t) { called_first = true; });
  loop.unwatch(watch);
  first.reset();
  const Descriptor second = readable();
  ASSERT_EQ(second.number(), number);
  loop.watch(number, EPOLLIN, [&](std::uint32_t) { loop.stop(); });
  loop.run();
  EXPECT_FALSE(called_first);
}

TEST(EventLoop, DescriptorsAreServedWhileTimersFireAllTheTime) {
  EventLoop loop;
  const Descriptor descriptor = readable();
  std::function<void()> again = [&] { loop.call_at(loop.now(), again); };
  again();
  bool is_served = false;
  loop.watch(descriptor.number(), EPOLLIN, [&](std::uint32_t) {
    is_served = true;
    loop.stop();
  });
  loop.run();
  EXPECT_TRUE(is_served);
}

TEST(RealWorld, CallsBackOnASignalAndGivesItBack) {
  struct sigaction before{};
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &before), 0);
  {
    RealWorld world;
    int count = 0;
    world.on_signal(SIGUSR1, [&] {
      ++count;
      world.stop();
    });
    raise(SIGUSR1);
    EXPECT_EQ(count, 0);  // from the loop only
    world.run();
    EXPECT_EQ(count, 1);
  }
  struct sigaction after{};
  ASSERT_EQ(sigaction(SIGUSR1, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

}  // namespace
}  // namespace bourse
