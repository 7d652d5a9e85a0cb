#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bourse/offline/dual.h"
#include "bourse/policy/forecast.h"
#include "bourse/policy/price_floor.h"
#include "bourse/policy/price_source.h"

namespace bourse {

struct BidPricesOptions {
  LearnedPricesOptions learned;
  ForecastOptions forecast;
  Seconds slot{600};
  Seconds horizon = kForever;
  bool paper_time = false;  ///< Utilities see whole slots, and jobs arrive when slots begin.
  Seconds window{86400};    ///< How far ahead prices are made where the horizon is farther.
  Seconds refresh{0};       ///< Prices are made anew after this long; 0: in every slot.
  std::size_t expected_jobs = 400;  ///< About so many weighted jobs stand for the forecast.
  /// Most evaluations of the dual function for new prices. Stopping early keeps prices from fitting
  /// the few jobs that stand for the future too closely.
  std::size_t evaluations = 30;
  double trust = 1;  ///< See BidPrices: forgone utility is kept below trust x earned. 0: no bids.
};

/// Prices of PD-ORS raised to bid prices: what a unit of a machine is expected to be worth, in a
/// slot, to the jobs that wait and to those that are still to come. p = max(bid price, exponential
/// price).
///
/// Bid prices are the optimal dual prices (offline/dual.h) of a small problem: the capacity that is
/// not booked; the undecided jobs; and the arrivals to expect (forecast.h), as weighted jobs. They
/// are made anew as time passes, from the last ones, over cells of time that grow with distance.
/// Nothing is known of the future; before the first arrival and without a history bids are 0.
///
/// A wrong forecast costs little. Let a job be forgone if it was declined at bid prices although
/// the exponential prices alone would have taken it, on what was booked then; let u_max be the
/// largest utility at delay 0 that was seen. Once the utilities of forgone jobs exceed trust x
/// those of admitted ones + u_max, bids are left aside until they do not. So
///   forgone <= trust x earned + 2 u_max, or
///   earned >= (earned + forgone - 2 u_max) / (1 + trust):
/// with trust = 1, whatever the forecast says, at least half of what the exponential prices would
/// have taken, decision by decision, less one job.
///
/// Source: bid prices of network revenue management (Talluri and van Ryzin, 2004); PD-ORS.
/// Cost of new prices: at most `evaluations` evaluations of the dual, each O(expected_jobs x
/// cells).
class BidPrices final : public LearnedPrices {
 public:
  /// `history`: jobs of another time on such a cluster, demands in its resource types.
  BidPrices(BidPricesOptions options, const std::vector<JobSpec>& history, Seconds history_span);

  void start(const Cluster& cluster) override;
  void arrive(const ClusterState& state, const Ledger& ledger, JobId job) override;
  void prepare(const ClusterState& state, const Ledger& ledger, SlotIndex slot,
               std::span<const JobId> undecided) override;
  [[nodiscard]] JobPrices prices_of(const Ledger& ledger, const JobSpec& job) const override;
  [[nodiscard]] std::vector<double> unit_prices(const Ledger& ledger, StateId state,
                                                SlotIndex slot) const override;
  [[nodiscard]] std::optional<JobPrices> prices_without_bids(const Ledger& ledger,
                                                             const JobSpec& job) const override;
  void earn(JobId job, double utility) override;
  void forgo(JobId job, double utility) override;

  /// The bids in force.
  [[nodiscard]] const PriceFloor& bids() const { return bids_; }
  /// False while bids are left aside.
  [[nodiscard]] bool is_trusted() const { return forgone_ <= options_.trust * earned_ + largest_; }
  [[nodiscard]] double earned() const { return earned_; }
  [[nodiscard]] double forgone() const { return forgone_; }

 private:
  [[nodiscard]] std::vector<SlotIndex> cells_from(SlotIndex slot) const;
  [[nodiscard]] CellTable room(const Ledger& ledger, std::span<const SlotIndex> cells) const;
  [[nodiscard]] std::vector<double> last_prices(std::span<const SlotIndex> cells) const;
  void take_prices(const CellTable& prices, std::vector<SlotIndex> cells);
  [[nodiscard]] Seconds start_of(SlotIndex slot) const {
    return static_cast<double>(slot) * options_.slot;
  }

  BidPricesOptions options_;
  ArrivalForecast forecast_;
  const Cluster* cluster_ = nullptr;
  PriceFloor bids_{0, 0};
  std::vector<SlotIndex> cells_;  ///< Boundaries of the cells of the last prices.
  CellTable prices_;              ///< Of these cells, utility per Amount and slot.
  Seconds made_at_ = Seconds(-1);
  bool has_news_ = false;                               ///< Jobs have arrived since.
  std::vector<std::pair<JobId, double>> forgone_jobs_;  ///< By job.
  double earned_ = 0;
  double forgone_ = 0;
  double largest_ = 0;  ///< u_max.
};

}  // namespace bourse
