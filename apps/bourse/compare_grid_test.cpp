#include "apps/bourse/compare_grid.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "apps/bourse/fingerprint.h"

namespace bourse {
namespace {

TEST(KeyText, TellsListsOfFactsApart) {
  KeyText one;
  one.add("a", "b");
  one.add("c", "d");
  KeyText other;
  other.add("a", "b\n1:c=1:d");
  EXPECT_NE(one.text(), other.text());
}

/// Two jobs of two groups in a file of their own.
class GridTest : public ::testing::Test {
 protected:
  GridTest() {
    write("100");
    options_.clusters = {"1x4"};
    options_.workloads = {path_};
    options_.policies = {"fifo"};
    options_.seeds = 2;
  }
  void TearDown() override { std::filesystem::remove(path_); }

  void write(const std::string& duration) const {
    std::ofstream(path_) << "job_id,submit_s,duration_s,num_gpus,vc\na,0," << duration
                         << ",4,x\nb,10,50,4,y\n";
  }
  std::string first_key(Settings settings = {}) const {
    const Result<Grid> grid = make_grid(options_, {{"fifo", std::move(settings)}});
    return grid ? key_of(*grid, grid->cells.front()) : grid.error().message;
  }

  const std::string path_ = ::testing::TempDir() + "bourse-grid-" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".csv";
  CompareOptions options_;
};

TEST_F(GridTest, LaysOutEveryRunOnce) {
  options_.loads = {0.5, 1};
  options_.scales = {2};
  options_.split_by = 1;
  const Result<Grid> grid = make_grid(options_, {{"fifo", {}}, {"srsf", {}}});
  ASSERT_TRUE(grid.has_value()) << grid.error().message;
  ASSERT_EQ(grid->workloads.size(), 2u);
  // Two groups, each at two loads with two seeds and twice as large with one: 2 x 2 x (2 x 2 + 1).
  EXPECT_EQ(grid->cells.size(), 20u);
  EXPECT_EQ(grid->sections.front().load, 1);
  std::set<std::string> keys;
  for (const GridCell& cell : grid->cells) keys.insert(key_of(*grid, cell));
  EXPECT_EQ(keys.size(), 20u);
}

TEST_F(GridTest, KeysDependOnAllThatChangesARun) {
  std::set<std::string> keys{first_key()};
  EXPECT_EQ(first_key(), *keys.begin());
  const auto is_new = [&] { return keys.insert(first_key()).second; };
  write("101");
  EXPECT_TRUE(is_new());
  options_.clusters = {"2x4"};
  EXPECT_TRUE(is_new());
  options_.seed = 7;
  EXPECT_TRUE(is_new());
  options_.disturbance.jitter = Seconds(3);
  EXPECT_TRUE(is_new());
  options_.disturbance.belief_error = 0.5;
  EXPECT_TRUE(is_new());
  options_.source.restart_cost = Seconds(30);
  EXPECT_TRUE(is_new());
  options_.source.utility_seed = 2;
  EXPECT_TRUE(is_new());
  options_.loads = {2};
  EXPECT_TRUE(is_new());
  EXPECT_TRUE(keys.insert(first_key({{"overtake", "true"}})).second);
}

TEST_F(GridTest, KeysDoNotDependOnHowARunIsDone) {
  const std::string key = first_key();
  options_.jobs = 7;
  options_.seeds = 9;
  options_.out = "elsewhere";
  EXPECT_EQ(first_key(), key);
}

TEST_F(GridTest, WantsOneClusterForAllOrOneForEach) {
  options_.clusters = {"1x4", "2x4"};
  const Result<Grid> grid = make_grid(options_, {{"fifo", {}}});
  ASSERT_FALSE(grid.has_value());
  EXPECT_EQ(grid.error().message,
            "option --cluster: 2 clusters for 1 workloads; say one for all, or one for each");
}

// a runs 0-100 and b 100-150, whatever the recorder sees of it.
TEST_F(GridTest, RunsACell) {
  options_.disturbance.jitter = Seconds(0);
  const Result<Grid> grid = make_grid(options_, {{"fifo", {}}});
  ASSERT_TRUE(grid.has_value());
  const Result<CellResult> cell = run_cell(*grid, grid->cells.front(), [](double) {});
  ASSERT_TRUE(cell.has_value()) << cell.error().message;
  EXPECT_EQ(cell->run.metrics.completion.mean, 120);
  EXPECT_EQ(cell->recording.occupancy.spans.size(), 2u);
}

}  // namespace
}  // namespace bourse
