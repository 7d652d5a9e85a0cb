// SPDX-License-Identifier: GPL-2.0-or-later, with the exception for OpenSSL in LICENSE
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

// The calls of libslurm that bourse needs. Each takes a request and returns the answer, both JSON
// objects as README.md lists them; all block until slurmctld answers, and any thread may make them.
namespace slurm_helper {

/// "22.05.8": for which Slurm it was built.
std::string library_version();

/// What slurmctld tells of its own accord; called from threads of libslurm.
struct Pushes {
  std::function<void(std::uint32_t job)> job_ended;
  std::function<void()> nodes_changed;
};
/// Reads slurm.conf and listens for slurmctld, once in a process. `host` is where slurmctld reaches
/// this machine. Returns what went wrong, or nothing.
std::string begin(const std::string& host, Pushes pushes);

/// Carries out the request of an object with the field "do".
nlohmann::json carry_out(const nlohmann::json& request);

/// States of all nodes as one text that changes when a node may be used or not any more; empty:
/// slurmctld does not answer. `count` becomes how many nodes there are.
std::string node_states(std::size_t& count);

}  // namespace slurm_helper
