#include <CLI/CLI.hpp>

#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"

namespace bourse {

void add_workload(CLI::App& app, int& status) {
  CLI::App* const group =
      app.add_subcommand("workload", "Check, describe, convert or generate a workload");
  group->require_subcommand(1);
  add_workload_check(*group, status);
  add_workload_describe(*group, status);
  add_workload_convert(*group, status);
  add_workload_generate(*group, status);
  add_examples(*group, {"bourse workload check trace.csv.gz --cluster 256x8",
                        "bourse workload generate --help"});
}

}  // namespace bourse
