#pragma once

#include <vector>

namespace bourse {

/// Sizes of jobs that are over, and the Gittins index of a job that has come so far.
class GittinsTable {
 public:
  /// A job of this size (service, e.g. GPU-seconds; > 0) is over. Cost: O(jobs), done lazily.
  void add(double size);

  /// Chance per unit of service that a job which has attained `attained` ends within `quantum`
  /// more: Pr[S - a <= D | S > a] / E[min(S - a, D) | S > a]. 0 where no job came so far.
  /// Requires quantum > 0. Cost: O(log jobs).
  /// Source: Tiresias (NSDI'19), discretised two-dimensional Gittins index.
  [[nodiscard]] double index(double attained, double quantum) const;

  [[nodiscard]] std::size_t size() const { return sizes_.size(); }

 private:
  void settle() const;

  mutable std::vector<double> sizes_;   ///< Sorted up to `settled_`.
  mutable std::vector<double> sum_to_;  ///< sum_to_[i]: sum of the first i sizes, from the left.
  mutable bool is_settled_ = true;
};

}  // namespace bourse
