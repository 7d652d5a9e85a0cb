#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/service/job_file.h"

namespace bourse {

/// A job file as the command line names it.
struct JobInput {
  std::string text;
  std::string directory;  ///< The current one, absolute: where relative paths of the file start.
};

/// The text as one that was read here.
[[nodiscard]] Result<JobInput> as_job_input(std::string text);

/// A job file with no more than a name and `program`: the command, words separated by spaces.
[[nodiscard]] std::string job_file_of_program(std::string_view command);

/// If the file has a field `program`, runs it with --describe and puts what it needs into the place
/// of the field.
/// Errors: as program_of_job_file, job_fields_of_program and ChildProcess; deadline_exceeded if the
/// program takes more than 30 s.
[[nodiscard]] Result<void> fill_in_program(JobInput& input, const std::string& path);

/// Reads the file; "-" is standard input.
/// Errors: as of read_file; resource_exhausted if it is larger than kMaxJobFileBytes.
[[nodiscard]] Result<JobInput> read_job_input(const std::string& path);

/// What is odd about a job but may be right where it runs: programs that are not on this machine.
[[nodiscard]] std::vector<std::string> warnings_about(const JobFile& file,
                                                      const std::string& directory);

}  // namespace bourse
