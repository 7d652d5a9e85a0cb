#include "bourse/policy/bid_price.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "bourse/policy/bid_prices.h"
#include "bourse/policy/pd_ors.h"
#include "bourse/policy/pd_ors_settings.h"

namespace bourse {
namespace {

Result<BidPricesOptions> read_bids(const SettingsReader& settings, const SearchOptions& search) {
  BidPricesOptions options;
  options.slot = search.slot;
  options.horizon = search.horizon;
  options.paper_time = search.paper_time;
  options.forecast.grain = search.slot;
  BOURSE_TRY(options.window, settings.seconds("look-ahead"));
  if (options.window < search.slot)
    return invalid("setting 'bid-price.look-ahead': must be at least a slot");
  BOURSE_TRY(options.refresh, settings.seconds("refresh"));
  BOURSE_TRY(options.forecast.memory, settings.seconds("memory"));
  if (options.forecast.memory <= Seconds(0))
    return invalid("setting 'bid-price.memory': must be above 0");
  BOURSE_TRY(options.forecast.history_weight, settings.seconds("history-weight"));
  BOURSE_TRY(const int expected, settings.whole("expected-jobs", 1, 100'000));
  options.expected_jobs = static_cast<std::size_t>(expected);
  BOURSE_TRY(const int evaluations, settings.whole("evaluations", 1, 100'000));
  options.evaluations = static_cast<std::size_t>(evaluations);
  BOURSE_TRY(options.trust, settings.number("trust", 0, 1e9));
  return options;
}

Result<std::unique_ptr<Policy>> make_bid_price(const SettingsReader& settings,
                                               const PolicyContext& context) {
  BOURSE_TRY(PdOrsSettings read, read_pd_ors_settings(settings, context));
  BOURSE_TRY(BidPricesOptions bids, read_bids(settings, read.options.search));
  bids.learned = std::move(read.prices);
  read.options.gather = true;
  return std::make_unique<PdOrsPolicy>(
      read.options,
      std::make_unique<BidPrices>(std::move(bids), context.history, context.history_span));
}

/// The parameters of pd-ors with other defaults, and those of the bids.
std::vector<Parameter> parameters() {
  std::vector<Parameter> all = pd_ors_parameters();
  const auto set_default = [&](std::string_view name, std::string_view text) {
    std::ranges::find(all, name, &Parameter::name)->default_text = text;
  };
  set_default("stickiness", "auto");
  set_default("replan", "promises");
  set_default("moves", "64");
  const std::vector<Parameter> own{
      {"look-ahead", "72h", "a duration",
       "how far ahead arrivals are expected, where the horizon is farther"},
      {"refresh", "0s", "a duration", "how long bids last; 0 = a slot; longer costs less time"},
      {"memory", "7d", "a duration above 0", "an arrival counts half after this long"},
      {"history-weight", "24h", "a duration",
       "the history counts as much as this time of arrivals; 0 = not at all"},
      {"expected-jobs", "400", "1 to 100000",
       "weighted jobs that stand for the forecast; more are finer and cost more time"},
      {"evaluations", "30", "1 to 100000",
       "most steps of the search for bids; few keep them from fitting a forecast too closely"},
      {"trust", "1", "0 to 1e9",
       "bids are left aside while they forgo more than this share of what is earned"}};
  all.insert(all.end(), own.begin(), own.end());
  return all;
}

}  // namespace

PolicyInfo bid_price_info() {
  return {"bid-price",
          "PD-ORS at prices raised to what machines are expected to be worth to later jobs",
          "bid prices of network revenue management, over PD-ORS, 2021",
          "demands, throughput shape, work, utility; a history if there is one",
          parameters(),
          make_bid_price};
}

}  // namespace bourse
