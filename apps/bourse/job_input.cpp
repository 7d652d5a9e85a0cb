#include "apps/bourse/job_input.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "apps/bourse/files.h"

namespace bourse {
namespace {

Result<std::string> read_standard_input() {
  std::string text;
  char buffer[4096];
  while (std::cin.read(buffer, sizeof buffer) || std::cin.gcount() > 0) {
    text.append(buffer, static_cast<std::size_t>(std::cin.gcount()));
    if (text.size() > kMaxJobFileBytes) break;
  }
  return text;
}

bool is_file(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<JobInput> read_job_input(const std::string& path) {
  JobInput input;
  BOURSE_TRY(input.text, path == "-" ? read_standard_input() : read_file(path));
  if (input.text.size() > kMaxJobFileBytes)
    return fail(ErrorCode::resource_exhausted,
                fmt::format("{}: a job file has at most {} MiB", path, kMaxJobFileBytes >> 20));
  std::error_code error;
  input.directory = std::filesystem::current_path(error).string();
  if (error)
    return fail(ErrorCode::failed_precondition,
                fmt::format("cannot tell the current directory: {}", error.message()));
  return input;
}

std::vector<std::string> warnings_about(const JobFile& file, const std::string& directory) {
  const char* const path = std::getenv("PATH");
  const std::filesystem::path own(file.directory);
  const std::string base = file.directory.empty() || own.is_absolute()
                               ? file.directory
                               : (std::filesystem::path(directory) / own).string();
  return missing_programs(file, base.empty() ? directory : base,
                          path == nullptr ? "/usr/bin:/bin" : path, is_file);
}

}  // namespace bourse
