#include "bourse/program/buffer.h"

#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace bourse::program {
namespace {

constexpr std::align_val_t kAlignment{64};
/// Smaller blocks are the allocator's own business.
constexpr std::size_t kSmallestPooled = std::size_t{1} << 20;
/// A kept block serves requests that fill at least half of it.
constexpr std::size_t kLargestWaste = 2;

class Pool {
 public:
  void* take(std::size_t size, std::size_t* capacity) {
    *capacity = size;
    if (size >= kSmallestPooled) {
      const std::lock_guard lock(mutex_);
      const auto found = kept_.lower_bound(size);
      if (found != kept_.end() && found->first / kLargestWaste <= size) {
        *capacity = found->first;
        void* const block = found->second;
        held_ -= found->first;
        kept_.erase(found);
        return block;
      }
    }
    return ::operator new(size == 0 ? 1 : size, kAlignment);
  }

  void give(void* block, std::size_t capacity) {
    if (capacity >= kSmallestPooled) {
      const std::lock_guard lock(mutex_);
      if (held_ + capacity <= kPoolLimit) {
        held_ += capacity;
        kept_.emplace(capacity, block);
        return;
      }
    }
    ::operator delete(block, kAlignment);
  }

  std::size_t held() {
    const std::lock_guard lock(mutex_);
    return held_;
  }

 private:
  std::mutex mutex_;
  std::multimap<std::size_t, void*> kept_;  ///< By size. Guarded by mutex_, as is held_.
  std::size_t held_ = 0;
};

/// Never destroyed: buffers of static life give their blocks back after main().
Pool& pool() {
  static Pool* const only = new Pool;
  return *only;
}

/// Gives a block back when nobody has it any more.
struct ReturnToPool {
  void* block;
  std::size_t capacity;
  void operator()(const void*) const { pool().give(block, capacity); }
};

}  // namespace

Buffer Buffer::pooled(std::size_t size, std::byte** bytes) {
  std::size_t capacity = 0;
  void* const block = pool().take(size, &capacity);
  Buffer made;
  made.owner_ = std::shared_ptr<const void>(block, ReturnToPool{block, capacity});
  *bytes = static_cast<std::byte*>(block);
  made.data_ = *bytes;
  made.size_ = size;
  return made;
}

std::byte* Buffer::writable(long holders) const {
  const auto* const pooled = std::get_deleter<ReturnToPool>(owner_);
  if (pooled == nullptr || owner_.use_count() > holders) return nullptr;
  return static_cast<std::byte*>(pooled->block);
}

Buffer Buffer::copy_of(const void* data, std::size_t size) {
  return filled(size, [&](std::span<std::byte> bytes) {
    if (size > 0) std::memcpy(bytes.data(), data, size);
  });
}

Buffer Buffer::view(const void* data, std::size_t size, std::shared_ptr<const void> owner) {
  Buffer made;
  made.owner_ = std::move(owner);
  made.data_ = static_cast<const std::byte*>(data);
  made.size_ = size;
  return made;
}

std::size_t pooled_bytes() { return pool().held(); }

}  // namespace bourse::program
