#include "bourse/world/sqlite_locks.h"

#include <sqlite3.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace bourse {
namespace {

// Levels that sqlite3.h names for VFS writers.
constexpr int kShared = SQLITE_LOCK_SHARED;
constexpr int kReserved = SQLITE_LOCK_RESERVED;
constexpr int kPending = SQLITE_LOCK_PENDING;
constexpr int kExclusive = SQLITE_LOCK_EXCLUSIVE;

}  // namespace

SqliteLockHolder::SqliteLockHolder(SimulatedFile& file, Life life) : life_(std::move(life)) {
  shared_ = file.sqlite.lock();
  if (!shared_) shared_ = std::make_shared<SqliteShared>();
  file.sqlite = shared_;
  shared_->holders.push_back(this);
}

SqliteLockHolder::~SqliteLockHolder() { std::erase(shared_->holders, this); }

int SqliteLockHolder::highest_other() const {
  int highest = 0;
  for (const SqliteLockHolder* other : shared_->holders)
    if (other != this && *other->life_) highest = std::max(highest, other->level_);
  return highest;
}

bool SqliteLockHolder::lock(int level) {
  if (level <= level_) return true;
  const int other = highest_other();
  if (level == kShared && other >= kPending) return false;
  if (level == kReserved && other >= kReserved) return false;
  if (level >= kPending && other >= kReserved) return false;
  if (level == kExclusive && other >= kShared) {
    level_ = kPending;  // no new readers from now on
    return false;
  }
  level_ = level;
  return true;
}

void SqliteLockHolder::unlock(int level) { level_ = std::min(level_, level); }

bool SqliteLockHolder::is_reserved() const {
  return level_ >= kReserved || highest_other() >= kReserved;
}

bool SqliteLockHolder::lock_slots(int offset, int count, bool is_shared) {
  const auto begin = static_cast<std::size_t>(offset);
  const auto end = begin + static_cast<std::size_t>(count);
  for (const SqliteLockHolder* other : shared_->holders) {
    if (other == this || !*other->life_) continue;
    for (std::size_t i = begin; i < end; ++i) {
      const bool is_in_the_way =
          is_shared ? other->slots_[i] == Slot::exclusive : other->slots_[i] != Slot::free;
      if (is_in_the_way) return false;
    }
  }
  std::fill(slots_.begin() + offset, slots_.begin() + offset + count,
            is_shared ? Slot::shared : Slot::exclusive);
  return true;
}

void SqliteLockHolder::unlock_slots(int offset, int count) {
  std::fill(slots_.begin() + offset, slots_.begin() + offset + count, Slot::free);
}

void* SqliteLockHolder::shared_memory(int region, int size, bool is_made) {
  // Of a database whose users have all died the index is made anew.
  const bool is_first = std::ranges::none_of(shared_->holders, [](const SqliteLockHolder* other) {
    return *other->life_ && other->has_memory_;
  });
  if (is_first) {
    std::ranges::move(shared_->memory, std::back_inserter(shared_->old_memory));
    shared_->memory.clear();
  }
  has_memory_ = true;
  const auto index = static_cast<std::size_t>(region);
  if (index >= shared_->memory.size() && !is_made) return nullptr;
  while (shared_->memory.size() <= index)
    shared_->memory.push_back(std::make_unique<std::byte[]>(static_cast<std::size_t>(size)));
  return shared_->memory[index].get();
}

void SqliteLockHolder::leave_shared_memory() {
  has_memory_ = false;
  slots_.fill(Slot::free);
}

}  // namespace bourse
