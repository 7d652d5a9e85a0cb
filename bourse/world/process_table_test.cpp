#include "bourse/world/process_table.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

/// A line of /proc/<pid>/stat with this name, state and number of threads.
std::string stat_line(const std::string& name, char state, int threads) {
  return "42 (" + name + ") " + state + " 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 " +
         std::to_string(threads) + " 0 123456 1000 10 18446744073709551615\n";
}

TEST(ProcessStat, NamesMayHoldSpacesAndBrackets) {
  for (const char* const name : {"sh", "a b", "x) R 1 (y", ") Z 3 4 5", "((", ""}) {
    const auto row = parse_process_stat(stat_line(name, 'S', 1));
    ASSERT_TRUE(row) << name;
    EXPECT_EQ(row->id, (ProcessId{.pid = 42, .started = 123456}));
    EXPECT_EQ(row->parent, 7);
    EXPECT_TRUE(row->is_alive);
  }
}

TEST(ProcessStat, AZombieIsDeadUnlessOtherThreadsGoOn) {
  EXPECT_FALSE(parse_process_stat(stat_line("sh", 'Z', 1))->is_alive);
  EXPECT_TRUE(parse_process_stat(stat_line("sh", 'Z', 2))->is_alive);
  EXPECT_FALSE(parse_process_stat(stat_line("sh", 'X', 1))->is_alive);
}

TEST(ProcessStat, AnythingElseIsNone) {
  const std::string whole = stat_line("sh", 'S', 1);
  for (const std::string& text : {std::string(), std::string("42"), std::string("42 (sh) S 7"),
                                  whole.substr(0, whole.find("123456")), "x" + whole})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

ProcessRow row(std::int32_t pid, std::int32_t parent, bool is_alive = true) {
  return {.id = {.pid = pid, .started = 1}, .parent = parent, .is_alive = is_alive};
}

// 1 - 10 - 20 - 30 and 1 - 11 - 21; 12 is a zombie child of 1.
TEST(Descendants, ComeLevelByLevelWithoutTheDead) {
  const std::vector<ProcessRow> table{row(1, 0),   row(10, 1),  row(11, 1), row(12, 1, false),
                                      row(20, 10), row(21, 11), row(30, 20)};
  std::vector<std::int32_t> pids;
  for (const ProcessId id : descendants_in(table, {{.pid = 1, .started = 1}}))
    pids.push_back(id.pid);
  EXPECT_EQ(pids, (std::vector<std::int32_t>{10, 11, 20, 21, 30}));
  EXPECT_TRUE(descendants_in(table, {{.pid = 1, .started = 2}}).empty());
  EXPECT_EQ(descendants_in(table, {{.pid = 11, .started = 1}, {.pid = 20, .started = 1}}).size(),
            2U);
}

}  // namespace
}  // namespace bourse
