// Replays three jobs under our policy and says when each is done.
#include <cstdio>

#include "bourse/model/workload.h"
#include "bourse/simulation/simulate.h"
#include "most_valuable_first.h"

using bourse::ConstantUtility;
using bourse::Instance;
using bourse::JobSpec;
using bourse::RigidThroughput;
using bourse::SimulationResult;

namespace {

/// A gang of `gpus` GPUs that takes `seconds`.
JobSpec gang(const char* name, int gpus, double seconds, double value) {
  JobSpec job;
  job.name = name;
  job.samples = seconds;
  job.worker = {bourse::kAmountsPerUnit};
  job.server = {0};
  job.throughput = RigidThroughput{gpus, 0};
  job.requested_workers = gpus;
  job.utility = ConstantUtility{value};
  return job;
}

}  // namespace

int main() {
  Instance instance{
      .cluster = bourse::parse_cluster_short_form("1x2").value(),
      .jobs = {gang("first", 2, 10, 1), gang("cheap", 2, 10, 1), gang("dear", 2, 10, 5)}};
  MostValuableFirst policy;
  const SimulationResult result = simulate(instance, policy);
  for (std::size_t i = 0; i < instance.jobs.size(); ++i)
    std::printf("%s is done at %g s\n", instance.jobs[i].name.c_str(), result.jobs[i].finish.value);
}
