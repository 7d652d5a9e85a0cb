#include "bourse/policy/pd_ors_settings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bourse/policy/pd_ors.h"
#include "bourse/policy/price_settings.h"

namespace bourse {
namespace {

Result<GainForm> gain_form(const SettingsReader& settings, RoundingOptions& rounding) {
  if (settings.text("gain") == "cover") return GainForm::cover;
  if (settings.text("gain") == "packing") return GainForm::packing;
  if (settings.text("gain") == "safe") return GainForm::safe;
  BOURSE_TRY(rounding.gain, settings.number("gain", 1e-3, 1e3));
  return GainForm::fixed;
}

Result<double> floor_quantile(const SettingsReader& settings) {
  const std::string_view text = settings.text("price-floor");
  if (text == "formula") return 0.0;
  constexpr std::string_view kPrefix = "quantile:";
  if (text.starts_with(kPrefix)) {
    const Settings only{{"quantile", std::string(text.substr(kPrefix.size()))}};
    const std::vector<Parameter> parameters{{"quantile", "0.5", "0 to 1", ""}};
    const std::string name = settings.full_name("price-floor");
    return SettingsReader(name, parameters, only).number("quantile", 0, 1);
  }
  return invalid(fmt::format("setting '{}': write formula or quantile:Q with Q from 0 to 1",
                             settings.full_name("price-floor")));
}

/// Where time is not slotted, a job moves for more than this share of its payoff only.
constexpr double kStickiness = 0.05;
/// Nor does it wait for a price that saves it less than this share.
constexpr double kLeastGain = 1e-5;

Result<SearchOptions> read_search(const SettingsReader& settings, const PolicyContext& context) {
  SearchOptions search;
  search.slot = context.slot > Seconds(0) ? context.slot : Seconds(600);
  if (settings.text("slot") != "auto") {
    BOURSE_TRY(search.slot, settings.seconds("slot"));
    if (search.slot <= Seconds(0))
      return invalid(fmt::format("setting '{}': must be above 0", settings.full_name("slot")));
  }
  search.paper_time = context.slot > Seconds(0) && search.slot == context.slot;
  search.horizon = context.horizon;
  BOURSE_TRY(search.window, settings.seconds("window"));
  BOURSE_TRY(search.chunks, settings.whole("chunks", 1, 1000));
  if (settings.text("chunk") != "auto") {
    BOURSE_TRY(search.chunk_samples, settings.number("chunk", 1e-9, 1e300));
  }
  if (settings.text("stickiness") == "auto") {
    search.stickiness = search.paper_time ? 0 : kStickiness;
  } else {
    BOURSE_TRY(search.stickiness, settings.number("stickiness", 0, 1));
  }
  search.least_gain = search.paper_time ? 0 : kLeastGain;
  BOURSE_TRY(const std::size_t rounding,
             settings.choice("rounding", {"deterministic", "randomized"}));
  search.rounding.mode = rounding == 0 ? RoundingMode::deterministic : RoundingMode::randomized;
  BOURSE_TRY(const std::size_t solver, settings.choice("solver", {"core", "clp"}));
  search.rounding.solver = solver == 0 ? SlotSolver::core : SlotSolver::clp;
  BOURSE_TRY(search.rounding.gain_form, gain_form(settings, search.rounding));
  BOURSE_TRY(search.rounding.delta, settings.number("delta", 1e-6, 0.999));
  BOURSE_TRY(search.rounding.tries, settings.whole("tries", 1, 4096));
  search.rounding.seed = context.seed;
  return search;
}

Result<LearnedPricesOptions> read_prices(const SettingsReader& settings,
                                         const SearchOptions& search) {
  LearnedPricesOptions options;
  const Seconds span = search.horizon < kForever ? search.horizon : search.window;
  options.bounds = {.slot = search.slot,
                    .slot_count = std::max(1.0, std::floor(span / search.slot)),
                    .horizon = search.horizon,
                    .window = search.window,
                    .paper_time = search.paper_time};
  BOURSE_TRY(options.bounds.quantile, floor_quantile(settings));
  BOURSE_TRY(const std::size_t ceiling, settings.choice("price-ceiling", {"formula", "density"}));
  options.bounds.density_ceiling = ceiling == 1;
  BOURSE_TRY(options.normalized_units, settings.flag("normalize"));
  BOURSE_TRY(options.fixed_bounds, read_fixed_bounds(settings));
  return options;
}

Result<void> read_switches(const SettingsReader& settings, PdOrsOptions& options) {
  BOURSE_TRY(const std::size_t on_decline, settings.choice("on-decline", {"reject", "wait"}));
  options.wait = on_decline == 1;
  BOURSE_TRY(options.looks, settings.whole("looks", 1, 1000));
  BOURSE_TRY(const std::size_t replan, settings.choice("replan", {"none", "promises"}));
  options.replan = replan == 1;
  BOURSE_TRY(options.moves, settings.whole("moves", 1, 1000));
  BOURSE_TRY(const std::size_t filler, settings.choice("filler", {"off", "on"}));
  options.filler = filler == 1;
  if (options.filler && !options.wait)
    return invalid(
        fmt::format("setting '{}': on needs on-decline=wait, only waiting jobs are filler",
                    settings.full_name("filler")));
  return {};
}

Result<std::unique_ptr<Policy>> make_pd_ors(const SettingsReader& settings,
                                            const PolicyContext& context) {
  BOURSE_TRY(PdOrsSettings read, read_pd_ors_settings(settings, context));
  return std::make_unique<PdOrsPolicy>(read.options,
                                       std::make_unique<LearnedPrices>(std::move(read.prices)));
}

}  // namespace

Result<PdOrsSettings> read_pd_ors_settings(const SettingsReader& settings,
                                           const PolicyContext& context) {
  PdOrsSettings read;
  BOURSE_TRY(read.options.search, read_search(settings, context));
  BOURSE_TRY(read.prices, read_prices(settings, read.options.search));
  BOURSE_TRY_VOID(read_switches(settings, read.options));
  return read;
}

std::vector<Parameter> pd_ors_parameters() {
  return {
      {"slot", "auto", "auto | a duration",
       "length of a slot; auto = the workload's, else 10min; shorter costs more time"},
      {"solver", "core", "core | clp",
       "of placements over machines: exact and fast, or the paper's linear programmes, which "
       "rounding=randomized always takes"},
      {"rounding", "deterministic", "deterministic | randomized",
       "how relaxed placements become whole; randomized = as in the paper"},
      {"gain", "cover", "cover | packing | safe | a number",
       "G of randomized rounding, by the form whose rows it favours"},
      {"delta", "0.1", "above 0, below 1", "chance of failure the gain factor allows for"},
      {"tries", "20", "1 to 4096", "draws of randomized rounding before the repair"},
      {"price-floor", "quantile:0.95", "formula | quantile:Q",
       "L: the paper's minimum over jobs, or a quantile; formula lets one urgent job free the "
       "rest"},
      {"price-ceiling", "density", "formula | density",
       "U: the paper's worth per task, or per unit and slot of all a job takes"},
      {"price-low", "auto", "auto | a number above 0", "fixes L; needs price-high too"},
      {"price-high", "auto", "auto | a number", "fixes U of every resource"},
      {"normalize", "true", "true | false", "price shares of a mean machine, not amounts"},
      {"chunks", "50", "1 to 1000", "least number of chunks a job's work is cut into"},
      {"chunk", "auto", "auto | a number above 0", "samples of a chunk; overrides chunks"},
      {"window", "24h", "a duration", "how far ahead to look beyond twice the shortest time"},
      {"stickiness", "0.05", "auto | 0 to 1",
       "share of its payoff that a job may spend on staying on its machines; auto = 0 where time "
       "is slotted, else 0.05"},
      {"on-decline", "reject", "reject | wait",
       "a job that is priced out is given up, or waits and is looked at again"},
      {"looks", "8", "1 to 1000", "waiting jobs looked at again in one event; more cost time"},
      {"replan", "none", "none | promises",
       "promises = booked slots may move while every promised completion holds"},
      {"moves", "8", "1 to 1000",
       "searches that one re-planning may take; more fit more jobs and cost time"},
      {"filler", "off", "off | on",
       "idle machines run waiting jobs, which give way to booked ones"}};
}

PolicyInfo pd_ors_info() {
  return {"pd-ors",
          "prices every machine and slot; a job gets its best-paying schedule or is declined",
          "Yu, Liu, Wu, Ji, Bentley, PD-ORS, 2021",
          "demands, throughput shape, work, utility",
          pd_ors_parameters(),
          make_pd_ors};
}

}  // namespace bourse
