#include "bourse/world/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <map>
#include <memory>

#include "bourse/base/text.h"
#include "bourse/world/descriptor.h"

namespace bourse {
namespace {

std::optional<std::string> read_proc(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return std::nullopt;
  std::string text;
  std::array<char, 4096> piece;
  while (true) {
    const ssize_t count = read(file.number(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::nullopt;
    if (count == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(count));
  }
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ProcessRow> parse_process_stat(std::string_view text) {
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> fields = split(trim(text.substr(close + 1)), ' ');
  // Fields are numbered from 1 in proc(5); the first after the name is 3.
  constexpr std::size_t kState = 3 - 3;
  constexpr std::size_t kParent = 4 - 3;
  constexpr std::size_t kThreads = 20 - 3;
  constexpr std::size_t kStarted = 22 - 3;
  if (fields.size() <= kStarted) return std::nullopt;
  const auto pid = number_of<std::int32_t>(trim(text.substr(0, open)));
  const auto parent = number_of<std::int32_t>(fields[kParent]);
  const auto threads = number_of<std::int64_t>(fields[kThreads]);
  const auto started = number_of<std::uint64_t>(fields[kStarted]);
  if (!pid || !parent || !threads || !started) return std::nullopt;
  // A process whose first thread has returned is a "zombie" while its other threads go on.
  const bool has_ended = fields[kState] == "Z" || fields[kState] == "X";
  return ProcessRow{.id = {.pid = *pid, .started = *started},
                    .parent = *parent,
                    .is_alive = !has_ended || *threads > 1};
}

std::optional<ProcessRow> process_row(std::int32_t pid) {
  const auto text = read_proc(fmt::format("/proc/{}/stat", pid));
  return text ? parse_process_stat(*text) : std::nullopt;
}

std::vector<ProcessRow> all_processes() {
  std::vector<ProcessRow> rows;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc"), closedir);
  if (!directory) return rows;
  while (const dirent* entry = readdir(directory.get())) {
    const auto pid = number_of<std::int32_t>(std::string_view(entry->d_name));
    if (!pid) continue;
    if (const auto row = process_row(*pid)) rows.push_back(*row);
  }
  std::ranges::sort(rows, {}, &ProcessRow::id);
  return rows;
}

std::vector<ProcessId> descendants_in(const std::vector<ProcessRow>& table,
                                      const std::vector<ProcessId>& roots) {
  std::multimap<std::int32_t, const ProcessRow*> children;
  std::map<std::int32_t, std::uint64_t> started;
  for (const ProcessRow& row : table) {
    children.emplace(row.parent, &row);
    started.emplace(row.id.pid, row.id.started);
  }
  std::vector<ProcessId> level;
  for (const ProcessId& root : roots) {
    const auto entry = started.find(root.pid);
    if (entry != started.end() && entry->second == root.started) level.push_back(root);
  }
  std::vector<ProcessId> found;
  while (!level.empty()) {
    std::vector<ProcessId> next;
    for (const ProcessId& parent : level) {
      const auto [first, last] = children.equal_range(parent.pid);
      for (auto child = first; child != last; ++child)
        if (child->second->is_alive) next.push_back(child->second->id);
    }
    std::ranges::sort(next);
    found.insert(found.end(), next.begin(), next.end());
    level = std::move(next);
  }
  return found;
}

std::vector<ProcessId> trees_in(const std::vector<ProcessRow>& table,
                                std::vector<ProcessId> roots) {
  const std::vector<ProcessId> below = descendants_in(table, roots);
  roots.insert(roots.end(), below.begin(), below.end());
  std::ranges::sort(roots);
  const auto repeated = std::ranges::unique(roots);
  roots.erase(repeated.begin(), repeated.end());
  return roots;
}

bool has_variable(std::int32_t pid, std::string_view variable) {
  struct stat status{};
  const std::string directory = fmt::format("/proc/{}", pid);
  if (stat(directory.c_str(), &status) != 0 || status.st_uid != geteuid()) return false;
  const auto text = read_proc(directory + "/environ");
  if (!text) return false;
  const std::vector<std::string_view> variables = split(*text, '\0');
  return std::ranges::find(variables, variable) != variables.end();
}

}  // namespace bourse
