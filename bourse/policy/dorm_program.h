#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bourse {

/// An application as Dorm sees it: so many containers alike.
struct DormApp {
  std::vector<double> demand;  ///< Of one container, share of the cluster, by resource type.
  int min = 1;                 ///< Fewest containers it runs with.
  int max = 1;                 ///< Most it can use; >= min.
  int current = 0;             ///< Containers it holds; 0 for a newcomer.
  double fair_share = 0;       ///< s*: its dominant share under DRF.

  /// Share of the scarcest resource that so many containers take, s.
  [[nodiscard]] double dominant(int containers) const;
  /// Sum over the resources of what one container adds to their use.
  [[nodiscard]] double utilization() const;
};

struct DormLimits {
  std::vector<double> room;  ///< Share of the cluster that the apps may take in all, by resource.
  double loss = 0;           ///< Most that the sum over apps of |s - s*| may be.
  int adjustments = 0;       ///< Most apps that hold containers and may get another number of them.
};

/// s* of each app by progressive filling: the app with the smallest dominant share gets its next
/// container (its smallest number at first) while that fits the whole cluster; ties by position.
/// Sets fair_share. Cost: O(containers log apps).
void set_fair_shares(std::vector<DormApp>& apps);

/// Containers of each app with the largest use of the cluster within the limits, each app from min
/// to max; ties to the earlier app. A mixed-integer program for CBC. Nothing if there is no such
/// choice or none was found within `node_limit` nodes.
[[nodiscard]] std::optional<std::vector<int>> dorm_program(const std::vector<DormApp>& apps,
                                                           const DormLimits& limits,
                                                           std::int64_t node_limit);

/// The same by hand: apps keep what they hold, newcomers get their smallest number in order while
/// that fits (0 if not); then one container at a time goes to the app that uses the cluster most
/// (ties to the earlier), within the limits. A loss that is above its limit at the outset may only
/// fall. Cost: O(containers apps).
[[nodiscard]] std::vector<int> dorm_greedy(const std::vector<DormApp>& apps,
                                           const DormLimits& limits);

}  // namespace bourse
