#pragma once

#include "apps/bourse/cli_forward.h"

namespace bourse {

/// Exit codes of the program; `bourse --help` documents them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  ///< Bad data, or the work failed.
inline constexpr int kExitUsage = 2;    ///< Bad command line.
inline constexpr int kExitInterrupted = 130;

// Each adds one subcommand with its options to `app`. When the command line names it, its work is
// done during App::parse, and the exit code goes to `status`, which outlives the app.

void add_simulate(CLI::App& app, int& status);    ///< bourse simulate
void add_compare(CLI::App& app, int& status);     ///< bourse compare
void add_workload(CLI::App& app, int& status);    ///< bourse workload, with its commands
void add_optimum(CLI::App& app, int& status);     ///< bourse optimum
void add_bound(CLI::App& app, int& status);       ///< bourse bound
void add_train(CLI::App& app, int& status);       ///< bourse train
void add_serve(CLI::App& app, int& status);       ///< bourse serve
void add_policies(CLI::App& app, int& status);    ///< bourse policies
void add_submit(CLI::App& app, int& status);      ///< bourse submit
void add_jobs(CLI::App& app, int& status);        ///< bourse jobs
void add_job(CLI::App& app, int& status);         ///< bourse job, with its commands
void add_logs(CLI::App& app, int& status);        ///< bourse logs
void add_cancel(CLI::App& app, int& status);      ///< bourse cancel
void add_explain(CLI::App& app, int& status);     ///< bourse explain
void add_prices(CLI::App& app, int& status);      ///< bourse prices
void add_machines(CLI::App& app, int& status);    ///< bourse machines
void add_drain(CLI::App& app, int& status);       ///< bourse drain
void add_undrain(CLI::App& app, int& status);     ///< bourse undrain
void add_token(CLI::App& app, int& status);       ///< bourse token, with its commands
void add_top(CLI::App& app, int& status);         ///< bourse top
void add_slurm(CLI::App& app, int& status);       ///< bourse slurm, with its commands
void add_agent(CLI::App& app, int& status);       ///< bourse agent
void add_version(CLI::App& app, int& status);     ///< bourse version
void add_completion(CLI::App& app, int& status);  ///< bourse completion; add it last

// Commands of `bourse workload`.

void add_workload_check(CLI::App& app, int& status);     ///< bourse workload check
void add_workload_describe(CLI::App& app, int& status);  ///< bourse workload describe
void add_workload_convert(CLI::App& app, int& status);   ///< bourse workload convert
void add_workload_generate(CLI::App& app, int& status);  ///< bourse workload generate

// Commands of `bourse job`.

void add_job_validate(CLI::App& app, int& status);  ///< bourse job validate

// Commands of `bourse slurm`.

void add_slurm_take(CLI::App& app, int& status);  ///< bourse slurm take

}  // namespace bourse
