#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/engine/cell.h"

// What the commands of Slurm print in the formats that we ask for. Their JSON is not used: it
// changes with every release, while these columns have not for ten years.
namespace bourse {

/// A batch job, as `squeue -h -o kSlurmJobFormat` lists it.
struct SlurmJob {
  std::uint64_t id = 0;
  std::string state;            ///< "PENDING", "RUNNING", "NODE_FAIL", ...
  std::string reason;           ///< Why it waits; "None".
  std::string node;             ///< Empty while it waits.
  std::optional<Seconds> left;  ///< Of its time limit; nothing: it has none.
  std::string name;
};
inline constexpr std::string_view kSlurmJobFormat = "%A|%T|%r|%N|%L|%j";

/// Jobs of squeue's output. Lines that are none are left out: names of other jobs may hold
/// anything. Errors: data_corrupted if the last line is cut off.
[[nodiscard]] Result<std::vector<SlurmJob>> parse_slurm_jobs(std::string_view text);

/// Does it hold, or wait for, resources? False: none of its processes is left, unless its node was
/// lost.
[[nodiscard]] bool is_live(const SlurmJob& job);

/// "50:00", "1:00:00", "2-03:00:00", "INVALID" (over already: 0), "UNLIMITED" (nothing).
[[nodiscard]] Result<std::optional<Seconds>> parse_slurm_time(std::string_view text);

/// A node, as `sinfo -h -N -O kSlurmNodeFormat` lists it.
struct SlurmNode {
  std::string name;
  std::vector<std::string> states;  ///< "idle", "mixed", "drain", "not_responding", ...
  std::int64_t cpus = 0;
  std::int64_t cpus_allocated = 0;
  std::int64_t memory_mib = 0;
  std::int64_t memory_allocated_mib = 0;
  std::map<std::string, std::int64_t> gres;       ///< "gpu" -> 4; all types of it together.
  std::map<std::string, std::int64_t> gres_used;  ///< Likewise.
  std::vector<std::string> features;
  std::string gpu_type;  ///< "a100" of "gpu:a100:4"; empty: none was named.
  std::string address;
  std::string reason;  ///< Of an operator or of Slurm, for its state; may be empty.

  /// Why nothing may start there, for people: "drained: a fan is broken"; empty: it may.
  [[nodiscard]] std::string trouble() const;
  /// slurmctld has not heard of it since it started, so nothing is known.
  [[nodiscard]] bool is_unknown() const;
};
inline constexpr std::string_view kSlurmNodeFormat =
    "NodeList:|,StateComplete:|,CPUsState:|,Memory:|,AllocMem:|,Gres:|,GresUsed:|,Features:|,"
    "NodeAddr:|,Reason:|";

/// Nodes of sinfo's output, each once, in the order of their first lines.
/// Errors: data_corrupted, naming the line and the column.
[[nodiscard]] Result<std::vector<SlurmNode>> parse_slurm_nodes(std::string_view text);

/// "Key=value Key=value ..." of `scontrol -o show ...`. Values may hold blanks; of a key that comes
/// twice the first counts.
[[nodiscard]] std::map<std::string, std::string, std::less<>> parse_slurm_fields(
    std::string_view line);

/// "bourse-5f0c21a9-17-3-0": names a cell of the daemon with this key.
[[nodiscard]] std::string slurm_name(std::string_view key, CellId cell);
/// The cell of a name; nothing if it is not of this key.
[[nodiscard]] std::optional<CellId> parse_slurm_name(std::string_view key, std::string_view name);

/// What sbatch --parsable printed: "17" or "17;cluster". Errors: data_corrupted.
[[nodiscard]] Result<std::uint64_t> parse_slurm_submission(std::string_view text);

/// What a command of Slurm that failed said, as an error: one sentence; unavailable or
/// resource_exhausted if the same may succeed later, invalid_argument if it never will.
[[nodiscard]] Error slurm_error(std::string_view program, std::string_view said);

}  // namespace bourse
