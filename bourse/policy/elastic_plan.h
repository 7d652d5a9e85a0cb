#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

// Elastic jobs on a calendar of slots, by amounts of the whole cluster.
namespace bourse {

/// One size a job may have.
struct ElasticSize {
  TaskCounts tasks;
  double rate = 0;        ///< Samples per second at the least: far apart, on the slowest class.
  ResourceVector demand;  ///< Of all tasks.
};

/// The sizes of a job, each faster than the one before: the gang of a rigid job, the measured ones
/// of a table, else powers of two from one worker on and the largest. Never empty for a job that
/// runs.
[[nodiscard]] std::vector<ElasticSize> elastic_sizes(const Cluster& cluster, const JobSpec& job);

/// What is taken of the cluster in each slot. Slot i lasts from i * slot to (i + 1) * slot.
class SlotBook {
 public:
  explicit SlotBook(Seconds slot) : slot_(slot) {}

  void set_capacity(ResourceVector capacity) { capacity_ = std::move(capacity); }
  /// Slots before that of `now` are forgotten.
  void advance(Seconds now);
  [[nodiscard]] std::int64_t current() const { return first_; }
  [[nodiscard]] Seconds start_of(std::int64_t slot) const {
    return static_cast<double>(slot) * slot_;
  }
  [[nodiscard]] bool fits(std::int64_t slot, const ResourceVector& demand) const;
  /// Takes the demand (sign 1) or gives it back (-1). Nothing for slots before the current one.
  void add(std::int64_t slot, const ResourceVector& demand, int sign);
  void clear() { used_.clear(); }

 private:
  Seconds slot_;
  ResourceVector capacity_;
  std::int64_t first_ = 0;
  std::deque<ResourceVector> used_;  ///< From `first_` on; nothing is taken beyond its end.
};

/// Sizes of one job by slot.
struct ElasticPlan {
  static constexpr int kPaused = -1;
  std::int64_t first = 0;  ///< Slot of sizes[0].
  std::vector<int> sizes;  ///< Index into its sizes, or kPaused.

  [[nodiscard]] int size_in(std::int64_t slot) const {
    const std::int64_t i = slot - first;
    return i < 0 || i >= static_cast<std::int64_t>(sizes.size())
               ? kPaused
               : sizes[static_cast<std::size_t>(i)];
  }
};

/// The minimum satisfactory share: the smallest size so that the job does `samples` from `now`
/// until `deadline` if it has that size, or the next smaller one that fits, in every slot from now
/// on. Nothing if even its largest size does not do. Cost: O(sizes x slots). Source: Gu et al.,
/// ElasticFlow, ASPLOS'23, progressive filling.
[[nodiscard]] std::optional<ElasticPlan> least_share(const SlotBook& book,
                                                     const std::vector<ElasticSize>& sizes,
                                                     double samples, Seconds now, Seconds deadline);

/// Samples that the plan does from `from` on.
[[nodiscard]] double planned_samples(const SlotBook& book, const std::vector<ElasticSize>& sizes,
                                     const ElasticPlan& plan, Seconds from);

/// Books the plan, or takes it back with sign -1.
void book_plan(SlotBook& book, const std::vector<ElasticSize>& sizes, const ElasticPlan& plan,
               int sign);

}  // namespace bourse
