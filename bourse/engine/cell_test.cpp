#include "bourse/engine/cell.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace bourse {
namespace {

TEST(CellId, IsWrittenJobEpochMachine) {
  EXPECT_EQ(text_of({.job = 17, .epoch = 3, .machine = MachineId(0U)}), "17-3-0");
  EXPECT_EQ(text_of({.job = 17, .epoch = 3, .machine = MachineId(0U), .part = 5}), "17-3-0-5");
}

RC_GTEST_PROP(CellId, ReadsBackAsWritten, ()) {
  const CellId id{*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint32_t>(),
                  MachineId(*rc::gen::inRange<std::uint32_t>(0, 0xFFFF'FFFF)),
                  *rc::gen::arbitrary<std::uint32_t>()};
  RC_ASSERT(parse_cell_id(text_of(id)) == id);
}

TEST(CellId, RejectsOtherText) {
  for (const char* text :
       {"", "1", "1-2", "1-2-3-0", "1-2-3-", "1-2-3-4-5", "1--2", "a-1-2", "1-2-x", "+1-2-3",
        "1-2-3 ", "1-4294967296-0", "18446744073709551616-0-0", "1-2-4294967295"}) {
    const auto id = parse_cell_id(text);
    ASSERT_FALSE(id.has_value()) << text;
    EXPECT_EQ(id.error().code, ErrorCode::invalid_argument);
  }
  EXPECT_EQ(parse_cell_id("1-x").error().message,
            "'1-x' is no cell; a cell is written job-epoch-machine, as 17-3-0");
}

TEST(TaskSpec, IsNamedByRoleAndRank) {
  EXPECT_EQ((TaskSpec{.role = TaskRole::worker, .rank = 0}).name(), "worker-0");
  EXPECT_EQ((TaskSpec{.role = TaskRole::server, .rank = 12}).name(), "server-12");
}

}  // namespace
}  // namespace bourse
