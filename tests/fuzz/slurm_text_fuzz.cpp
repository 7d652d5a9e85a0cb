// What the commands of Slurm print, and the file in which the engine remembers nodes.
#include <cstdint>
#include <string>

#include "bourse/base/check.h"
#include "bourse/engine/slurm_site.h"
#include "bourse/engine/slurm_text.h"

namespace bourse {
namespace {

void read_all(const std::string& text) {
  if (const auto jobs = parse_slurm_jobs(text))
    for (const SlurmJob& job : *jobs) {
      if (job.left) BOURSE_CHECK(*job.left >= Seconds(0));
      if (const auto cell = parse_slurm_name("key", job.name))
        BOURSE_CHECK(parse_slurm_name("key", slurm_name("key", *cell)) == cell);
    }
  if (const auto nodes = parse_slurm_nodes(text)) {
    SlurmMemory memory{.key = "key", .nodes = {}};
    remember_nodes(memory, *nodes);
    BOURSE_CHECK(memory.nodes.size() == nodes->size());
    const Cluster cluster = cluster_of(memory);
    for (const SlurmNode& node : *nodes) {
      BOURSE_CHECK(node.trouble().find('\n') == std::string::npos);
      for (const Amount amount : capacity_of(node, cluster.types)) BOURSE_CHECK(amount >= 0);
    }
  } else {
    BOURSE_CHECK(nodes.error().message.find('\n') == std::string::npos);
  }
  if (const auto memory = parse_slurm_memory(text))
    BOURSE_CHECK(parse_slurm_memory(slurm_memory_text(*memory)).has_value());
  (void)parse_slurm_fields(text);
  (void)parse_slurm_submission(text);
  BOURSE_CHECK(slurm_error("sbatch", text).message.find('\n') == std::string::npos);
}

}  // namespace
}  // namespace bourse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bourse::read_all(std::string(data, data + size));
  return 0;
}
