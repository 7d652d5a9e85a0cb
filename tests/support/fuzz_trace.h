#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bourse/base/check.h"
#include "bourse/trace/trace.h"

namespace bourse {

/// Reads the bytes as a trace of this format, or of the one they show. What is read must be sound
/// and what is not must be one sentence.
inline void fuzz_trace(const std::uint8_t* data, std::size_t size,
                       std::optional<TraceFormat> format) {
  MemorySource source(std::string_view(reinterpret_cast<const char*>(data), size), "fuzz");
  const auto read = read_trace(source, {.format = format});
  if (!read) {
    BOURSE_CHECK(!read.error().message.empty());
    BOURSE_CHECK(read.error().message.find('\n') == std::string::npos);
    return;
  }
  BOURSE_CHECK(!read->workload.jobs.empty());
  BOURSE_CHECK(read->rows_read >= read->workload.jobs.size());
  Seconds last{0};
  for (const JobSpec& job : read->workload.jobs) {
    BOURSE_CHECK(validate(job).has_value());
    BOURSE_CHECK(job.arrival >= last);
    BOURSE_CHECK(job.worker.size() == read->workload.types.size());
    last = job.arrival;
  }
}

}  // namespace bourse
