#include "bourse/world/contract/clock.inc"
#include "bourse/world/contract/files.inc"
#include "bourse/world/contract/network.inc"
#include "bourse/world/contract/processes.inc"
#include "bourse/world/contract/simulated_stage.h"

namespace bourse {
namespace {

const StageMaker kSimulated{"Simulated", make_simulated_stage};

INSTANTIATE_TEST_SUITE_P(World, ClockContract, testing::Values(kSimulated), name_of_stage);
INSTANTIATE_TEST_SUITE_P(World, FilesContract, testing::Values(kSimulated), name_of_stage);
INSTANTIATE_TEST_SUITE_P(World, NetworkContract, testing::Values(kSimulated), name_of_stage);
INSTANTIATE_TEST_SUITE_P(World, ProcessesContract, testing::Values(kSimulated), name_of_stage);

}  // namespace
}  // namespace bourse
