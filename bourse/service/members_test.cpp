#include "bourse/service/members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

namespace bourse {
namespace {

using ::testing::ElementsAre;

StoredCell worker(std::uint32_t machine, std::uint32_t part, int task, int rank) {
  return {.job = 7,
          .epoch = 1,
          .machine = machine,
          .part = part,
          .workers = 1,
          .token = {},
          .task = task,
          .rank = rank};
}

std::vector<int> ranks_of(const std::vector<StoredCell>& members) {
  std::vector<int> ranks;
  for (const StoredCell& member : members) ranks.push_back(member.rank);
  return ranks;
}

TEST(Members, OfAMachineWithTooManyThoseOfLargestRankLeave) {
  const std::vector<StoredCell> members{worker(0, 1, 0, 2), worker(0, 2, 1, 0), worker(1, 3, 2, 1)};
  const MemberChange change = change_of(members, {{MachineId(0U), 1, 0}, {MachineId(2U), 2, 0}});
  EXPECT_THAT(ranks_of(change.stay), ElementsAre(0));
  EXPECT_THAT(ranks_of(change.leave), ElementsAre(1, 2));
  EXPECT_EQ(change.join, (Allocation{{MachineId(2U), 2, 0}}));
}

TEST(Members, ThatStayKeepTheirRanksIfTheyAreSmallEnough) {
  // Of ranks 0 to 4, 1 and 3 left: 2 is kept, 4 takes the place of 1.
  std::vector<StoredCell> members{worker(0, 1, 0, 0), worker(0, 3, 2, 2), worker(1, 5, 4, 4)};
  give_ranks(members);
  EXPECT_THAT(ranks_of(members), ElementsAre(0, 2, 1));
}

TEST(Members, ThatJoinGetNamesThatNoCellHas) {
  std::vector<StoredCell> cells{worker(0, 1, 0, 0), worker(0, 2, 1, 1), worker(0, 3, 2, 1)};
  cells[1].is_stopping = true;  // Its log is still written.
  const std::vector<StoredCell> added = joining({{MachineId(1U), 2, 0}}, cells, 3);
  ASSERT_EQ(added.size(), 2U);
  EXPECT_EQ(task_name(added[0]), "worker-3");
  EXPECT_EQ(task_name(added[1]), "worker-4");
  EXPECT_EQ(added[0].part, 4U);
  EXPECT_THAT(ranks_of(added), ElementsAre(2, 3));
}

TEST(Members, AreListedByRoleAndRank) {
  StoredCell server{.job = 7, .machine = 1, .part = 3, .servers = 1, .token = {}, .task = 2};
  const StoredJob job{.number = 7,
                      .name = {},
                      .group = {},
                      .text = {},
                      .directory = {},
                      .environment = {},
                      .reason = {},
                      .epoch = 1,
                      .port = 1000,
                      .generation = 4,
                      .plan = {},
                      .speeds = {}};
  const std::string text =
      members_text({.job = &job,
                    .members = {worker(1, 2, 1, 1), server, worker(0, 1, 5, 0)},
                    .hosts = {"b", "b", "a"}});
  const ListedMembers listed = listed_members(text).value();
  EXPECT_EQ(listed.generation, 4U);
  EXPECT_EQ(listed.count, 3U);
  std::string flat = text;
  std::erase_if(flat, [](char c) { return c == ' ' || c == '\n'; });
  EXPECT_EQ(flat,
            R"({"job":7,"epoch":1,"generation":4,"workers":2,"servers":1,"master_address":"a",)"
            R"("master_port":1000,"members":[)"
            R"({"task":"worker-5","role":"worker","rank":0,"address":"a","local_rank":0,)"
            R"("local_size":1},)"
            R"({"task":"worker-1","role":"worker","rank":1,"address":"b","local_rank":0,)"
            R"("local_size":1},)"
            R"({"task":"server-2","role":"server","rank":0,"address":"b","local_rank":0,)"
            R"("local_size":1,"port":1003}]})");
  EXPECT_EQ(text.find("batch"), std::string::npos);
  EXPECT_NE(
      members_text({.job = &job, .members = {}, .hosts = {}, .batch = 256}).find("\"batch\": 256"),
      std::string::npos);
  for (const char* broken : {"", "{", "[]", R"({"generation":-1,"members":[]})",
                             R"({"generation":1})", R"({"members":[]})"})
    EXPECT_FALSE(listed_members(broken).has_value()) << broken;
}

/// Members on up to four machines, with ranks from 0 on in any order.
rc::Gen<std::vector<StoredCell>> members_gen() {
  return rc::gen::map(rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange(0U, 4U)),
                      [](const std::vector<std::uint32_t>& machines) {
                        std::vector<StoredCell> members;
                        for (std::size_t i = 0; i < machines.size(); ++i) {
                          const auto rank = static_cast<int>(machines.size() - 1 - i);
                          members.push_back(worker(machines[i], static_cast<std::uint32_t>(i + 1),
                                                   static_cast<int>(i), rank));
                        }
                        return members;
                      });
}

RC_GTEST_PROP(Members, BecomeWhatIsWantedWithRanksFromZeroOn, ()) {
  const std::vector<StoredCell> members = *members_gen();
  Allocation wanted;
  for (std::uint32_t machine = 0; machine < 4; ++machine)
    wanted.push_back({MachineId(machine), *rc::gen::inRange(0, 4), 0});
  normalize(wanted);

  const MemberChange change = change_of(members, wanted);
  RC_ASSERT(change.stay.size() + change.leave.size() == members.size());
  std::vector<StoredCell> cells = change.stay;
  for (StoredCell left : change.leave) {
    left.is_stopping = true;
    cells.push_back(left);
  }
  const auto last = static_cast<std::uint32_t>(members.size());
  const std::vector<StoredCell> added = joining(change.join, cells, last);
  cells.insert(cells.end(), added.begin(), added.end());
  RC_ASSERT(allocation_of(cells) == wanted);

  std::set<std::string> names;
  std::set<std::uint32_t> parts;
  for (const StoredCell& cell : cells) {
    RC_ASSERT(names.insert(task_name(cell)).second);
    RC_ASSERT(parts.insert(cell.part).second);
  }
  std::erase_if(cells, [](const StoredCell& cell) { return cell.is_stopping; });
  std::vector<StoredCell> ranked = cells;
  give_ranks(ranked);
  std::set<int> ranks;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    RC_ASSERT(ranks.insert(ranked[i].rank).second);
    RC_ASSERT(ranked[i].rank < static_cast<int>(ranked.size()));
    const bool is_staying = i < change.stay.size();
    if (is_staying && cells[i].rank < static_cast<int>(ranked.size()))
      RC_ASSERT(ranked[i].rank == cells[i].rank);
  }
}

}  // namespace
}  // namespace bourse
