#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/model/cluster.h"

/// Any bytes are a cluster or one sentence of error, and what is a cluster comes back from its own
/// writing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cluster = bourse::parse_cluster_yaml(text, "fuzz.yaml");
  if (!cluster) {
    BOURSE_CHECK(!cluster.error().message.empty());
    BOURSE_CHECK(cluster.error().message.find('\n') == std::string::npos);
    return 0;
  }
  if (cluster->machines.size() > 10'000) return 0;
  const std::string once = bourse::cluster_yaml(*cluster);
  const auto again = bourse::parse_cluster_yaml(once, "again.yaml");
  BOURSE_CHECK(again.has_value());
  BOURSE_CHECK(again->total() == cluster->total());
  BOURSE_CHECK(again->rack_count == cluster->rack_count);
  BOURSE_CHECK(bourse::cluster_yaml(*again) == once);
  return 0;
}
