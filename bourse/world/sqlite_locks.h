#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "bourse/world/simulated_disk.h"
#include "bourse/world/simulated_schedule.h"

namespace bourse {

class SqliteLockHolder;

/// What the connections to one simulated database share: who holds which lock, and the memory of
/// the index of its write-ahead log, which is gone when the last of them leaves.
struct SqliteShared {
  std::vector<SqliteLockHolder*> holders;
  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::vector<std::unique_ptr<std::byte[]>> old_memory;  ///< Of the dead, who may still look.
};

/// The locks of one connection to a simulated database. Those of a dead process count no more.
/// Source: the locks of SQLite, https://sqlite.org/lockingv3.html and walformat.html.
class SqliteLockHolder {
 public:
  SqliteLockHolder(SimulatedFile& file, Life life);
  ~SqliteLockHolder();
  SqliteLockHolder(const SqliteLockHolder&) = delete;
  SqliteLockHolder& operator=(const SqliteLockHolder&) = delete;

  /// Raises the lock of the database to SQLITE_LOCK_SHARED ... EXCLUSIVE; false if others are in
  /// the way.
  [[nodiscard]] bool lock(int level);
  void unlock(int level);
  [[nodiscard]] bool is_reserved() const;

  /// Locks of the write-ahead log, numbered slots.
  [[nodiscard]] bool lock_slots(int offset, int count, bool is_shared);
  void unlock_slots(int offset, int count);
  /// A region of the shared memory, zeros at first; null if there is none and none is made.
  [[nodiscard]] void* shared_memory(int region, int size, bool is_made);
  void leave_shared_memory();

 private:
  static constexpr std::size_t kSlots = 8;
  enum class Slot : std::uint8_t { free, shared, exclusive };

  /// The highest lock of a living other.
  [[nodiscard]] int highest_other() const;

  Life life_;
  /// Owned by all that have the database open.
  std::shared_ptr<SqliteShared> shared_;
  int level_ = 0;
  std::array<Slot, kSlots> slots_{};
  bool has_memory_ = false;
};

}  // namespace bourse
