#include "bourse/program/edge_counts.h"

#include <algorithm>

namespace bourse::program {
namespace {

std::uint64_t next_table_id() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

/// The edge that this thread has asked for last.
struct LastEdge {
  std::uint64_t table = 0;
  std::uint32_t caller = 0;
  std::uint32_t called = 0;
  std::shared_ptr<EdgeCounter> counter;  ///< Owned by its table, too.
};

}  // namespace

EdgeCounts sum_of(const EdgeCounts& a, const EdgeCounts& b) {
  EdgeCounts sum = a;
  sum.calls += b.calls;
  sum.failures += b.failures;
  sum.bytes_sent += b.bytes_sent;
  sum.bytes_received += b.bytes_received;
  sum.time += b.time;
  sum.longest = std::max(a.longest, b.longest);
  return sum;
}

void EdgeCounter::add(Nanoseconds time, std::uint64_t bytes_sent, std::uint64_t bytes_received,
                      bool failed) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  calls_.fetch_add(1, kRelaxed);
  nanoseconds_.fetch_add(time.count(), kRelaxed);
  if (failed) failures_.fetch_add(1, kRelaxed);
  if (bytes_sent > 0) bytes_sent_.fetch_add(bytes_sent, kRelaxed);
  if (bytes_received > 0) bytes_received_.fetch_add(bytes_received, kRelaxed);
  std::int64_t longest = longest_.load(kRelaxed);
  while (time.count() > longest && !longest_.compare_exchange_weak(longest, time.count(), kRelaxed))
    continue;
}

EdgeCounts EdgeCounter::counts() const {
  EdgeCounts counts;
  counts.calls = calls_;
  counts.failures = failures_;
  counts.bytes_sent = bytes_sent_;
  counts.bytes_received = bytes_received_;
  counts.time = Nanoseconds(nanoseconds_);
  counts.longest = Nanoseconds(longest_);
  return counts;
}

EdgeTable::EdgeTable() : id_(next_table_id()) {}

const std::shared_ptr<EdgeCounter>& EdgeTable::at(std::uint32_t caller, std::uint32_t called) {
  thread_local LastEdge last;
  if (last.table == id_ && last.caller == caller && last.called == called) return last.counter;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<EdgeCounter>& counter = counters_[{caller, called}];
  if (!counter) counter = std::make_shared<EdgeCounter>();
  last = {id_, caller, called, counter};
  return last.counter;
}

std::vector<EdgeCounts> EdgeTable::counts() const {
  const std::lock_guard lock(mutex_);
  std::vector<EdgeCounts> all;
  for (const auto& [edge, counter] : counters_) {
    EdgeCounts& counts = all.emplace_back(counter->counts());
    counts.caller = edge.first;
    counts.called = edge.second;
  }
  return all;
}

}  // namespace bourse::program
