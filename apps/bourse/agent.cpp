#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "apps/agent/run_agent.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"

namespace bourse {

void add_agent(CLI::App& app, int& status) {
  const auto directory = std::make_shared<std::string>();
  CLI::App* const command = app.add_subcommand(
      "agent", "Look after the tasks of one cell; started by the daemon, not by people");
  command
      ->add_option("--cell", *directory,
                   "Directory of the cell, in which the daemon wrote cell.json")
      ->required()
      ->type_name("DIR");
  command->footer(
      "The agent starts the tasks when the daemon says so and ends the last of their processes: "
      "when\n"
      "told to, when a task fails, when all are done, and when the daemon was not reached for the\n"
      "lease. It goes on while the daemon is restarted. Its own log is agent.log in the "
      "directory.\n"
      "\n"
      "Examples:\n"
      "  bourse agent --cell /var/lib/bourse/cells/17-3-0");
  command->callback([directory, &status] {
    const Result<int> ended = run_agent(*directory);
    status = ended ? *ended : failure(ended.error());
  });
}

}  // namespace bourse
