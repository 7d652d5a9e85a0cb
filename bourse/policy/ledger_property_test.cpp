// The ledger's runs against a table of every machine in every slot.

#include <gtest/gtest.h>
// gtest must come first.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "bourse/policy/fixtures.h"
#include "bourse/policy/ledger.h"

namespace bourse {
namespace {

using testing::cluster_of;
using testing::gang;

constexpr SlotIndex kLedgerSlots = 12;
constexpr std::uint32_t kLedgerMachines = 3;
constexpr int kGpus = 4;

struct Booking {
  SlotIndex first;
  SlotIndex end;
  TaskGroup group;
};

/// GPUs in use by slot and machine.
using Table = std::vector<std::vector<int>>;

void apply(const Booking& booking, int sign, Ledger& ledger, Table& table) {
  ledger.book(booking.first, booking.end, gang("a", 0, 1, 1), {&booking.group, 1}, sign);
  for (SlotIndex t = booking.first; t < booking.end; ++t)
    table[static_cast<std::size_t>(t)][booking.group.machine.index()] +=
        sign * booking.group.workers;
}

void check(const Ledger& ledger, const Table& table, SlotIndex from) {
  std::map<std::vector<int>, std::uint64_t> fingerprints;
  for (SlotIndex t = from; t < kLedgerSlots; ++t) {
    const std::vector<int>& used = table[static_cast<std::size_t>(t)];
    std::map<StateId, std::uint32_t> counts;
    for (std::size_t h = 0; h < kLedgerMachines; ++h) {
      const StateId id = ledger.states(t)[h];
      RC_ASSERT(ledger.state(id).used[0] == used[h] * kAmountsPerUnit);
      RC_ASSERT(ledger.state(id).residual[0] == (kGpus - used[h]) * kAmountsPerUnit);
      ++counts[id];
    }
    const LedgerRun run = ledger.run(t);
    RC_ASSERT(run.groups.size() == counts.size());
    for (const StateGroup& group : run.groups) RC_ASSERT(counts[group.state] == group.machines);
    // A run ends where the machines change, and nowhere else.
    if (t + 1 < kLedgerSlots)
      RC_ASSERT((run.end > t + 1) == (table[static_cast<std::size_t>(t + 1)] == used));
    std::vector<int> sorted = used;
    std::ranges::sort(sorted);
    const auto [at, is_new] = fingerprints.try_emplace(sorted, run.fingerprint);
    RC_ASSERT(at->second == run.fingerprint);
  }
  RC_ASSERT(ledger.states_in_use() <= static_cast<std::size_t>(kGpus) + 2);
}

RC_GTEST_PROP(Ledger, KeepsWhatATableOfAllSlotsKeeps, ()) {
  const Cluster cluster = cluster_of(kLedgerMachines, {{"gpu", kGpus}});
  Ledger ledger(cluster);
  Table table(kLedgerSlots, std::vector<int>(kLedgerMachines));
  std::vector<Booking> booked;
  SlotIndex now = 0;
  for (int step = 0; step < 15; ++step) {
    const int what = *rc::gen::inRange(0, 10);
    if (what == 0 && now < kLedgerSlots / 2) {
      ledger.forget_before(++now);
      std::erase_if(booked, [&](const Booking& b) { return b.end <= now; });
      for (Booking& booking : booked) booking.first = std::max(booking.first, now);
    } else if (what < 4 && !booked.empty()) {
      const auto at = *rc::gen::inRange<std::size_t>(0, booked.size());
      apply(booked[at], -1, ledger, table);
      booked.erase(booked.begin() + static_cast<std::ptrdiff_t>(at));
    } else {
      const auto first = *rc::gen::inRange<SlotIndex>(now, kLedgerSlots);
      const auto end = *rc::gen::inRange<SlotIndex>(first + 1, kLedgerSlots + 1);
      const TaskGroup group{MachineId(*rc::gen::inRange(0u, kLedgerMachines)),
                            *rc::gen::inRange(1, kGpus + 1), 0};
      bool has_room = true;
      for (SlotIndex t = first; t < end; ++t)
        has_room = has_room && ledger.has_room(t, gang("a", 0, 1, 1), {&group, 1});
      if (!has_room) continue;
      booked.push_back({first, end, group});
      apply(booked.back(), +1, ledger, table);
    }
    if (step % 5 == 4) check(ledger, table, now);
  }
  for (const Booking& booking : booked) apply(booking, -1, ledger, table);
  for (const StateGroup& group : ledger.groups(kLedgerSlots - 1))
    RC_ASSERT(ledger.state(group.state).used[0] == 0);
}

}  // namespace
}  // namespace bourse
