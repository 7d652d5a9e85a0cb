#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "bourse/program/deadline.h"

namespace bourse::program {

/// Calls of one node to another, as the caller saw them. Travels to the launcher.
struct EdgeCounts {
  std::uint32_t caller = 0;  ///< kNoNode: main(), or a thread that is of no node.
  std::uint32_t called = 0;
  std::uint64_t calls = 0;     ///< That have ended.
  std::uint64_t failures = 0;  ///< Of these, without a result.
  /// Arguments and results as they are encoded. Calls that a thread makes itself, at a node of its
  /// own process, encode nothing.
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  Nanoseconds time{};  ///< From the call to its answer, all together.
  Nanoseconds longest{};
};

/// Adds up what two of the same edge have counted.
[[nodiscard]] EdgeCounts sum_of(const EdgeCounts& a, const EdgeCounts& b);

/// Counts the calls of an edge. Any thread may call.
class EdgeCounter {
 public:
  void add(Nanoseconds time, std::uint64_t bytes_sent, std::uint64_t bytes_received, bool failed);
  [[nodiscard]] EdgeCounts counts() const;

 private:
  std::atomic<std::uint64_t> calls_ = 0;
  std::atomic<std::uint64_t> failures_ = 0;
  std::atomic<std::uint64_t> bytes_sent_ = 0;
  std::atomic<std::uint64_t> bytes_received_ = 0;
  std::atomic<std::int64_t> nanoseconds_ = 0;
  std::atomic<std::int64_t> longest_ = 0;
};

/// The edges that start in this process. Any thread may call.
class EdgeTable {
 public:
  EdgeTable();

  /// The counter of an edge; a thread that asks for the same again and again waits for nobody.
  [[nodiscard]] const std::shared_ptr<EdgeCounter>& at(std::uint32_t caller, std::uint32_t called);
  /// In order of caller, then of called.
  [[nodiscard]] std::vector<EdgeCounts> counts() const;

 private:
  const std::uint64_t id_;  ///< No other table of the process has it, ever.
  mutable std::mutex mutex_;
  /// Owned by us and by calls under way. Guarded by mutex_.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::shared_ptr<EdgeCounter>> counters_;
};

}  // namespace bourse::program
