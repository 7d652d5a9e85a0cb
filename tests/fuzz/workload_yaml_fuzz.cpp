#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/model/workload.h"

/// Any bytes are a workload or one sentence of error; what is a workload comes back from its own
/// writing, and binding it to a cluster ends.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto workload = bourse::parse_workload_yaml(text, "fuzz.yaml");
  if (!workload) {
    BOURSE_CHECK(!workload.error().message.empty());
    BOURSE_CHECK(workload.error().message.find('\n') == std::string::npos);
    return 0;
  }
  if (workload->cluster && workload->cluster->machines.size() > 1'000) return 0;
  const std::string once = bourse::workload_yaml(*workload);
  const auto again = bourse::parse_workload_yaml(once, "again.yaml");
  BOURSE_CHECK(again.has_value());
  BOURSE_CHECK(bourse::workload_yaml(*again) == once);
  auto cluster = bourse::parse_cluster_yaml(
      "machines: [{count: 4, resources: {gpu: 8, cpu: 96, memory: 512GiB}}]", "cluster.yaml");
  const auto bound = bourse::bind(*again, *std::move(cluster), "again.yaml", {.skip_unfit = true});
  BOURSE_CHECK(bound.has_value());
  BOURSE_CHECK(bound->instance.jobs.size() + bound->left_out.size() == workload->jobs.size());
  return 0;
}
