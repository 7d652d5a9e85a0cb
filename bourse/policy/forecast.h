#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/model/job.h"

namespace bourse {

struct ForecastOptions {
  Seconds grain{600};  ///< Least time that the arrivals seen stand for; a slot.
  /// After this long an arrival counts half: a larger value averages more, a smaller one follows
  /// changes faster.
  Seconds memory{7 * 86400.0};
  std::size_t templates = 400;  ///< So many arrivals are kept as templates, the latest.
  /// How much time of arrivals the history counts for, however long it is; the arrivals seen
  /// outweigh it after as long.
  Seconds history_weight{86400};
};

/// Jobs to expect: `weight` jobs like `spec`, which arrive at `arrival`.
struct ExpectedJob {
  const JobSpec* spec = nullptr;  ///< Valid until the next observed job.
  Seconds arrival{0};
  double weight = 0;  ///< > 0; need not be whole.
};

/// What is to be expected of arrivals, learned from those seen: jobs come at the mean rate of the
/// past, older arrivals counting less, and each is like one of the jobs seen, with its demands,
/// work, speed and utility together. A history, jobs of another time on such a cluster, can be
/// given to start from. Without one nothing is expected before the first arrival.
/// Knows nothing of jobs that have not arrived. Deterministic.
class ArrivalForecast {
 public:
  /// `history` arrived within `history_span` (> 0 unless there are none).
  ArrivalForecast(ForecastOptions options, const std::vector<JobSpec>& history,
                  Seconds history_span);

  /// A job has arrived; arrivals do not decrease.
  void observe(const JobSpec& job);

  /// Jobs a second to expect at `now`, which is not before the last arrival.
  [[nodiscard]] double rate(Seconds now) const;

  /// Arrivals in each period [times[k], times[k + 1]), as about `most` weighted jobs in all, which
  /// arrive at times[k]. Jobs that cannot be done by `end`, each with the cluster to itself, are
  /// left out. Which templates stand for a period goes round, so that over the periods each has
  /// its share.
  /// Cost: O(templates x periods).
  [[nodiscard]] std::vector<ExpectedJob> expect(Seconds now, std::span<const Seconds> times,
                                                Seconds end, std::size_t most) const;

 private:
  struct Template {
    JobSpec spec;
    Seconds shortest{0};  ///< Least time the job takes.
  };

  /// Weight of an arrival that long ago.
  [[nodiscard]] double fading(Seconds age) const;
  /// Time that the arrivals seen stand for, older time counting less.
  [[nodiscard]] Seconds exposure(Seconds now) const;
  [[nodiscard]] static Template template_of(const JobSpec& job);

  ForecastOptions options_;
  std::vector<Template> history_;
  Seconds history_span_;
  std::deque<Template> seen_;  ///< By arrival.
  Seconds first_arrival_ = kForever;
  double count_ = 0;  ///< Arrivals at `counted_at_`, older ones counting less.
  Seconds counted_at_{0};
};

}  // namespace bourse
