#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "apps/bourse/cli_forward.h"
#include "apps/bourse/daemon_client.h"
#include "apps/bourse/options.h"
#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// What all commands that ask a daemon have.
struct DaemonOptions {
  std::string server;
  OutputFormat format = OutputFormat::table;
};

/// Adds --server and --format.
void add_daemon_options(CLI::App& app, DaemonOptions& options);

/// The positional argument NUMBER of a job, from 1.
CLI::Option* add_job_number(CLI::App& app, std::uint64_t& target);

/// Asks the daemon that the options name and prints its JSON, or what `text` makes of it. Returns
/// the exit code.
[[nodiscard]] int ask_and_print(const DaemonOptions& options,
                                const std::function<Result<std::string>(DaemonClient&)>& ask,
                                const std::function<Result<std::string>(const std::string&)>& text);

/// `bourse job NUMBER`. Returns the exit code.
[[nodiscard]] int run_job(const DaemonOptions& options, std::uint64_t number);

/// JSON of the daemon as all commands print it: indented, with a line break.
[[nodiscard]] std::string indented(const std::string& json);

/// Now, since 1970-01-01 UTC.
[[nodiscard]] Seconds unix_now();

}  // namespace bourse
