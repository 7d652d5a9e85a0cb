#include "bourse/world/process_children.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>

#include "bourse/world/process_table.h"

namespace bourse {
namespace {

/// Numbers of the children of all threads of a process; empty if the kernel does not tell.
std::optional<std::vector<std::int32_t>> children_of(std::int32_t pid) {
  const std::string tasks = fmt::format("/proc/{}/task", pid);
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(tasks.c_str()), closedir);
  std::vector<std::int32_t> children;
  if (!directory) return children;  // It has ended.
  while (const dirent* entry = readdir(directory.get())) {
    if (entry->d_name[0] == '.') continue;
    const std::string path = fmt::format("{}/{}/children", tasks, entry->d_name);
    std::ifstream file(path);
    if (!file.is_open() && errno == ENOENT && process_row(pid)) return std::nullopt;
    for (std::int32_t child = 0; file >> child;) children.push_back(child);
  }
  return children;
}

}  // namespace

bool has_no_children() {
  siginfo_t info{};
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

std::optional<std::vector<ProcessId>> descendants_by_children(std::int32_t pid) {
  std::vector<ProcessId> found;
  std::vector<std::int32_t> level{pid};
  while (!level.empty()) {
    std::vector<ProcessId> next;
    std::vector<std::int32_t> below;
    for (const std::int32_t parent : level) {
      const auto children = children_of(parent);
      if (!children) return std::nullopt;
      for (const std::int32_t child : *children) {
        const std::optional<ProcessRow> row = process_row(child);
        if (!row || !row->is_alive) continue;
        next.push_back(row->id);
        below.push_back(child);
      }
    }
    std::ranges::sort(next);
    found.insert(found.end(), next.begin(), next.end());
    level = std::move(below);
  }
  return found;
}

}  // namespace bourse
