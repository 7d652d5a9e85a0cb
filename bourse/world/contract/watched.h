#pragma once

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>

#include "bourse/world/processes.h"

namespace bourse {

/// What a process wrote and how it ended.
struct Watched {
  explicit Watched(ProcessOptions& options) {
    options.on_output = [this](OutputStream stream, std::string_view bytes) {
      EXPECT_FALSE(end) << "output after the end";
      output[stream] += bytes;
    };
    options.on_exit = [this](ExitStatus status) {
      EXPECT_FALSE(end) << "it ended twice";
      end = status;
    };
  }

  std::map<OutputStream, std::string> output;
  std::optional<ExitStatus> end;
};

}  // namespace bourse
