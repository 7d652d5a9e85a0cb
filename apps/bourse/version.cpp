#include <CLI/CLI.hpp>

#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"

namespace bourse {

void add_version(CLI::App& app, int& status) {
  CLI::App* const command = app.add_subcommand("version", "Print the version");
  add_examples(*command, {"bourse version"});
  command->callback([&status] { status = print("bourse " BOURSE_VERSION "\n"); });
}

}  // namespace bourse
