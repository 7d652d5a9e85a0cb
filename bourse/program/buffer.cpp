#include "bourse/program/buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

namespace bourse::program {
namespace {

constexpr std::size_t kAlignment = 64;
/// Of the system, where it has them.
constexpr std::size_t kHugePage = std::size_t{2} << 20;
/// Larger blocks are worth huge pages, as their sizes are rounded up by little.
constexpr std::size_t kSmallestHuge = 4 * kHugePage;
/// Smaller blocks are the allocator's own business.
constexpr std::size_t kSmallestPooled = std::size_t{1} << 20;
/// A kept block serves requests that fill at least half of it.
constexpr std::size_t kLargestWaste = 2;

std::align_val_t alignment_of(std::size_t capacity) {
  return std::align_val_t{capacity >= kSmallestHuge ? kHugePage : kAlignment};
}

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
    void* const block = ::operator new(size == 0 ? 1 : size, alignment_of(size));
    if (size >= kSmallestHuge) use_huge_pages(block, size);
    return block;
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
    ::operator delete(block, alignment_of(capacity));
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

void use_huge_pages(void* data, std::size_t size) {
  const std::size_t before = reinterpret_cast<std::uintptr_t>(data) % kHugePage;
  const std::size_t skipped = before == 0 ? 0 : kHugePage - before;
  if (size < skipped + kHugePage) return;
  // What the system does not take up changes nothing but speed.
  (void)madvise(static_cast<std::byte*>(data) + skipped, (size - skipped) / kHugePage * kHugePage,
                MADV_HUGEPAGE);
}

std::size_t pooled_bytes() { return pool().held(); }

}  // namespace bourse::program
