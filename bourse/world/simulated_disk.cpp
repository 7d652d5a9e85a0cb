#include "bourse/world/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "bourse/world/system_error.h"

namespace bourse {
namespace {

constexpr std::uint64_t kSector = 512;  ///< Is written whole or not at all.

/// Writes over a string, which grows with zeros as a file does.
void overwrite(std::string& text, std::uint64_t offset, std::string_view bytes) {
  if (text.size() < offset + bytes.size()) text.resize(offset + bytes.size());
  text.replace(offset, bytes.size(), bytes);
}

void apply_to(std::string& text, const SimulatedFile::Change& change) {
  if (change.bytes)
    overwrite(text, change.offset, *change.bytes);
  else
    text.resize(change.offset);
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::string SimulatedDisk::normal(const std::string& path) {
  std::string text = std::filesystem::path("/" + path).lexically_normal().string();
  while (text.starts_with("//")) text.erase(0, 1);
  if (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

const SimulatedDisk::Node* SimulatedDisk::node_at(const std::string& normal_path) const {
  static const Node root{.is_directory = true, .file = nullptr};
  if (normal_path == "/") return &root;
  const auto entry = names_.find(normal_path);
  return entry == names_.end() ? nullptr : &entry->second;
}

int SimulatedDisk::parent_error(const std::string& normal_path) const {
  if (normal_path == "/") return 0;
  const std::string parent = folder_of(normal_path);
  const Node* const node = node_at(parent);
  if (!node) return parent_error(parent) != 0 ? parent_error(parent) : ENOENT;
  return node->is_directory ? 0 : ENOTDIR;
}

std::vector<std::string> SimulatedDisk::names_below(const std::string& normal_path) const {
  const std::string prefix = normal_path == "/" ? "/" : normal_path + "/";
  std::vector<std::string> found;
  for (auto entry = names_.lower_bound(prefix);
       entry != names_.end() && entry->first.starts_with(prefix); ++entry)
    found.push_back(entry->first);
  return found;
}

Result<SimulatedDisk::FilePointer> SimulatedDisk::find(const char* what,
                                                       const std::string& path) const {
  const std::string name = normal(path);
  const Node* const node = node_at(name);
  if (!node) {
    const int error = parent_error(name);
    return system_failure(what, path, error != 0 ? error : ENOENT);
  }
  if (node->is_directory) return system_failure(what, path, EISDIR);
  if (!node->file) return system_failure(what, path, ENXIO);
  return node->file;
}

Result<SimulatedDisk::FilePointer> SimulatedDisk::find_or_make(const char* what,
                                                               const std::string& path) {
  const std::string name = normal(path);
  if (node_at(name)) return find(what, path);
  if (const int error = parent_error(name); error != 0) return system_failure(what, path, error);
  auto file = std::make_shared<SimulatedFile>();
  BOURSE_TRY_VOID(
      change(what, path, 0, [&](double) { change_names({{name, Node{.file = file}}}); }));
  return file;
}

Result<void> SimulatedDisk::write_at(const std::string& path, SimulatedFile& file,
                                     std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t end = offset + bytes.size();
  const std::uint64_t growth = end > file.bytes.size() ? end - file.bytes.size() : 0;
  return change("write", path, growth, [&](double share) {
    const auto size = static_cast<std::size_t>(share * static_cast<double>(bytes.size()));
    put(file, offset, bytes.substr(0, size));
  });
}

void SimulatedDisk::put(SimulatedFile& file, std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t before = file.bytes.size();
  overwrite(file.bytes, offset, bytes);
  used_ += file.bytes.size() - before;
  file.unsynced.push_back({offset, std::string(bytes)});
}

Result<void> SimulatedDisk::truncate(const std::string& path, SimulatedFile& file,
                                     std::uint64_t size) {
  return change("truncate", path, 0, [&](double) {
    used_ = used_ - file.bytes.size() + size;
    file.bytes.resize(size);
    file.unsynced.push_back({size, std::nullopt});
  });
}

Result<void> SimulatedDisk::sync(const std::string& path, SimulatedFile& file) {
  return change("sync", path, 0, [&](double share) {
    if (share < 1) return;
    for (const SimulatedFile::Change& change : std::exchange(file.unsynced, {}))
      apply_to(file.synced, change);
    commit_names();
  });
}

Result<void> SimulatedDisk::replace(const std::string& path, std::string_view bytes) {
  const std::string name = normal(path);
  const Node* const old = node_at(name);
  if (old && old->is_directory) return system_failure("write", path, EISDIR);
  if (const int error = parent_error(name); error != 0) return system_failure("write", path, error);
  // The old file goes when the new one is there: both need their space for a moment.
  return change("write", path, bytes.size(), [&](double share) {
    if (share < 1) return;
    auto file = std::make_shared<SimulatedFile>();
    file->bytes = bytes;
    file->synced = bytes;
    used_ += bytes.size();
    change_names({{name, Node{.file = file}}});
    commit_names();
  });
}

Result<void> SimulatedDisk::rename(const std::string& from, const std::string& to) {
  const std::string source = normal(from);
  const std::string target = normal(to);
  const Node* const node = node_at(source);
  if (!node || source == "/") {
    const int error = parent_error(source);
    return system_failure("rename", from, error != 0 ? error : ENOENT);
  }
  if (const int error = parent_error(target); error != 0)
    return system_failure("rename", from, error);
  const Node* const old = node_at(target);
  if (old && old->is_directory != node->is_directory)
    return system_failure("rename", from, old->is_directory ? EISDIR : ENOTDIR);
  if (old && old->is_directory && !names_below(target).empty())
    return system_failure("rename", from, ENOTEMPTY);
  if (target.starts_with(source + "/")) return system_failure("rename", from, EINVAL);
  if (source == target) return {};
  return change("rename", from, 0, [&](double) {
    NameChange moves;
    for (const std::string& below : names_below(source)) {
      moves.emplace_back(target + below.substr(source.size()), names_.at(below));
      moves.emplace_back(below, std::nullopt);
    }
    moves.emplace_back(target, *node);
    moves.emplace_back(source, std::nullopt);
    change_names(std::move(moves));
  });
}

Result<void> SimulatedDisk::remove(const std::string& path) {
  const std::string name = normal(path);
  if (!node_at(name)) return {};
  return change("remove", path, 0, [&](double) {
    NameChange removals;
    for (const std::string& below : names_below(name)) removals.emplace_back(below, std::nullopt);
    removals.emplace_back(name, std::nullopt);
    change_names(std::move(removals));
  });
}

Result<void> SimulatedDisk::make_directories(const std::string& path) {
  const std::string name = normal(path);
  for (std::size_t end = 0; end != std::string::npos;) {
    end = name.find('/', end + 1);
    const std::string part = name.substr(0, end);
    const Node* const node = node_at(part);
    if (node && !node->is_directory) return system_failure("make directory", part, ENOTDIR);
    if (node) continue;
    BOURSE_TRY_VOID(change("make directory", part, 0, [&](double) {
      names_[part] = {.is_directory = true, .file = nullptr};
      durable_[part] = {.is_directory = true, .file = nullptr};
    }));
  }
  return {};
}

Result<std::vector<std::string>> SimulatedDisk::list(const std::string& path) const {
  const std::string name = normal(path);
  const Node* const node = node_at(name);
  if (!node) {
    const int error = parent_error(name);
    return system_failure("list", path, error != 0 ? error : ENOENT);
  }
  if (!node->is_directory) return system_failure("list", path, ENOTDIR);
  std::vector<std::string> found;
  for (const std::string& below : names_below(name))
    if (folder_of(below) == name) found.push_back(below.substr(below.rfind('/') + 1));
  std::ranges::sort(found);
  return found;
}

bool SimulatedDisk::exists(const std::string& path) const { return node_at(normal(path)); }

bool SimulatedDisk::is_directory(const std::string& path) const {
  const Node* const node = node_at(normal(path));
  return node && node->is_directory;
}

Result<void> SimulatedDisk::make_special(const std::string& path) {
  const std::string name = normal(path);
  if (node_at(name)) return system_failure("make", path, EEXIST);
  if (const int error = parent_error(name); error != 0) return system_failure("make", path, error);
  return change("make", path, 0, [&](double) { change_names({{name, Node{}}}); });
}

bool SimulatedDisk::is_special(const std::string& path) const {
  const Node* const node = node_at(normal(path));
  return node && !node->is_directory && !node->file;
}

void SimulatedDisk::apply(const NameChange& change, Names& names) {
  for (const auto& [name, node] : change)
    if (!node) names.erase(name);
  for (const auto& [name, node] : change)
    if (node) names[name] = *node;
}

void SimulatedDisk::change_names(NameChange change) {
  for (const auto& [name, node] : change) {
    const Node* const old = node_at(name);
    const bool is_moved = std::ranges::any_of(change, [&](const auto& other) {
      return old && old->file && other.second && other.second->file == old->file;
    });
    if (old && old->file && !is_moved) used_ -= old->file->bytes.size();
  }
  apply(change, names_);
  unsynced_.push_back(std::move(change));
}

void SimulatedDisk::commit_names() {
  for (const NameChange& change : std::exchange(unsynced_, {})) apply(change, durable_);
}

void SimulatedDisk::plan(DiskFaultPlan plan) {
  plan.change += changes_;
  plans_.push_back(std::move(plan));
}

DiskFault SimulatedDisk::next_fault() {
  if (fault_probability_ <= 0 || random_.uniform() >= fault_probability_) return DiskFault::none;
  constexpr DiskFault kFaults[] = {DiskFault::error, DiskFault::full, DiskFault::torn};
  return kFaults[random_.integer(0, 2)];
}

Result<void> SimulatedDisk::change(const char* what, const std::string& path, std::uint64_t growth,
                                   const std::function<void(double share)>& make) {
  ++changes_;
  DiskFault fault = next_fault();
  std::function<void()> then;
  const auto planned = std::ranges::find(plans_, changes_, &DiskFaultPlan::change);
  if (planned != plans_.end()) {
    fault = planned->fault;
    then = std::move(planned->then);
    plans_.erase(planned);
  }
  if (fault == DiskFault::none && (used_ > capacity_ || growth > capacity_ - used_))
    fault = growth > 0 ? DiskFault::full : DiskFault::none;
  if (fault == DiskFault::none || fault == DiskFault::crash_after) make(1);
  if (fault == DiskFault::none) return {};
  if (fault == DiskFault::torn) make(random_.uniform());
  const tl::unexpected<Error> failure =
      system_failure(what, path, fault == DiskFault::full ? ENOSPC : EIO);
  if (then) then();
  return failure;
}

void SimulatedDisk::crash() {
  // Names go to the disk in the order of their changes.
  const auto count =
      static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(unsynced_.size())));
  for (std::size_t i = 0; i < count; ++i) apply(unsynced_[i], durable_);
  unsynced_.clear();
  names_ = durable_;
  used_ = 0;
  for (auto& [name, node] : names_) {
    if (!node.file) continue;
    // Who has the file open still is dead and must not reach the disk by it.
    node.file = std::make_shared<SimulatedFile>(*node.file);
    node.file->sqlite.reset();
    forget_unsynced(*node.file);
    used_ += node.file->bytes.size();
  }
  durable_ = names_;
}

void SimulatedDisk::forget_unsynced(SimulatedFile& file) {
  for (SimulatedFile::Change& change : std::exchange(file.unsynced, {})) {
    const std::int64_t fate = random_.integer(0, 2);
    if (fate == 0) continue;
    const bool is_torn = fate == 1 && change.bytes;
    if (is_torn) {
      const auto sectors = static_cast<std::int64_t>(change.bytes->size() / kSector);
      change.bytes->resize(static_cast<std::size_t>(random_.integer(0, sectors)) * kSector);
    }
    if (!change.bytes || !change.bytes->empty()) apply_to(file.synced, change);
  }
  file.bytes = file.synced;
}

}  // namespace bourse
