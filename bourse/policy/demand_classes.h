#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "bourse/policy/state.h"

namespace bourse {

/// Numbers jobs by what they request: jobs of one class have the same workers and servers, and as
/// many of them. A policy keeps one for all its decisions; classes are found as jobs are asked for.
class DemandClasses {
 public:
  /// The class of the job, from 0 on without gaps.
  /// Cost: O(log classes) when a job is asked for first, O(1) from then on.
  [[nodiscard]] std::uint32_t of(const ClusterState& state, JobId id);
  [[nodiscard]] std::size_t size() const { return demands_.size(); }
  /// True if a job of `larger` cannot fit where one of `smaller` does not: each worker, and each
  /// server if any, demands the same and there are at least as many.
  [[nodiscard]] bool covers(std::uint32_t smaller, std::uint32_t larger) const;

 private:
  struct Demand {
    ResourceVector worker;
    ResourceVector server;
    int workers;
    int servers;
    friend auto operator<=>(const Demand&, const Demand&) = default;
  };

  std::vector<std::uint32_t> class_of_job_;  ///< By job; kUnknown: not asked for yet.
  std::map<Demand, std::uint32_t> class_of_demand_;
  std::vector<const Demand*> demands_;  ///< By class; keys of the map.
};

/// On one walk over the jobs, while what is free only shrinks: the classes of which nothing fits
/// any more, and whether there is a waiting job left that may still fit. Cost: O(waiting jobs) to
/// begin with, O(classes) for each that fails.
class OpenDemands {
 public:
  OpenDemands(const ClusterState& state, DemandClasses& classes)
      : OpenDemands(state, classes, state.waiting()) {}
  /// A walk over these jobs; the running ones among them do not count as waiting.
  OpenDemands(const ClusterState& state, DemandClasses& classes, std::span<const JobId> jobs);
  [[nodiscard]] bool has_failed(std::uint32_t demand) const { return failed_[demand] != 0; }
  /// False: no waiting job that is left can fit.
  [[nodiscard]] bool any_waiting() const { return open_ > 0; }
  /// A job of this class did not fit.
  void fail(std::uint32_t demand);
  /// A waiting job of this class does not wait any more.
  void start(std::uint32_t demand);

 private:
  const DemandClasses* classes_;
  std::vector<std::uint32_t> waiting_;  ///< Jobs by class.
  std::vector<std::uint8_t> failed_;    ///< By class.
  std::size_t open_ = 0;                ///< Waiting jobs of classes that have not failed.
};

}  // namespace bourse
