#pragma once

#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/service/job_file.h"

namespace bourse {

/// A job file as the command line names it.
struct JobInput {
  std::string text;
  std::string directory;  ///< The current one, absolute: where relative paths of the file start.
};

/// Reads the file; "-" is standard input.
/// Errors: as of read_file; resource_exhausted if it is larger than kMaxJobFileBytes.
[[nodiscard]] Result<JobInput> read_job_input(const std::string& path);

/// What is odd about a job but may be right where it runs: programs that are not on this machine.
[[nodiscard]] std::vector<std::string> warnings_about(const JobFile& file,
                                                      const std::string& directory);

}  // namespace bourse
