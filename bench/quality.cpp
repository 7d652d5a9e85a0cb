#include <fmt/core.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "bench/figures.h"
#include "bench/inputs.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"

// Total utility on the paper's instances: 100 machines, 50 jobs, 20 slots.
namespace bourse {
namespace {

struct Contender {
  const char* label;
  const char* policy;
  const char* rounding;     ///< Of pd-ors, else empty.
  const char* price_floor;  ///< Of pd-ors, else empty.
};

constexpr std::array<Contender, 7> kContenders{{
    {"pd-ors", "pd-ors", "deterministic", "quantile:0.5"},
    {"det. formula", "pd-ors", "deterministic", "formula"},
    {"rand.", "pd-ors", "randomized", "quantile:0.5"},
    {"rand. formula", "pd-ors", "randomized", "formula"},
    {"fifo", "fifo", "", ""},
    {"drf", "drf", "", ""},
    {"srsf", "srsf", "", ""},
}};

Result<std::vector<Sample>> run_seed(std::uint64_t seed) {
  BOURSE_TRY(const Instance instance, paper_instance(100, 50, 20, seed));
  std::vector<Sample> samples;
  for (const Contender& contender : kContenders) {
    Settings settings;
    if (std::string_view(contender.policy) == "pd-ors")
      settings = {{"rounding", contender.rounding}, {"price-floor", contender.price_floor}};
    BOURSE_TRY(const std::unique_ptr<Policy> policy,
               policy_for(instance, contender.policy, settings, seed));
    const SimulationResult result = simulate(instance, *policy);
    samples.push_back(
        {contender.label, "utility", Better::higher, metrics_of(instance, result).utility});
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
}

}  // namespace bourse
