#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/engine/cell.h"
#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/service/job_file.h"
#include "bourse/service/store.h"

namespace bourse {

/// What the cells of one incarnation of a job are made from.
struct Incarnation {
  const StoredJob* job = nullptr;  ///< Its epoch and port are those of the incarnation.
  const JobFile* file = nullptr;
  const JobSpec* spec = nullptr;
  std::vector<StoredCell> cells;
  std::vector<std::string> hosts;  ///< Of each cell: where other machines reach it.
  std::string directory;           ///< Of the job; holds its logs, and checkpoints by default.
  Seconds lease{15};
};

/// The cells of an incarnation. Workers and servers are numbered over the cells in their order,
/// from 0; those of cells with parts have their ranks already. docs/job-file.md lists what their
/// environment says.
[[nodiscard]] std::vector<CellSpec> cells_of(const Incarnation& incarnation);

/// Where the checkpoints of a job are: as its file says, else a directory of the daemon's.
[[nodiscard]] std::string checkpoint_directory(const JobFile& file,
                                               const std::string& job_directory,
                                               const std::string& submitted_in);

/// Name of the log of a task: "worker-0.log".
[[nodiscard]] std::string log_name(const std::string& task);

}  // namespace bourse
