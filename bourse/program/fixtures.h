#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "bourse/program/call_error.h"
#include "bourse/program/running.h"

namespace bourse::program {

/// Options of a test whose program has processes: they run this very test, and get as far as its
/// launch(). What a test expects before that, it expects in every process.
inline RunOptions in_processes(Placement placement = Placement::processes) {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  RunOptions options;
  options.placement = placement;
  options.arguments = {std::string("--gtest_filter=") + test.test_suite_name() + "." + test.name()};
  return options;
}

/// What a call fails with; a failure of the test if it does not.
inline CallError error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const CallError& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {CallCode::internal, "nothing was thrown"};
}

}  // namespace bourse::program
