#include "bourse/policy/machine_index.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "bourse/base/random.h"
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
  RandomStream draw(*rc::gen::arbitrary<std::uint64_t>(), Purpose::test);
  const auto units = [&draw] { return static_cast<double>(draw.integer(0, 3)); };
  for (int step = 0; step < 12; ++step) {
    JobSpec job = gang("a", 0, 1, 1);
    job.worker = amounts({units(), units()});
    job.server = amounts({0, 0});
    const auto placed = place(free, job, {1, 0});
    const auto tightest = index.tightest(job.worker);
    RC_ASSERT(placed.has_value() == tightest.has_value());
    if (!placed) continue;
    RC_ASSERT(placed->front().machine == *tightest);
    index.take(job, *placed);
    if (draw.integer(0, 2) == 0) index.give(job, *placed);
  }
}

}  // namespace
}  // namespace bourse
