#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse {

/// A job that `job_submit.lua` held for bourse: its options are those of one worker, its comment
/// says how many.
struct HeldJob {
  std::uint64_t id = 0;
  std::string name;
  std::string directory;  ///< Where it was submitted.
  std::string reason;     ///< Why Slurm does not start it.
  std::int64_t cpus = 1;
  std::string memory;      ///< "8G", as sbatch took it; of each node.
  std::string gres;        ///< "gres:gpu:2"; of each node.
  std::string time_limit;  ///< "2:00:00".
  std::string comment;     ///< "workers=1..4 servers=1".
};
inline constexpr std::string_view kHeldJobFormat = "%A|%r|%C|%m|%b|%l|%Z|%k|%j";

/// Jobs of squeue's output that are held; others are left out.
[[nodiscard]] std::vector<HeldJob> parse_held_jobs(std::string_view text);

/// The job file (JSON) of a held job whose script is at this path. Errors: invalid_argument, what
/// in its options cannot be meant.
[[nodiscard]] Result<std::string> job_file_of(const HeldJob& job, const std::string& script);

}  // namespace bourse
