#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/view_text.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

struct JobsOptions {
  DaemonOptions daemon;
  std::string state;
  std::string group;
  std::string user;
  std::uint64_t limit = 20;
  std::uint64_t before = 0;
};

int run_jobs(const JobsOptions& options) {
  DaemonClient::Query query{{"limit", fmt::format("{}", options.limit)}};
  if (!options.state.empty()) query.emplace_back("state", options.state);
  if (!options.group.empty()) query.emplace_back("group", options.group);
  if (!options.user.empty()) query.emplace_back("user", options.user);
  if (options.before > 0) query.emplace_back("before", fmt::format("{}", options.before));
  return ask_and_print(
      options.daemon, [&](DaemonClient& client) { return client.get("/v1/jobs", query); },
      [&](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const JobList list, job_list_from_json(json));
        if (list.next_before > 0)
          print_note(fmt::format("there are more; --before {} shows them", list.next_before));
        return jobs_text(list, unix_now());
      });
}

/// Adds a command about one job.
void add_about_job(CLI::App& app, int& status, const std::string& name, const std::string& help,
                   const std::function<int(const DaemonOptions&, std::uint64_t)>& run) {
  struct Options {
    DaemonOptions daemon;
    std::uint64_t number = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand(name, help);
  add_job_number(*command, options->number)->required();
  add_daemon_options(*command, options->daemon);
  add_examples(*command, {fmt::format("bourse {} 17", name)});
  command->callback([options, &status, run] { status = run(options->daemon, options->number); });
}

std::string path_of(std::uint64_t number) { return fmt::format("/v1/jobs/{}", number); }

int run_cancel(const DaemonOptions& options, std::uint64_t number) {
  return ask_and_print(
      options, [&](DaemonClient& client) { return client.remove(path_of(number)); },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const JobView job, job_view_from_json(json));
        return fmt::format("job {} '{}': {}\n", job.number, job.name,
                           standing_text(job, unix_now()));
      });
}

int run_explain(const DaemonOptions& options, std::uint64_t number) {
  Result<std::string> job = fail(ErrorCode::internal, "the daemon was not asked");
  return ask_and_print(
      options,
      [&](DaemonClient& client) {
        job = client.get(path_of(number));  // Where it runs, which a plan of what is to come omits.
        return client.get(path_of(number) + "/explanation");
      },
      [&](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const ExplanationView explanation, explanation_from_json(json));
        BOURSE_TRY(const std::string detail_json, std::move(job));
        BOURSE_TRY(const JobDetail detail, job_detail_from_json(detail_json));
        return explanation_text(explanation, detail.placement, unix_now());
      });
}

}  // namespace

void add_jobs(CLI::App& app, int& status) {
  const auto options = std::make_shared<JobsOptions>();
  CLI::App* const command = app.add_subcommand("jobs", "List the jobs of the daemon, newest first");
  command
      ->add_option("--state", options->state,
                   "Only jobs in these phases, separated by commas; 'live' stands for all that "
                   "have not ended (default: all)")
      ->type_name("STATE");
  command->add_option("--group", options->group, "Only jobs of this group")->type_name("GROUP");
  command->add_option("--user", options->user, "Only jobs that this user submitted")
      ->type_name("USER");
  add_whole(*command, "--limit", options->limit, 1, kMaxJobsListed,
            "At most so many jobs (default: 20)");
  add_whole(*command, "--before", options->before, 1, std::uint64_t{1} << 53,
            "Only jobs with smaller numbers");
  add_daemon_options(*command, options->daemon);
  add_examples(*command, {"bourse jobs", "bourse jobs --state live --group team-a",
                          "bourse jobs --state failed,declined --format json"});
  command->callback([options, &status] { status = run_jobs(*options); });
}

int run_job(const DaemonOptions& options, std::uint64_t number) {
  return ask_and_print(
      options, [&](DaemonClient& client) { return client.get(path_of(number)); },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const JobDetail detail, job_detail_from_json(json));
        return job_text(detail, unix_now());
      });
}

void add_cancel(CLI::App& app, int& status) {
  add_about_job(app, status, "cancel", "Cancel a job", run_cancel);
}

void add_explain(CLI::App& app, int& status) {
  add_about_job(app, status, "explain", "Say why a job gets what it gets, with the next best",
                run_explain);
}

}  // namespace bourse
