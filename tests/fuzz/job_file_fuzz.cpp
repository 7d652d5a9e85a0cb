#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/service/job_file.h"

/// Any bytes are a job file or one sentence of error; what is a job file can be bound to a cluster,
/// or a sentence says why not.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = bourse::parse_job_file(text, "fuzz.yaml");
  if (!file) {
    BOURSE_CHECK(!file.error().message.empty());
    BOURSE_CHECK(file.error().message.find('\n') == std::string::npos);
    return 0;
  }
  BOURSE_CHECK(!file->workers.command.empty());
  BOURSE_CHECK(file->min_workers >= 1);
  BOURSE_CHECK(file->min_workers <= file->max_workers);
  const auto cluster = bourse::parse_cluster_yaml(
      "machines: [{count: 4, resources: {gpu: 8, cpu: 96, memory: 512GiB}}]", "cluster.yaml");
  const auto job = bourse::bind_job(*file, *cluster, bourse::Seconds(0));
  BOURSE_CHECK(job || job.error().message.find('\n') == std::string::npos);
  const auto missing =
      bourse::missing_programs(*file, "/", "/bin", [](const auto&) { return true; });
  BOURSE_CHECK(missing.empty());
  return 0;
}
