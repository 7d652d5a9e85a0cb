#include "apps/bourse/job_input.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "apps/bourse/child_process.h"
#include "apps/bourse/files.h"
#include "bourse/service/job_program.h"

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

/// As a value of YAML.
std::string quoted(std::string_view text) {
  std::string value = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') value += '\\';
    value += c;
  }
  return value + "\"";
}

bool is_file(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<JobInput> read_job_input(const std::string& path) {
  BOURSE_TRY(std::string text, path == "-" ? read_standard_input() : read_file(path));
  if (text.size() > kMaxJobFileBytes)
    return fail(ErrorCode::resource_exhausted,
                fmt::format("{}: a job file has at most {} MiB", path, kMaxJobFileBytes >> 20));
  return as_job_input(std::move(text));
}

Result<JobInput> as_job_input(std::string text) {
  JobInput input{.text = std::move(text), .directory = {}};
  std::error_code error;
  input.directory = std::filesystem::current_path(error).string();
  if (error)
    return fail(ErrorCode::failed_precondition,
                fmt::format("cannot tell the current directory: {}", error.message()));
  return input;
}

std::string job_file_of_program(std::string_view command) {
  const std::string_view first = command.substr(0, command.find(' '));
  const std::string_view name = first.substr(first.rfind('/') + 1);
  return fmt::format("name: {}\nprogram: {}\nwork: {{duration: {}s}}\n", quoted(name),
                     quoted(command), kGuessedDuration.value);
}

Result<void> fill_in_program(JobInput& input, const std::string& path) {
  constexpr Seconds kPatience{30};
  constexpr std::size_t kLongestDescription = std::size_t{16} << 20;
  BOURSE_TRY(const std::vector<std::string> command, program_of_job_file(input.text, path));
  if (command.empty()) return {};
  std::vector<std::string> asking = command;
  asking.emplace_back("--describe");
  BOURSE_TRY(const auto program, ChildProcess::start(asking));
  const auto graph = program->exchange("", kPatience, kLongestDescription);
  if (!graph)
    return fail(graph.error().code, fmt::format("{}: field 'program': {} --describe: {}", path,
                                                command.front(), graph.error().message));
  const Result<std::string> fields = job_fields_of_program(*graph, command);
  if (!fields)
    return fail(fields.error().code,
                fmt::format("{}: field 'program': {}", path, fields.error().message));
  input.text = with_program_fields(input.text, *fields);
  return {};
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
