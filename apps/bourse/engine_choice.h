#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apps/bourse/cli_forward.h"
#include "bourse/engine/engine.h"
#include "bourse/engine/slurm_site.h"
#include "bourse/world/real_world.h"

namespace bourse {

/// What a person says about the machines of a daemon.
struct EngineChoice {
  std::string engine = "local";
  std::string machines;  ///< Of the local engine.
  SlurmAccess access;
  std::string nodes;
  std::string features;  ///< Of the nodes, separated by commas.
  double share = 100;    ///< Per cent of the nodes.
  std::string agents;    ///< "host[:port]".
  std::string agent;     ///< Path of bourse-agent on the nodes.
  std::string helper;    ///< Path of bourse-slurm-helper, or "none".
  std::optional<Seconds> poll;
  std::optional<Seconds> time_limit;
};

/// Adds --engine and the options of each engine.
void add_engine_options(CLI::App& command, EngineChoice& choice);
/// Adds those of Slurm alone.
void add_slurm_options(CLI::App& command, EngineChoice& choice);

/// The nodes of a choice.
[[nodiscard]] SlurmShare slurm_share(const EngineChoice& choice);

/// bourse-slurm-helper that a choice names, or that is beside this program; empty: none is.
/// Errors: invalid_argument if the one that is named is no program.
[[nodiscard]] Result<std::string> slurm_helper_of(const EngineChoice& choice);

/// How a choice and this process's environment have Slurm's commands run.
[[nodiscard]] SlurmCommandOptions slurm_command_options(const EngineChoice& choice);

/// Asks Slurm for its nodes, and waits for the answer.
[[nodiscard]] Result<std::vector<SlurmNode>> wait_for_nodes(RealWorld& real,
                                                            SlurmCommands& commands,
                                                            const SlurmShare& share);

/// Runs one command of Slurm, and waits for what it prints.
[[nodiscard]] Result<std::string> wait_for_answer(RealWorld& real, SlurmCommands& commands,
                                                  std::vector<std::string> command);

/// What the daemon does for its engine.
struct EngineCalls {
  std::function<void(std::string_view sentence)> log;
  /// There are new machines, which the engine has once it is opened anew; `names` is for people.
  std::function<void(const std::string& names)> on_new_machines;
};

/// The engine, with its state in this directory. The loop runs while Slurm is asked for its nodes.
/// Errors: invalid_argument for options that do not fit; as LocalEngine::open, SlurmEngine::open
/// and discover_nodes.
[[nodiscard]] Result<std::unique_ptr<Engine>> open_engine(RealWorld& real,
                                                          const EngineChoice& choice,
                                                          const std::string& state_directory,
                                                          EngineCalls calls);

}  // namespace bourse
