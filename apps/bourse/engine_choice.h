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
  double share = 100;  ///< Per cent of the nodes.
  std::string agents;  ///< "host[:port]".
  std::string agent;   ///< Path of bourse-agent on the nodes.
  std::optional<Seconds> poll;
  std::optional<Seconds> time_limit;
};

/// Adds --engine and the options of each engine.
void add_engine_options(CLI::App& command, EngineChoice& choice);
/// Adds those of Slurm alone.
void add_slurm_options(CLI::App& command, EngineChoice& choice);

/// How a choice and this process's environment have Slurm's commands run.
[[nodiscard]] SlurmCommandOptions slurm_command_options(const EngineChoice& choice);

/// Asks Slurm for its nodes, and waits for the answer.
[[nodiscard]] Result<std::vector<SlurmNode>> wait_for_nodes(RealWorld& real,
                                                            SlurmCommands& commands,
                                                            const SlurmShare& share);

/// Runs one command of Slurm, and waits for what it prints.
[[nodiscard]] Result<std::string> wait_for_answer(RealWorld& real, SlurmCommands& commands,
                                                  std::vector<std::string> command);

/// The engine, with its state in this directory. The loop runs while Slurm is asked for its nodes.
/// Errors: invalid_argument for options that do not fit; as LocalEngine::open, SlurmEngine::open
/// and discover_nodes.
[[nodiscard]] Result<std::unique_ptr<Engine>> open_engine(
    RealWorld& real, const EngineChoice& choice, const std::string& state_directory,
    std::function<void(std::string_view sentence)> log);

}  // namespace bourse
