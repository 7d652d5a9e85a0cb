#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "bourse/trace/trace.h"

namespace bourse {

/// Reads a trace from text.
inline Result<TraceRead> read_text(std::string_view text, const TraceOptions& options = {}) {
  MemorySource source(text, "t");
  return read_trace(source, options);
}

/// The message of the error that reading the text gives; empty if it is read.
inline std::string error_of(std::string_view text, const TraceOptions& options = {}) {
  const auto read = read_text(text, options);
  return read ? "" : read.error().message;
}

/// Path of a file of the shared traces, which are not part of the project; empty if it is absent.
inline std::string shared_trace(std::string_view name) {
  const auto path = std::filesystem::path(BOURSE_SOURCE_DIR) / ".." / "shared" / "traces" / name;
  return std::filesystem::exists(path) ? path.string() : std::string();
}

}  // namespace bourse
