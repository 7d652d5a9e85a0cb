#include "bourse/world/simulated_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace bourse {
namespace {

using testing::HasSubstr;

SimulatedDisk disk_of(std::uint64_t seed) {
  return SimulatedDisk(RandomStream(seed, Purpose::disk));
}

/// Adds to the end of a file, as a log does.
Result<void> append(SimulatedDisk& disk, const std::string& path, std::string_view bytes) {
  BOURSE_TRY(const auto file, disk.find_or_make("write", path));
  return disk.write_at(path, *file, file->bytes.size(), bytes);
}

Result<void> sync(SimulatedDisk& disk, const std::string& path) {
  BOURSE_TRY(const auto file, disk.find("sync", path));
  return disk.sync(path, *file);
}

std::string bytes_of(const SimulatedDisk& disk, const std::string& path) {
  const auto file = disk.find("read", path);
  return file ? (*file)->bytes : "(none)";
}

TEST(SimulatedDisk, ACrashKeepsWhatWasSynced) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk = disk_of(seed);
    ASSERT_TRUE(append(disk, "/log", "synced"));
    ASSERT_TRUE(sync(disk, "/log"));
    ASSERT_TRUE(disk.replace("/whole", "written"));
    disk.crash();
    EXPECT_EQ(bytes_of(disk, "/log"), "synced");
    EXPECT_EQ(bytes_of(disk, "/whole"), "written");
  }
}

// 1200 bytes are two whole sectors and a part of a third: what is torn has 0, 512 or 1024 of them.
TEST(SimulatedDisk, ACrashKeepsLosesOrTearsWhatWasNotSynced) {
  std::set<std::string> left;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SimulatedDisk disk = disk_of(seed);
    ASSERT_TRUE(disk.replace("/log", "old "));
    ASSERT_TRUE(append(disk, "/log", std::string(1200, 'x')));
    EXPECT_EQ(bytes_of(disk, "/log").size(), 1204U);
    disk.crash();
    left.insert(bytes_of(disk, "/log"));
    const std::string after = bytes_of(disk, "/log");
    disk.crash();  // what a crash has left is on the disk
    EXPECT_EQ(bytes_of(disk, "/log"), after);
  }
  const auto expected = [](std::size_t count) { return "old " + std::string(count, 'x'); };
  EXPECT_EQ(left,
            (std::set<std::string>{expected(0), expected(512), expected(1024), expected(1200)}));
}

TEST(SimulatedDisk, OfTwoUnsyncedWritesTheLaterMayBeLeftAlone) {
  std::set<std::string> left;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedDisk disk = disk_of(seed);
    ASSERT_TRUE(disk.replace("/log", ""));
    ASSERT_TRUE(append(disk, "/log", "a"));
    ASSERT_TRUE(append(disk, "/log", "b"));
    disk.crash();
    left.insert(bytes_of(disk, "/log"));
  }
  EXPECT_EQ(left, (std::set<std::string>{"", "a", "ab", std::string("\0b", 2)}));
}

TEST(SimulatedDisk, NamesAreLostFromTheLastOn) {
  std::set<std::string> left;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SimulatedDisk disk = disk_of(seed);
    ASSERT_TRUE(disk.replace("/a", "1"));
    ASSERT_TRUE(disk.rename("/a", "/b"));
    ASSERT_TRUE(disk.rename("/b", "/c"));
    ASSERT_TRUE(disk.remove("/c"));
    disk.crash();
    std::string names;
    const std::vector<std::string> list = disk.list("/").value();
    for (const std::string& name : list) names += name;
    left.insert(names);
  }
  EXPECT_EQ(left, (std::set<std::string>{"a", "b", "c", ""}));
}

TEST(SimulatedDisk, ARenameOverAFileLeavesTheOldOrTheNewOne) {
  std::set<std::string> left;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SimulatedDisk disk = disk_of(seed);
    ASSERT_TRUE(disk.replace("/x", "old"));
    ASSERT_TRUE(disk.replace("/y", "new"));
    ASSERT_TRUE(disk.rename("/y", "/x"));
    disk.crash();
    left.insert(bytes_of(disk, "/x"));
  }
  EXPECT_EQ(left, (std::set<std::string>{"old", "new"}));
}

TEST(SimulatedDisk, EveryChangeCanBeMadeToFail) {
  SimulatedDisk disk = disk_of(1);
  const std::uint64_t before = disk.changes();
  ASSERT_TRUE(disk.replace("/x", "old"));
  EXPECT_EQ(disk.changes(), before + 1);
  disk.plan({.change = 1, .fault = DiskFault::error});
  disk.plan({.change = 2, .fault = DiskFault::full});
  disk.plan({.change = 4, .fault = DiskFault::torn});
  Error error = disk.replace("/x", "new").error();
  EXPECT_EQ(error.code, ErrorCode::unavailable);
  EXPECT_THAT(error.message, HasSubstr("'/x': Input/output error"));
  error = disk.replace("/x", "new").error();
  EXPECT_EQ(error.code, ErrorCode::resource_exhausted);
  EXPECT_THAT(error.message, HasSubstr("No space left on device"));
  EXPECT_EQ(bytes_of(disk, "/x"), "old");
  ASSERT_TRUE(append(disk, "/x", ""));
  EXPECT_EQ(append(disk, "/x", std::string(1000, 'x')).error().code, ErrorCode::unavailable);
  EXPECT_LT(bytes_of(disk, "/x").size(), 1003U);
  EXPECT_TRUE(disk.replace("/x", "new"));
}

TEST(SimulatedDisk, AFullDiskTakesNoMoreUntilSomethingGoes) {
  SimulatedDisk disk = disk_of(1);
  disk.set_capacity(100);
  ASSERT_TRUE(disk.replace("/a", std::string(60, 'a')));
  EXPECT_EQ(disk.replace("/b", std::string(50, 'b')).error().code, ErrorCode::resource_exhausted);
  EXPECT_EQ(append(disk, "/a", std::string(50, 'a')).error().code, ErrorCode::resource_exhausted);
  ASSERT_TRUE(append(disk, "/a", std::string(40, 'a')));
  EXPECT_EQ(disk.used(), 100U);
  ASSERT_TRUE(disk.rename("/a", "/c"));
  EXPECT_EQ(disk.used(), 100U);
  ASSERT_TRUE(disk.remove("/c"));
  EXPECT_EQ(disk.used(), 0U);
  ASSERT_TRUE(disk.replace("/b", std::string(50, 'b')));
  ASSERT_TRUE(disk.replace("/b", std::string(40, 'c')));
  EXPECT_EQ(disk.used(), 40U);
}

TEST(SimulatedDisk, PathsMayBeWrittenInManyWays) {
  SimulatedDisk disk = disk_of(1);
  ASSERT_TRUE(disk.make_directories("a/b/"));
  ASSERT_TRUE(disk.replace("//a/./b/../x", "1"));
  EXPECT_EQ(bytes_of(disk, "/a/x"), "1");
  EXPECT_EQ(disk.list("/a").value(), (std::vector<std::string>{"b", "x"}));
}

}  // namespace
}  // namespace bourse
