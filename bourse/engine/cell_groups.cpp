#include "bourse/engine/cell_groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "bourse/base/text.h"

namespace bourse {

std::optional<std::string> own_cgroup(std::string_view mountinfo, std::string_view cgroup) {
  constexpr std::string_view kUnified = "0::";
  std::optional<std::string_view> path;
  for (const std::string_view line : split(cgroup, '\n'))
    if (line.starts_with(kUnified)) path = line.substr(kUnified.size());
  if (!path) return std::nullopt;
  constexpr std::size_t kMountPoint = 4;  // Fifth field of proc_pid_mountinfo(5).
  for (const std::string_view line : split(mountinfo, '\n')) {
    const std::vector<std::string_view> fields = split(line, ' ');
    const auto dash = std::ranges::find(fields, "-");
    if (dash == fields.end() || dash + 1 == fields.end() || *(dash + 1) != "cgroup2") continue;
    if (fields.size() <= kMountPoint) continue;
    return fmt::format("{}{}", fields[kMountPoint], *path == "/" ? "" : *path);
  }
  return std::nullopt;
}

Result<CellGroups> CellGroups::open(Files& files, const std::string& own, const std::string& name) {
  BOURSE_TRY(const std::string controllers, files.read(own + "/cgroup.controllers"));
  const std::vector<std::string_view> known = split(trim(controllers), ' ');
  if (std::ranges::find(known, "memory") == known.end())
    return fail(ErrorCode::failed_precondition,
                fmt::format("cgroup '{}' may not hand out memory", own));
  // Refused if there are processes in it beside its root: then somebody else has to make room.
  BOURSE_TRY_VOID(files.append(own + "/cgroup.subtree_control", "+memory"));
  const std::string directory = fmt::format("{}/{}", own, name);
  BOURSE_TRY_VOID(files.make_directories(directory));
  BOURSE_TRY_VOID(files.append(directory + "/cgroup.subtree_control", "+memory"));
  return CellGroups(files, directory);
}

Result<std::string> CellGroups::make(const std::string& cell, std::uint64_t memory) {
  const std::string directory = fmt::format("{}/{}", directory_, cell);
  BOURSE_TRY_VOID(files_->make_directories(directory));
  if (memory == 0) return directory;
  BOURSE_TRY_VOID(files_->append(directory + "/memory.max", fmt::format("{}", memory)));
  // A task that lost one of its processes is of no use: end all of them.
  BOURSE_TRY_VOID(files_->append(directory + "/memory.oom.group", "1"));
  return directory;
}

void CellGroups::kill(const std::string& directory) {
  const std::string file = directory + "/cgroup.kill";
  // What it leaves is found by its environment.
  if (files_->exists(file)) (void)files_->append(file, "1");
}

void CellGroups::remove(const std::string& directory) {
  // An empty cgroup that is left behind costs nothing.
  (void)files_->remove(directory);
}

}  // namespace bourse
