#include "bourse/engine/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/engine/cell_groups.h"
#include "bourse/world/real_files.h"

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(CpuList, HasRangesAndNumbers) {
  EXPECT_THAT(parse_cpu_list("0-2,5\n"), ElementsAre(0, 1, 2, 5));
  EXPECT_THAT(parse_cpu_list("3"), ElementsAre(3));
  EXPECT_THAT(parse_cpu_list("x,-1,2-x"), IsEmpty());
}

TEST(Host, IsAClusterOfOneMachine) {
  const Cluster cluster =
      cluster_of({.cpus = {0, 1, 2}, .memory = std::uint64_t{2} << 30, .gpu_count = 4});
  ASSERT_EQ(cluster.machines.size(), 1U);
  EXPECT_EQ(cluster.types.find("gpu"), 0U);
  // 4 GPUs, 3 processors, 2048 MiB, in thousandths.
  EXPECT_THAT(cluster.classes[0].capacity, ElementsAre(4000, 3000, 2048000));
  EXPECT_EQ(cluster.machine_name(MachineId(0U)), "local-0");
}

TEST(Host, WithoutDevicesHasNoSuchResource) {
  EXPECT_FALSE(cluster_of({}).types.find("gpu").has_value());
}

TEST(OwnCgroup, IsFoundBelowTheMountOfTheSecondVersion) {
  const char* const mounts =
      "24 1 0:22 / /sys rw - sysfs sysfs rw\n"
      "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(own_cgroup(mounts, "1:cpu:/x\n0::/user.slice/bourse\n"),
            "/sys/fs/cgroup/user.slice/bourse");
  EXPECT_EQ(own_cgroup(mounts, "0::/\n"), "/sys/fs/cgroup");
  EXPECT_EQ(own_cgroup(mounts, "1:cpu:/x\n"), std::nullopt);
  EXPECT_EQ(own_cgroup("24 1 0:22 / /sys rw - sysfs sysfs rw\n", "0::/\n"), std::nullopt);
}

/// Plain files in place of those of the kernel.
class CellGroupsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.remove(own_).has_value());
    ASSERT_TRUE(files_.make_directories(own_).has_value());
  }
  void TearDown() override { ASSERT_TRUE(files_.remove(own_).has_value()); }

  RealFiles files_;
  std::string own_ = ::testing::TempDir() + "cell_groups_test";
};

TEST_F(CellGroupsTest, HandOutMemory) {
  ASSERT_TRUE(files_.append(own_ + "/cgroup.controllers", "cpu memory pids\n").has_value());
  auto groups = CellGroups::open(files_, own_, "bourse");
  ASSERT_TRUE(groups.has_value()) << groups.error().message;
  EXPECT_EQ(files_.read(own_ + "/cgroup.subtree_control"), "+memory");
  const auto cell = groups->make("1-1-0", 4096);
  ASSERT_TRUE(cell.has_value()) << cell.error().message;
  EXPECT_EQ(*cell, own_ + "/bourse/1-1-0");
  EXPECT_EQ(files_.read(*cell + "/memory.max"), "4096");
  groups->remove(*cell);
  EXPECT_FALSE(files_.exists(*cell));
}

TEST_F(CellGroupsTest, NeedMemoryToHandOut) {
  ASSERT_TRUE(files_.append(own_ + "/cgroup.controllers", "hugetlb\n").has_value());
  const auto groups = CellGroups::open(files_, own_, "bourse");
  ASSERT_FALSE(groups.has_value());
  EXPECT_EQ(groups.error().message, "cgroup '" + own_ + "' may not hand out memory");
}

}  // namespace
}  // namespace bourse
