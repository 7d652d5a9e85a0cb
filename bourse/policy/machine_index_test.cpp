#include "bourse/policy/machine_index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bourse/policy/fixtures.h"

namespace bourse {
namespace {

using testing::amounts;
using testing::cluster_of;
using testing::gang;

// Tasks one after another onto machines of two resources, some given back: always the machine that
// place() chooses, and nothing where it finds none.
RC_GTEST_PROP(MachineIndex, ChoosesTheMachineThatPlaceChooses, ()) {
  const Cluster cluster = cluster_of(5, {{"gpu", 4}, {"cpu", 6}});
  const std::vector<JobSpec> jobs;
  const ClusterState state(cluster, jobs);
  FreeCapacity free(state);
  MachineIndex index(free);
  for (int step = 0; step < 12; ++step) {
    JobSpec job = gang("a", 0, 1, 1);
    job.worker = amounts({1.0 * *rc::gen::inRange(0, 4), 1.0 * *rc::gen::inRange(0, 4)});
    job.server = amounts({0, 0});
    const auto placed = place(free, job, {1, 0});
    const auto tightest = index.tightest(job.worker);
    RC_ASSERT(placed.has_value() == tightest.has_value());
    if (!placed) continue;
    RC_ASSERT(placed->front().machine == *tightest);
    index.take(job, *placed);
    if (*rc::gen::inRange(0, 3) == 0) index.give(job, *placed);
  }
}

}  // namespace
}  // namespace bourse
