#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bourse/base/quantity.h"

namespace bourse {

/// A batch job to submit: one machine, never requeued by Slurm.
struct SlurmSubmission {
  std::string name;
  std::string node;
  std::int64_t cpus = 1;
  std::int64_t memory_mib = 1024;            ///< Never 0, which to Slurm means all of a node.
  std::map<std::string, std::int64_t> gres;  ///< "gpu" -> 2.
  Seconds time_limit{3600};
  std::string output_file;
  std::vector<std::string> command;      ///< Program and arguments of its script.
  std::vector<std::string> environment;  ///< "NAME=value", beside that of the commands.
  /// slurmctld tells the helper of its node and its end, which costs slurmctld a call of its own.
  bool is_told_of = false;
};

/// How jobs are submitted at a site; empty: as Slurm does by default.
struct SlurmAccess {
  std::string partition;
  std::string account;
  std::string qos;
  std::string reservation;
};

/// A time limit as Slurm counts it: whole minutes, at least one, not less than asked for.
[[nodiscard]] std::int64_t slurm_minutes(Seconds time);

/// The command that submits it, with `sbatch` in front.
[[nodiscard]] std::vector<std::string> submit_command(const SlurmSubmission& job,
                                                      const SlurmAccess& access);

/// The same as a request to bourse-slurm-helper; the job has this environment and its own.
[[nodiscard]] std::string submit_request(const SlurmSubmission& job, const SlurmAccess& access,
                                         const std::vector<std::string>& environment);

}  // namespace bourse
