// Answers of a policy in a process of its own: no bytes crash the reader, and what it and the check
// take can be done.
#include <cstddef>
#include <cstdint>
#include <string>

#include "bourse/base/check.h"
#include "bourse/policy/check_decision.h"
#include "bourse/policy/fixtures.h"
#include "bourse/protocol/exec_protocol.h"

namespace bourse {
namespace {

void try_answer(const std::string& text) {
  static const Cluster cluster = testing::cluster_of(3, {{"gpu", 4}});
  static const std::vector<JobSpec> jobs{testing::gang("a", 0, 2, 9), testing::gang("b", 0, 4, 9),
                                         testing::gang("c", 5, 1, 9)};
  const auto one_line = [](const Error& error) {
    BOURSE_CHECK(error.message.find('\n') == std::string::npos);
  };
  if (const auto hello = check_hello(text); !hello) one_line(hello.error());
  const auto decision = parse_decision(text);
  if (!decision) {
    one_line(decision.error());
    return;
  }
  ClusterState state(cluster, jobs);
  state.arrive(JobId(0U));
  state.arrive(JobId(1U));
  state.allocate(JobId(0U), {{MachineId(0U), 2, 0}}, 1, Seconds(0));
  state.set_up(MachineId(2U), false);
  if (const auto checked = check_decision(state, *decision); !checked) {
    one_line(checked.error());
    return;
  }
  for (const Change& change : decision->changes) state.allocate(change.job, {}, 0, Seconds(0));
  for (const Change& change : decision->changes)
    if (!change.allocation.empty()) state.allocate(change.job, change.allocation, 1, Seconds(0));
  for (const JobId id : decision->declined) state.leave(id, JobStatus::declined);
}

}  // namespace
}  // namespace bourse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bourse::try_answer(std::string(data, data + size));
  return 0;
}
