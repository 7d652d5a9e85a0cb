// The uncontended slices of Philly: on 2,048 GPUs nobody queues, and four independent simulators
// agree on the mean completion.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/policy/oasis.h"
#include "bourse/policy/pd_ors.h"
#include "bourse/policy/pd_ors_settings.h"
#include "bourse/policy/registry.h"
#include "bourse/simulation/metrics.h"
#include "bourse/simulation/simulate.h"
#include "bourse/trace/trace.h"
#include "bourse/trace/utility_rule.h"
#include "tests/support/trace_files.h"

namespace bourse {
namespace {

Instance slice(const std::string& path) {
  Result<TraceRead> read = read_trace_file(path, {.gpus_only = true});
  EXPECT_TRUE(read.has_value());
  EXPECT_TRUE(assign_utilities(read->workload, 1).has_value());
  return std::move(
      bourse::bind(std::move(read->workload), parse_cluster_short_form("256x8").value(), path)
          .value()
          .instance);
}

/// A later start has to add this share of the payoff; by default it is a hundredth of that.
constexpr double kLeastGain = 1e-3;

/// Policies that weigh prices may start a job later where that is cheaper: in a burst that leaves
/// no machine idle they do, for next to nothing. Here they wait for a thousandth of the payoff
/// only.
std::unique_ptr<Policy> impatient(std::string_view policy, const PolicyContext& context) {
  if (policy == "oasis") {
    OasisOptions options;
    options.search.least_gain = kLeastGain;
    options.floor_quantile = 0.95;
    options.density_ceiling = true;
    return std::make_unique<OasisPolicy>(options);
  }
  const std::vector<Parameter> parameters = pd_ors_parameters();
  PdOrsSettings read =
      read_pd_ors_settings(SettingsReader(policy, parameters, {}), context).value();
  read.options.search.least_gain = kLeastGain;
  return std::make_unique<PdOrsPolicy>(read.options, std::make_unique<LearnedPrices>(read.prices));
}

bool weighs_prices(std::string_view policy) { return policy == "oasis" || policy == "pd-ors"; }

void expect_mean(const std::string& file, double mean) {
  const std::string path = shared_trace(file);
  if (path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  const Instance instance = slice(path);
  const PolicyContext context{.slot = instance.slot, .horizon = instance.horizon};
  for (const PolicyInfo& info : all_policies()) {
    // Nothing is scarce, so every bid is 0 and it decides as pd-ors, at fifty times the cost.
    if (info.name == "bid-price") continue;
    // ones steps every second while jobs wait for their first step.
    if (chooses_batches(info.name)) continue;
    const auto policy = weighs_prices(info.name) ? impatient(info.name, context)
                                                 : make_policy(info.name, {}, context).value();
    const Metrics metrics = metrics_of(instance, simulate(instance, *policy));
    EXPECT_NEAR(metrics.completion.mean, mean, 0.05) << info.name;
    EXPECT_EQ(metrics.restarts, 0u) << info.name;
    EXPECT_EQ(metrics.finished, instance.jobs.size()) << info.name;
  }
}

// With their defaults they are above the least mean by less than a quarter of a percent.
TEST(UncontendedSlice, Of1000JobsIsHardlySlowerWherePricesAreWeighed) {
  const std::string path = shared_trace("philly-1000.csv.gz");
  if (path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  const Instance instance = slice(path);
  for (const std::string policy : {"oasis", "pd-ors"}) {
    const auto made = make_policy(policy, {}, {.slot = instance.slot, .horizon = instance.horizon});
    const Metrics metrics = metrics_of(instance, simulate(instance, *made.value()));
    EXPECT_EQ(metrics.finished, instance.jobs.size()) << policy;
    EXPECT_GE(metrics.completion.mean, 8898.1 - 0.05) << policy;
    EXPECT_LE(metrics.completion.mean, 8898.1 * 1.0025) << policy;
  }
}

TEST(UncontendedSlice, Of1000JobsHasTheKnownMeanUnderEveryPolicy) {
  expect_mean("philly-1000.csv.gz", 8898.1);
}

TEST(UncontendedSlice, Of10000JobsHasTheKnownMeanUnderEveryPolicy) {
  expect_mean("philly-10000.csv.gz", 7124.6);
}

}  // namespace
}  // namespace bourse
