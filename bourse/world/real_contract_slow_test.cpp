
#include "bourse/world/contract/clock.inc"
#include "bourse/world/contract/files.inc"
#include "bourse/world/contract/network.inc"
#include "bourse/world/contract/processes.inc"
#include "bourse/world/contract/real_stage.h"

namespace bourse {
namespace {

const StageMaker kReal{"Real", make_real_stage};

INSTANTIATE_TEST_SUITE_P(World, ClockContract, testing::Values(kReal), name_of_stage);
INSTANTIATE_TEST_SUITE_P(World, FilesContract, testing::Values(kReal), name_of_stage);
INSTANTIATE_TEST_SUITE_P(World, NetworkContract, testing::Values(kReal), name_of_stage);
INSTANTIATE_TEST_SUITE_P(World, ProcessesContract, testing::Values(kReal), name_of_stage);

}  // namespace
}  // namespace bourse
