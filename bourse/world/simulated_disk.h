#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/random.h"

namespace bourse {

/// What happens to one change of a simulated disk.
enum class DiskFault : std::uint8_t {
  none,
  error,         ///< Nothing is changed; the device failed.
  full,          ///< Nothing is changed; there is no space.
  torn,          ///< A part of the bytes is written, then the device fails.
  crash_before,  ///< `then` is called, nothing is changed.
  crash_after,   ///< The change is made, then `then` is called; the caller is told of a failure.
};

/// A change that goes wrong.
struct DiskFaultPlan {
  std::uint64_t change = 1;  ///< Which, counted from the plan on; 1 is the next.
  DiskFault fault = DiskFault::error;
  std::function<void()> then;  ///< Kills or crashes who does it; of the two crashes.
};

struct SqliteShared;

/// Bytes of a file: as they are read, and what of them would be left by a crash.
struct SimulatedFile {
  /// A change since the last sync; without bytes the file was cut or lengthened to `offset`.
  struct Change {
    std::uint64_t offset = 0;
    std::optional<std::string> bytes;
  };
  std::string bytes;
  std::string synced;
  std::vector<Change> unsynced;
  std::weak_ptr<SqliteShared> sqlite;  ///< Of the databases of SQLite that are open.
};

/// Files in memory that forget at a crash what was not synced, as disks do: every write since the
/// last sync of its file is kept, lost or torn at a multiple of 512 bytes, each by itself; of the
/// changes of names since the last sync of anything, the last ones are lost. Directories are there
/// at once and for good. Paths are absolute; others start at "/".
class SimulatedDisk {
 public:
  /// Shared by names and by those who have the file open.
  using FilePointer = std::shared_ptr<SimulatedFile>;

  explicit SimulatedDisk(RandomStream random) : random_(random) {}

  /// Errors of all: as Files. `what` says for the message what was tried.
  [[nodiscard]] Result<FilePointer> find(const char* what, const std::string& path) const;
  [[nodiscard]] Result<FilePointer> find_or_make(const char* what, const std::string& path);
  [[nodiscard]] Result<void> write_at(const std::string& path, SimulatedFile& file,
                                      std::uint64_t offset, std::string_view bytes);
  [[nodiscard]] Result<void> truncate(const std::string& path, SimulatedFile& file,
                                      std::uint64_t size);
  /// The bytes of the file, and all names, survive a crash from now on.
  [[nodiscard]] Result<void> sync(const std::string& path, SimulatedFile& file);
  /// The whole file in one step that survives a crash.
  [[nodiscard]] Result<void> replace(const std::string& path, std::string_view bytes);
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to);
  [[nodiscard]] Result<void> remove(const std::string& path);
  [[nodiscard]] Result<void> make_directories(const std::string& path);
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) const;
  [[nodiscard]] bool exists(const std::string& path) const;
  [[nodiscard]] bool is_directory(const std::string& path) const;
  /// A socket or named pipe: a name without bytes. Errors: already_exists.
  [[nodiscard]] Result<void> make_special(const std::string& path);
  [[nodiscard]] bool is_special(const std::string& path) const;

  /// The machine loses power.
  void crash();

  void plan(DiskFaultPlan plan);
  void forget_plans() { plans_.clear(); }
  /// Every change fails with this probability, at random in one of the first three ways.
  void set_fault_probability(double probability) { fault_probability_ = probability; }
  /// Bytes that all files may have together; no limit at the start.
  void set_capacity(std::uint64_t size) { capacity_ = size; }
  [[nodiscard]] std::uint64_t used() const { return used_; }
  /// How many changes there were.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  struct Node {
    bool is_directory = false;
    FilePointer file;  ///< Null for directories, sockets and pipes.
  };
  using Names = std::map<std::string, Node>;
  /// Names to set or to take away, in one step.
  using NameChange = std::vector<std::pair<std::string, std::optional<Node>>>;

  [[nodiscard]] static std::string normal(const std::string& path);
  static void apply(const NameChange& change, Names& names);

  [[nodiscard]] const Node* node_at(const std::string& normal_path) const;
  /// errno that keeps a name from being made or looked for at this path; 0 for none.
  [[nodiscard]] int parent_error(const std::string& normal_path) const;
  [[nodiscard]] std::vector<std::string> names_below(const std::string& normal_path) const;
  [[nodiscard]] DiskFault next_fault();
  /// Counts a change and makes it unless it goes wrong; `make` gets the share of it to make.
  [[nodiscard]] Result<void> change(const char* what, const std::string& path, std::uint64_t growth,
                                    const std::function<void(double share)>& make);
  void change_names(NameChange change);
  void commit_names();
  void put(SimulatedFile& file, std::uint64_t offset, std::string_view bytes);
  void forget_unsynced(SimulatedFile& file);

  RandomStream random_;
  Names names_;
  Names durable_;                     ///< What a crash leaves.
  std::vector<NameChange> unsynced_;  ///< From durable_ to names_.
  std::vector<DiskFaultPlan> plans_;
  double fault_probability_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
  std::uint64_t used_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace bourse
