#include "apps/bourse/cell_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "apps/bourse/files.h"

namespace bourse {
namespace {

/// A folder of its own for each test, gone afterwards.
class CellCacheTest : public ::testing::Test {
 protected:
  CellCacheTest()
      : folder_(::testing::TempDir() + "bourse-cache-" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string folder_;
};

TEST_F(CellCacheTest, FindsWhatWasStored) {
  const CellCache cache(folder_, "program");
  EXPECT_FALSE(cache.find("k").has_value());
  ASSERT_TRUE(cache.store("k", "body\nof two lines").has_value());
  EXPECT_EQ(cache.find("k"), "body\nof two lines");
  EXPECT_FALSE(cache.find("other").has_value());
}

TEST_F(CellCacheTest, DoesNotFindWhatAnotherProgramStored) {
  ASSERT_TRUE(CellCache(folder_, "program").store("k", "body").has_value());
  EXPECT_FALSE(CellCache(folder_, "program2").find("k").has_value());
}

// Each byte of the file in turn is changed, and the file is cut at each length.
TEST_F(CellCacheTest, DoesNotFindWhatIsDamaged) {
  const CellCache cache(folder_, "program");
  ASSERT_TRUE(cache.store("k", "body").has_value());
  const std::string whole = *read_file(cache.path_of("k"));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    std::ofstream(cache.path_of("k")) << damaged;
    EXPECT_FALSE(cache.find("k").has_value()) << i;
    std::ofstream(cache.path_of("k")) << whole.substr(0, i);
    EXPECT_FALSE(cache.find("k").has_value()) << i;
  }
  ASSERT_TRUE(cache.store("k", "body").has_value());
  EXPECT_EQ(cache.find("k"), "body");
}

TEST_F(CellCacheTest, SaysWhyItCannotStore) {
  std::ofstream(folder_) << "a file";
  const auto stored = CellCache(folder_, "program").store("k", "body");
  ASSERT_FALSE(stored.has_value());
  EXPECT_EQ(stored.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace bourse
