#include "bourse/base/error.h"

#include <gtest/gtest.h>

namespace bourse {
namespace {

Result<int> half_of(int value) {
  if (value % 2 != 0) return invalid("odd");
  return value / 2;
}

Result<int> quarter_of(int value) {
  BOURSE_TRY(const int half, half_of(value));
  BOURSE_TRY_VOID(half_of(half));
  return half_of(half);
}

TEST(Try, PassesTheFirstErrorOn) {
  EXPECT_EQ(quarter_of(12).value(), 3);
  EXPECT_EQ(quarter_of(7).error().message, "odd");
  EXPECT_EQ(quarter_of(6).error().code, ErrorCode::invalid_argument);
}

TEST(ErrorCode, HasANameAndAnExitStatus) {
  EXPECT_EQ(name_of(ErrorCode::data_corrupted), "data_corrupted");
  EXPECT_EQ(exit_status_of(ErrorCode::not_found), 1);
  EXPECT_EQ(exit_status_of(ErrorCode::internal), 70);
}

}  // namespace
}  // namespace bourse
