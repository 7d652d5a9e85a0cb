#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/offline/upper_bound.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

// Total utility on the paper's instances, and its share of what no scheduler can exceed.
namespace bourse {
namespace {

struct Contender {
  const char* label;
  const char* policy;
  const char* rounding;     ///< Of pd-ors, else empty.
  const char* price_floor;  ///< Of pd-ors, else empty.
  const char* ceiling;      ///< Of pd-ors, else empty.
};

constexpr std::array<Contender, 8> kContenders{{
    {"pd-ors", "pd-ors", "deterministic", "quantile:0.95", "density"},
    {"det. median", "pd-ors", "deterministic", "quantile:0.5", "formula"},
    {"det. formula", "pd-ors", "deterministic", "formula", "formula"},
    {"rand.", "pd-ors", "randomized", "quantile:0.95", "density"},
    {"rand. formula", "pd-ors", "randomized", "formula", "formula"},
    {"fifo", "fifo", "", "", ""},
    {"drf", "drf", "", "", ""},
    {"srsf", "srsf", "", "", ""},
}};

Result<std::vector<Sample>> run_seed(std::uint64_t seed) {
  BOURSE_TRY(const Instance instance, paper_instance(100, 50, 20, seed));
  std::vector<Sample> samples;
  for (const Contender& contender : kContenders) {
    Settings settings;
    if (std::string_view(contender.policy) == "pd-ors")
      settings = {{"rounding", contender.rounding},
                  {"price-floor", contender.price_floor},
                  {"price-ceiling", contender.ceiling}};
    BOURSE_TRY(const std::unique_ptr<Policy> policy,
               policy_for(instance, contender.policy, settings, seed));
    const SimulationResult result = simulate(instance, *policy);
    samples.push_back(
        {contender.label, "utility", Better::higher, metrics_of(instance, result).utility});
  }
  return samples;
}

/// A policy whose share of the bound is told, and what it may know.
struct Sharer {
  const char* label;
  const char* policy;
  Settings settings{};
  enum class Knows : std::uint8_t { nothing, own_past, other_past } knows = Knows::nothing;
};

std::vector<Sharer> sharers() {
  using enum Sharer::Knows;
  const Settings paper{
      {"rounding", "randomized"}, {"price-floor", "formula"}, {"price-ceiling", "formula"}};
  return {
      {"paper", "pd-ors", paper},
      {"price-floor", "pd-ors", {{"price-floor", "quantile:0.5"}, {"price-ceiling", "formula"}}},
      {"pd-ors", "pd-ors"},
      {"bid", "bid-price", {{"replan", "none"}}},
      {"bid+replan", "bid-price"},
      {"bid told", "bid-price", {{"replan", "none"}}, own_past},
      {"bid+replan told", "bid-price", {}, own_past},
      {"bid misled", "bid-price", {}, other_past},
  };
}

constexpr std::uint64_t kShareSeeds = 20;

/// Mean share of the bound over the seeds 1 to 20, and the least, for each sharer. What is told is
/// one other workload: of the same generator, or philly-like jobs, which are nothing like these.
Result<std::vector<Sample>> run_shares(int machines, int jobs) {
  const std::vector<Sharer> contenders = sharers();
  std::vector<double> sums(contenders.size());
  std::vector<double> least(contenders.size(), 1.0);
  BOURSE_TRY(const Instance past, paper_instance(machines, jobs, 20, 101));
  for (std::uint64_t seed = 1; seed <= kShareSeeds; ++seed) {
    BOURSE_TRY(const Instance instance, paper_instance(machines, jobs, 20, seed));
    BOURSE_TRY(const Instance other, philly_like_instance(instance.cluster));
    const double bound = upper_bound(instance).utility;
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      const Sharer& of = contenders[i];
      PolicyContext context{.slot = instance.slot, .horizon = instance.horizon, .seed = seed};
      if (of.knows != Sharer::Knows::nothing) {
        const bool is_own = of.knows == Sharer::Knows::own_past;
        context.history = is_own ? past.jobs : other.jobs;
        context.history_span = is_own ? past.horizon : Seconds(86400);
      }
      BOURSE_TRY(const std::unique_ptr<Policy> policy,
                 make_policy(of.policy, of.settings, context));
      const SimulationResult result = simulate(instance, *policy);
      const double share = metrics_of(instance, result).utility / bound;
      sums[i] += share / kShareSeeds;
      least[i] = std::min(least[i], share);
    }
  }
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < contenders.size(); ++i) {
    samples.push_back({contenders[i].label, "of bound", Better::higher, sums[i]});
    samples.push_back(
        {fmt::format("{}, least", contenders[i].label), "of bound", Better::higher, least[i]});
  }
  return samples;
}

}  // namespace

void add_quality_cases(std::vector<Case>& cases) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed)
    cases.push_back({.section = "quality",
                     .name = fmt::format("seed {}", seed),
                     .once = true,
                     .run = [seed](const Setup&) { return run_seed(seed); }});
  for (const auto& size : {std::pair(50, 100), std::pair(100, 50)})
    cases.push_back({.section = "quality",
                     .name = fmt::format("share {}x{}", size.first, size.second),
                     .once = true,
                     .run = [size](const Setup&) { return run_shares(size.first, size.second); }});
}

}  // namespace bourse
