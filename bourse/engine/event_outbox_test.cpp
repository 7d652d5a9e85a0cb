#include "bourse/engine/event_outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bourse {
namespace {

using ::testing::ElementsAre;

constexpr CellId kOutboxCell{.job = 1, .epoch = 1, .machine = MachineId(0U)};

std::vector<double> samples_in(const EventOutbox& outbox) {
  std::vector<double> samples;
  for (const CellEvent& event : outbox.unacknowledged())
    samples.push_back(event.progress.samples.value_or(-1));
  return samples;
}

std::vector<std::uint64_t> numbers_in(const EventOutbox& outbox) {
  std::vector<std::uint64_t> numbers;
  for (const CellEvent& event : outbox.unacknowledged()) numbers.push_back(event.number);
  return numbers;
}

void report(EventOutbox& outbox, double samples, double now, bool is_safe = false) {
  outbox.add_progress(
      "worker-0",
      {.samples = samples, .checkpointed = is_safe ? std::optional(true) : std::optional<bool>()},
      Seconds(now), Seconds(now));
}

TEST(EventOutbox, NumbersEventsAndForgetsThoseThatAreSafe) {
  EventOutbox outbox(kOutboxCell);
  outbox.add({.kind = CellEventKind::started});
  outbox.add({.kind = CellEventKind::task_ended});
  outbox.add({.kind = CellEventKind::ended});
  EXPECT_THAT(numbers_in(outbox), ElementsAre(1, 2, 3));
  EXPECT_EQ(outbox.unacknowledged().front().cell, kOutboxCell);
  outbox.acknowledge(2);
  outbox.acknowledge(1);
  EXPECT_THAT(numbers_in(outbox), ElementsAre(3));
  outbox.acknowledge(99);
  outbox.add({.kind = CellEventKind::ended});
  EXPECT_THAT(numbers_in(outbox), ElementsAre(4));
}

TEST(EventOutbox, RunsProgressTogetherWhileAnEarlierOneIsUnderWay) {
  EventOutbox outbox(kOutboxCell);
  for (int i = 0; i < 1000; ++i) report(outbox, i, 0);
  EXPECT_THAT(samples_in(outbox), ElementsAre(0));
  EXPECT_EQ(outbox.next_release(), kForever);
  outbox.acknowledge(1);
  EXPECT_EQ(outbox.next_release(), EventOutbox::kInterval);
  outbox.release(Seconds(0.1));  // 0.1 s after the first: too early.
  EXPECT_THAT(samples_in(outbox), ElementsAre());
  outbox.release(EventOutbox::kInterval);
  EXPECT_THAT(samples_in(outbox), ElementsAre(999));
}

TEST(EventOutbox, KeepsTheLastCheckpointApartFromWhatCameAfterIt) {
  EventOutbox outbox(kOutboxCell);
  report(outbox, 0, 0);
  report(outbox, 10, 1);
  report(outbox, 20, 2, true);
  report(outbox, 30, 3);
  outbox.acknowledge(1);
  outbox.release(Seconds(4));
  EXPECT_THAT(samples_in(outbox), ElementsAre(20, 30));
  EXPECT_EQ(outbox.unacknowledged()[0].progress.checkpointed, true);
  EXPECT_FALSE(outbox.unacknowledged()[1].progress.checkpointed.has_value());
}

TEST(EventOutbox, TellsProgressBeforeTheEndOfItsTask) {
  EventOutbox outbox(kOutboxCell);
  report(outbox, 0, 0);
  report(outbox, 7, 0);
  outbox.add({.kind = CellEventKind::task_ended, .task = "worker-0"});
  EXPECT_THAT(samples_in(outbox), ElementsAre(0, 7, -1));
}

}  // namespace
}  // namespace bourse
