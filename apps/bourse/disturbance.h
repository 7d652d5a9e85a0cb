#pragma once

#include <optional>
#include <string>

#include "apps/bourse/cli_forward.h"
#include "apps/bourse/command_text.h"
#include "apps/bourse/runs.h"

namespace bourse {

/// What sets a run apart from the plain replay of its workload, as typed.
struct DisturbanceOptions {
  std::optional<Seconds> jitter;
  double belief_error = 0;
  std::string failures;  ///< File with outages; empty: none.
  std::optional<Seconds> mtbf;
  std::optional<Seconds> repair;
  std::optional<Seconds> checkpoint_every;
};

/// Adds --jitter, whose default is told as `jitter_default`, --belief-error, --failures, --mtbf,
/// --repair and --checkpoint-every.
void add_disturbance_options(CLI::App& app, DisturbanceOptions& options,
                             const std::string& jitter_default);

/// Errors: invalid_argument for options that do not go together.
[[nodiscard]] Result<void> check_disturbance(const DisturbanceOptions& options);

/// How machines fail in runs of this instance. Errors: those of the file; invalid_argument if there
/// would be too many outages.
[[nodiscard]] Result<FailureModel> failures_of(const DisturbanceOptions& options,
                                               const Instance& instance);

/// Adds --jitter and --belief-error; the second, called after --restart-cost, the rest.
void add_noise_to(CommandText& command, const DisturbanceOptions& options);
void add_failures_to(CommandText& command, const DisturbanceOptions& options);

}  // namespace bourse
