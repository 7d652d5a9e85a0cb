#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "bourse/world/contract/database.h"
#include "bourse/world/simulated_world.h"

namespace bourse {
namespace {

/// Adds rows 1, 2, ... to a table until something fails; returns the last that was committed.
int fill(World& world, int rows) {
  Database database(world, "/db");
  if (database.opened() != SQLITE_OK) return 0;
  if (database.run("PRAGMA wal_autocheckpoint=4; CREATE TABLE IF NOT EXISTS t(n, b)") != SQLITE_OK)
    return 0;
  for (int row = 1; row <= rows; ++row) {
    const std::string number = std::to_string(row);
    if (database.run("INSERT INTO t VALUES(" + number + ", zeroblob(3000))") != SQLITE_OK)
      return row - 1;
  }
  return rows;
}

/// Rows in a database that must be sound.
int count(World& world) {
  Database database(world, "/db");
  EXPECT_EQ(database.opened(), SQLITE_OK);
  EXPECT_EQ(database.run("PRAGMA integrity_check"), SQLITE_OK);
  EXPECT_EQ(database.value, "ok");
  if (database.run("SELECT count(*) FROM t") != SQLITE_OK) return 0;
  const int rows = std::stoi(database.value);
  EXPECT_EQ(database.run("SELECT coalesce(max(n), 0) FROM t"), SQLITE_OK);
  EXPECT_EQ(database.value, std::to_string(rows));  // no gaps
  return rows;
}

TEST(SimulatedSqlite, ACrashOfTheMachineLosesNothingThatWasCommitted) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SimulatedWorld world({.seed = seed});
    SimulatedHost& host = world.add_host("here");
    const auto database = std::make_unique<Database>(host.world(), "/db");
    ASSERT_EQ(database->run("CREATE TABLE t(n, b); INSERT INTO t VALUES(1, 0)"), SQLITE_OK);
    ASSERT_EQ(database->run("BEGIN; INSERT INTO t VALUES(2, zeroblob(99999))"), SQLITE_OK);
    host.crash();
    EXPECT_EQ(database->run("COMMIT") & 0xff, SQLITE_IOERR);  // the dead write nothing
    host.start();
    EXPECT_EQ(count(host.world()), 1);
  }
}

/// Crashes the machine at its n-th change of the disk; false if there are less.
bool crash_at(std::uint64_t change, DiskFault fault) {
  SimulatedWorld world({.seed = change});
  SimulatedHost& host = world.add_host("here");
  bool has_crashed = false;
  host.disk().plan({.change = change, .fault = fault, .then = [&] {
                      has_crashed = true;
                      host.crash();
                    }});
  const int committed = fill(host.world(), 6);
  if (!has_crashed) return false;
  host.start();
  const int left = count(host.world());
  EXPECT_GE(left, committed) << "crash at change " << change;
  EXPECT_LE(left, committed + 1) << "crash at change " << change;
  return true;
}

TEST(SimulatedSqlite, RecoversFromACrashAtEveryChange) {
  for (const DiskFault fault : {DiskFault::crash_before, DiskFault::crash_after}) {
    std::uint64_t change = 1;
    while (crash_at(change, fault)) ++change;
    EXPECT_GT(change, 30U);
  }
}

TEST(SimulatedSqlite, AFailureOfAnyChangeIsReportedAndHarmless) {
  for (const DiskFault fault : {DiskFault::error, DiskFault::full, DiskFault::torn}) {
    for (std::uint64_t change = 1; change <= 40; ++change) {
      SimulatedWorld world({.seed = change});
      SimulatedHost& host = world.add_host("here");
      host.disk().plan({.change = change, .fault = fault, .then = nullptr});
      const int committed = fill(host.world(), 6);
      EXPECT_GE(count(host.world()), committed) << "failure at change " << change;
    }
  }
}

}  // namespace
}  // namespace bourse
