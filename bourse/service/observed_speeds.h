#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bourse/service/throughput_fit.h"

namespace bourse {

/// The speeds that a job was seen to have, and what they say of those that were not seen.
///
/// Each pair of tasks and locality keeps a mean of what was observed, in which newer time counts
/// more: it halves in every half time of running. Together they correct the declared throughput by
/// one factor, the weighted geometric mean of observed over declared; if the job also said where
/// its time goes, computation and links of a formula are fitted apart (fitted()). A table gets the
/// observed speeds themselves, and a factor for each size that was not seen: between two sizes that
/// were, it changes evenly with the logarithm of the size; beyond the largest it goes on as between
/// the two largest, but never up, as what slows a job down (links, processors that are shared) does
/// so the more, the larger it is. Where its time goes says how fast it is with fewer workers than
/// were seen, and that it is no faster with more (expected_speed()).
class ObservedSpeeds {
 public:
  static constexpr Seconds kMostHalfTime{300};

  using Point = ObservedSpeed;

  /// Running with the same tasks for about a slot: what was predicted when it began, from all that
  /// had been observed until then, and what was measured.
  struct Stretch {
    TaskCounts tasks;
    double predicted = 0;  ///< Samples a second.
    double samples = 0;
    double seconds = 0;

    [[nodiscard]] double measured() const { return seconds > 0 ? samples / seconds : 0; }
  };
  static constexpr std::size_t kMostStretches = 50;  ///< That are kept, the latest.

  /// The job ran so long with these tasks and trained so much; `each` is where the time of a sample
  /// went, if known. The half time is no longer than a slot: what is predicted is the next one, and
  /// other things that run on the machines come and go. Nothing happens if `time` is 0.
  void observe(TaskCounts tasks, Locality locality, double samples, Seconds time,
               const SampleTime& each = {}, Seconds slot = kMostHalfTime);
  /// The declared throughput, corrected. A gang does not change: its work is measured in time.
  [[nodiscard]] Throughput correct(const Throughput& declared) const;
  [[nodiscard]] const std::vector<Point>& points() const { return points_; }
  /// Samples a second as observed with just these tasks; 0 if they were not observed.
  [[nodiscard]] double speed_of(TaskCounts tasks, Locality locality) const;

  /// Adds to the present stretch. Another one begins, with `predicted`, once the present one has
  /// lasted a slot, or has other tasks. Nothing happens if `time` is 0.
  void compare(TaskCounts tasks, double predicted, double samples, Seconds time, Seconds slot);
  /// Oldest first.
  [[nodiscard]] const std::vector<Stretch>& stretches() const { return stretches_; }

  /// JSON for the store; parse reads it back. A text that is no such JSON gives no points.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] static ObservedSpeeds parse(std::string_view text);

 private:
  [[nodiscard]] double factor_over(const Throughput& declared) const;
  [[nodiscard]] double factor_at(const Throughput& declared,
                                 const TableThroughput::Point& wanted) const;
  [[nodiscard]] double speed_at(const Throughput& declared,
                                const TableThroughput::Point& wanted) const;

  std::vector<Point> points_;  ///< By locality, workers and servers.
  std::vector<Stretch> stretches_;
};

}  // namespace bourse
