#pragma once

namespace CLI {
class App;
}

namespace bourse {

/// Exit codes of the program; `bourse --help` documents them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  ///< Bad data, or the work failed.
inline constexpr int kExitUsage = 2;    ///< Bad command line.
inline constexpr int kExitInterrupted = 130;

// Each adds one subcommand with its options to `app`. When the command line names it, its work is
// done during App::parse, and the exit code goes to `status`, which outlives the app.

void add_simulate(CLI::App& app, int& status);    ///< bourse simulate
void add_policies(CLI::App& app, int& status);    ///< bourse policies
void add_version(CLI::App& app, int& status);     ///< bourse version
void add_completion(CLI::App& app, int& status);  ///< bourse completion; add it last

}  // namespace bourse
