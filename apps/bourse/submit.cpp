#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string_view>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/job_input.h"
#include "apps/bourse/job_wait.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/view_text.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

struct SubmitOptions {
  DaemonOptions daemon;
  std::string path;
  std::string program;
  bool is_dry_run = false;
  bool is_waiting = false;
};

/// The variables of this process, but for those that belong to it alone or are not UTF-8 lines.
std::map<std::string, std::string> own_environment() {
  constexpr std::string_view kOwn[] = {"_", "OLDPWD", "PWD", "SHLVL"};
  std::map<std::string, std::string> variables;
  for (char** each = environ; each != nullptr && *each != nullptr; ++each) {
    const std::string_view text(*each);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    const std::string_view name = text.substr(0, equals);
    const bool is_own = std::ranges::find(kOwn, name) != std::end(kOwn);
    if (!is_own && !name.starts_with("BOURSE_")) variables.emplace(name, text.substr(equals + 1));
  }
  return variables;
}

Result<JobInput> job_input_of(const SubmitOptions& options) {
  BOURSE_TRY(JobInput input, options.program.empty()
                                 ? read_job_input(options.path)
                                 : as_job_input(job_file_of_program(options.program)));
  BOURSE_TRY_VOID(fill_in_program(input, options.path));
  return input;
}

/// The request, and what was said about the file already.
Result<SubmitRequest> request_of(const SubmitOptions& options, std::vector<std::string>& said) {
  BOURSE_TRY(const JobInput input, job_input_of(options));
  BOURSE_TRY(const JobFile file, parse_job_file(input.text, options.path));
  said = warnings_about(file, input.directory);
  for (const std::string& warning : said) print_note(options.path + ": " + warning);
  return SubmitRequest{.file = input.text,
                       .name = options.path,
                       .directory = input.directory,
                       .environment = own_environment(),
                       .is_dry_run = options.is_dry_run};
}

std::string reply_text(const SubmitReply& reply) {
  if (reply.forecast) return forecast_text(*reply.forecast, unix_now());
  return fmt::format("job {} '{}': {}\n", reply.job->number, reply.job->name,
                     standing_text(*reply.job, unix_now()));
}

int run_submit(const SubmitOptions& options) {
  const Result<ServerAddress> address = server_address(options.daemon.server);
  if (!address) return usage_error(address.error());
  std::vector<std::string> said;
  const Result<SubmitRequest> request = request_of(options, said);
  if (!request) return failure(request.error());
  DaemonClient client(*address);
  const Result<std::string> answer = client.post("/v1/jobs", {}, to_json(*request));
  if (!answer) return failure(answer.error());
  const Result<SubmitReply> reply = submit_reply_from_json(*answer);
  if (!reply) return failure(reply.error());
  if (!reply->job && !reply->forecast)
    return failure({ErrorCode::data_corrupted, "the daemon answered with no job"});
  for (const std::string& warning : reply->warnings)
    if (std::ranges::find(said, warning) == said.end()) print_note(options.path + ": " + warning);
  const bool is_json = options.daemon.format == OutputFormat::json;
  if (options.is_waiting && reply->job) {
    if (!is_json && print(reply_text(*reply)) != kExitOk) return kExitFailure;
    return wait_for_job(*address, *reply->job, options.daemon.format);
  }
  return print(is_json ? indented(*answer) : reply_text(*reply));
}

}  // namespace

void add_submit(CLI::App& app, int& status) {
  const auto options = std::make_shared<SubmitOptions>();
  CLI::App* const command = app.add_subcommand("submit", "Submit a job to the daemon");
  CLI::Option* const file =
      command->add_option("FILE", options->path, "The job file; - reads standard input");
  CLI::Option* const program =
      command
          ->add_option("--program", options->program,
                       "In place of a file: a program of bourse::program, with arguments; what it "
                       "needs it says itself, and it is taken to run for an hour")
          ->type_name("COMMAND");
  program->excludes(file);
  command->add_flag("--dry-run", options->is_dry_run,
                    "Submit nothing; say when the job would start and end, and at what price");
  command->add_flag("--wait", options->is_waiting,
                    "Wait until the job has ended; exit code 1 unless it finished");
  add_daemon_options(*command, options->daemon);
  add_examples(*command, {"bourse submit job.yaml", "bourse submit job.yaml --dry-run",
                          "bourse submit job.yaml --wait",
                          "bourse submit --program './trainer --rounds 10'"});
  command->callback([options, file, program, &status] {
    if (file->count() + program->count() == 0) throw CLI::RequiredError("FILE or --program");
    if (program->count() > 0) options->path = "program";
    status = run_submit(*options);
  });
}

}  // namespace bourse
