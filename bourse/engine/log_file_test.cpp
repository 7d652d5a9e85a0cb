#include "bourse/engine/log_file.h"

#include <gtest/gtest.h>

#include "bourse/world/real_files.h"

namespace bourse {
namespace {

class LogFileTest : public ::testing::Test {
 protected:
  std::string text(const std::string& path) { return files_.read(path).value_or("none"); }

  RealFiles files_;
  std::string directory_ = ::testing::TempDir() + "log_file_test." +
                           ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::string path_ = directory_ + "/logs/worker-0.log";
  void SetUp() override { ASSERT_TRUE(files_.remove(directory_).has_value()); }
  void TearDown() override { ASSERT_TRUE(files_.remove(directory_).has_value()); }
};

TEST_F(LogFileTest, BeginsAnewWhenFullAndKeepsOne) {
  LogFile log(files_, path_, 4);
  ASSERT_TRUE(log.open().has_value());
  ASSERT_TRUE(log.append("abc").has_value());
  EXPECT_EQ(text(path_ + ".1"), "none");
  ASSERT_TRUE(log.append("defghijk").has_value());  // abcd | efgh | ijk
  EXPECT_EQ(text(path_ + ".1"), "efgh");
  EXPECT_EQ(text(path_), "ijk");
}

TEST_F(LogFileTest, GoesOnWithTheFileThatIsThere) {
  {
    LogFile log(files_, path_, 4);
    ASSERT_TRUE(log.open().has_value());
    ASSERT_TRUE(log.append("abc").has_value());
  }
  LogFile log(files_, path_, 4);
  ASSERT_TRUE(log.open().has_value());
  ASSERT_TRUE(log.append("de").has_value());
  EXPECT_EQ(text(path_ + ".1"), "abcd");
  EXPECT_EQ(text(path_), "e");
}

TEST_F(LogFileTest, SaysWhyItCannotBeWritten) {
  ASSERT_TRUE(files_.make_directories(path_).has_value());
  LogFile log(files_, path_, 4);
  const auto opened = log.open();
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find(path_), std::string::npos);
}

}  // namespace
}  // namespace bourse
