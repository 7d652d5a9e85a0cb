#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/cell.h"
#include "bourse/model/allocation.h"
#include "bourse/service/store.h"

namespace bourse {

// A job that is resized in place has a cell for each task; its members are the cells that are not
// told to end.

[[nodiscard]] CellId id_of(const StoredCell& cell);
[[nodiscard]] TaskRole role_of(const StoredCell& member);
/// "worker-0": as its log and its events. A name is given again once its cell has ended.
[[nodiscard]] std::string task_name(const StoredCell& member);

/// The tasks of cells that are not told to end.
[[nodiscard]] Allocation allocation_of(const std::vector<StoredCell>& cells);

/// What an allocation asks of the members of a job.
struct MemberChange {
  std::vector<StoredCell> stay;   ///< With their ranks so far.
  std::vector<StoredCell> leave;  ///< Of a machine with too many tasks, those of largest rank.
  Allocation join;                ///< Tasks that are missing.
};
[[nodiscard]] MemberChange change_of(const std::vector<StoredCell>& members,
                                     const Allocation& wanted);

/// Cells for tasks that join, without tokens: ranks after those of the members, the smallest names
/// that no cell has, parts after `last_part`.
[[nodiscard]] std::vector<StoredCell> joining(const Allocation& join,
                                              const std::vector<StoredCell>& cells,
                                              std::uint32_t last_part);

/// Gives the members of each role the ranks from 0 on. A rank that is small enough is kept; the
/// others fill the gaps, in their order.
void give_ranks(std::vector<StoredCell>& members);

/// Where a member is: the index of its task among those of its role on its machine, and their
/// number.
struct LocalRank {
  int rank = 0;
  int size = 0;
};
[[nodiscard]] LocalRank local_rank_of(const StoredCell& member,
                                      const std::vector<StoredCell>& members);

/// What is the same for all members.
struct MembersFile {
  const StoredJob* job = nullptr;
  std::vector<StoredCell> members;
  std::vector<std::string> hosts;  ///< Of each member: where other machines reach it.
  int batch = 0;                   ///< Global; 0: none is known.
};
/// JSON (docs/job-file.md), by role and rank.
[[nodiscard]] std::string members_text(const MembersFile& file);

/// What a list of members says of itself.
struct ListedMembers {
  std::uint32_t generation = 0;
  std::size_t count = 0;
};
/// Nothing if the text is not what members_text made.
[[nodiscard]] std::optional<ListedMembers> listed_members(std::string_view text);

/// "members.json" in the directory of a job.
[[nodiscard]] std::string members_path(const std::string& job_directory);

/// Port on which a server listens, counted from MASTER_PORT.
[[nodiscard]] int server_port(const StoredJob& job, int server);

}  // namespace bourse
