
#include "bourse/world/contract/clock.h"
#include "bourse/world/contract/files.h"
#include "bourse/world/contract/network.h"
#include "bourse/world/contract/processes.h"
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
