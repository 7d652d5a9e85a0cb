// The uncontended slices of Philly: on 2,048 GPUs nobody queues, and four independent simulators
// agree on the mean completion.

#include <gtest/gtest.h>

#include <string>
#include <utility>

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

/// Policies that weigh prices may start a job later where that is cheaper.
bool waits_for_prices(std::string_view policy) {
  return policy == "oasis" || policy == "pd-ors" || policy == "bid-price";
}

void expect_mean(const std::string& file, double mean) {
  const std::string path = shared_trace(file);
  if (path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  const Instance instance = slice(path);
  for (const PolicyInfo& info : all_policies()) {
    if (waits_for_prices(info.name)) continue;
    const auto policy =
        make_policy(info.name, {}, {.slot = instance.slot, .horizon = instance.horizon});
    ASSERT_TRUE(policy.has_value());
    const Metrics metrics = metrics_of(instance, simulate(instance, **policy));
    EXPECT_NEAR(metrics.completion.mean, mean, 0.05) << info.name;
    EXPECT_EQ(metrics.restarts, 0u) << info.name;
    EXPECT_EQ(metrics.finished, instance.jobs.size()) << info.name;
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
