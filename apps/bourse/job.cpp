#include <CLI/CLI.hpp>
#include <memory>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"

namespace bourse {

void add_job(CLI::App& app, int& status) {
  struct Options {
    DaemonOptions daemon;
    std::uint64_t number = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const command = app.add_subcommand("job", "Show all about a job, or check a job file");
  add_job_number(*command, options->number);
  add_daemon_options(*command, options->daemon);
  add_job_validate(*command, status);
  add_examples(*command,
               {"bourse job 17", "bourse job 17 --format json", "bourse job validate job.yaml"});
  command->callback([options, command, &status] {
    if (!command->get_subcommands().empty()) return;
    status = options->number > 0
                 ? run_job(options->daemon, options->number)
                 : usage_error({ErrorCode::invalid_argument,
                                "job: say the number of a job, or 'validate' and a job file"});
  });
}

}  // namespace bourse
