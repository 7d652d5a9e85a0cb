#include <CLI/CLI.hpp>

#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"

namespace bourse {

void add_job(CLI::App& app, int& status) {
  CLI::App* const command = app.add_subcommand("job", "Check a job file");
  command->require_subcommand(1);
  add_job_validate(*command, status);
  add_examples(*command, {"bourse job validate job.yaml"});
}

}  // namespace bourse
