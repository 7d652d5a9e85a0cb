#include "bourse/engine/agent.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <memory>

#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/warden.h"
#include "bourse/engine/launch_file.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

/// Its standard error is a file beside the launch file.
void log_line(World& world, std::string_view sentence) {
  fmt::print(stderr, "{:.3f} {}\n", world.clock.unix_time().value, sentence);
}

Result<LaunchFile> read_launch(Files& files, const std::string& directory) {
  const std::string path = launch_path(directory);
  BOURSE_TRY(const std::string text, files.read(path));
  return parse_launch_file(text, path);
}

int run_agent(const std::string& directory) {
  const Result<Warded> side = watch_over();
  if (!side) return failure(side.error());
  if (side->is_warden) return side->status;

  RealWorld real;
  World& world = real.world();
  Result<LaunchFile> launch = read_launch(world.files, directory);
  if (!launch) return failure(launch.error());
  Agent agent(world, {.launch = *std::move(launch),
                      .warden = side->warden,
                      .on_done = [&real] { real.stop(); },
                      .log = [&world](std::string_view sentence) { log_line(world, sentence); }});
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    real.on_signal(signal, [&agent] { agent.terminate(); });
  agent.start();
  real.run();
  return kExitOk;
}

}  // namespace

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
  command->callback([directory, &status] { status = run_agent(*directory); });
}

}  // namespace bourse
