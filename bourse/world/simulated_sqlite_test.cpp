#include <gtest/gtest.h>

#include <string>

#include "bourse/world/contract/database.h"
#include "bourse/world/simulated_world.h"

namespace bourse {
namespace {

TEST(SimulatedSqlite, RunsInWalModeWithSeveralConnections) {
  SimulatedWorld world;
  World& here = world.add_host("here").world();
  Database one(here, "/db");
  ASSERT_EQ(one.opened(), SQLITE_OK);
  ASSERT_EQ(one.run("PRAGMA journal_mode"), SQLITE_OK);
  EXPECT_EQ(one.value, "wal");
  ASSERT_EQ(one.run("CREATE TABLE t(n); INSERT INTO t VALUES(1)"), SQLITE_OK);
  EXPECT_TRUE(here.files.exists("/db-wal"));
  Database other(here, "/db");
  ASSERT_EQ(other.run("SELECT count(*) FROM t"), SQLITE_OK);
  EXPECT_EQ(other.value, "1");
  // A reader keeps what it saw; two writers are in each other's way.
  ASSERT_EQ(other.run("BEGIN; SELECT count(*) FROM t"), SQLITE_OK);
  ASSERT_EQ(one.run("BEGIN IMMEDIATE; INSERT INTO t VALUES(2)"), SQLITE_OK);
  EXPECT_EQ(other.run("INSERT INTO t VALUES(3)"), SQLITE_BUSY);
  ASSERT_EQ(one.run("COMMIT"), SQLITE_OK);
  ASSERT_EQ(other.run("SELECT count(*) FROM t"), SQLITE_OK);
  EXPECT_EQ(other.value, "1");
  ASSERT_EQ(other.run("COMMIT; SELECT count(*) FROM t"), SQLITE_OK);
  EXPECT_EQ(other.value, "2");
}

TEST(SimulatedSqlite, ExclusiveLockingKeepsOthersOut) {
  SimulatedWorld world;
  World& here = world.add_host("here").world();
  Database one(here, "/db", true);
  ASSERT_EQ(one.run("CREATE TABLE t(n)"), SQLITE_OK);
  Database other(here, "/db");
  EXPECT_EQ(other.run("SELECT * FROM t"), SQLITE_BUSY);
}

TEST(SimulatedSqlite, TheSameSeedLeavesTheSameBytes) {
  const auto bytes = [] {
    SimulatedWorld world({.seed = 7});
    World& here = world.add_host("here").world();
    Database database(here, "/db");
    (void)database.run("CREATE TABLE t(n); INSERT INTO t VALUES(random()), (random())");
    return here.files.read("/db-wal").value();
  };
  const std::string first = bytes();
  EXPECT_GT(first.size(), 1000U);
  EXPECT_EQ(first, bytes());
}

}  // namespace
}  // namespace bourse
