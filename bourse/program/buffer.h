#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace bourse::program {

/// A block of bytes that never changes once it is made, so that it is shared, not copied, between
/// threads and on its way to a socket. Blocks that are received or made here come from a pool: a
/// fresh block of 100 MB costs more in page faults than in copying.
class Buffer {
 public:
  Buffer() = default;

  /// Takes a vector over without a copy.
  template <class T>
    requires std::is_arithmetic_v<T>
  explicit Buffer(std::vector<T> values) {
    const auto kept = std::make_shared<std::vector<T>>(std::move(values));
    data_ = reinterpret_cast<const std::byte*>(kept->data());
    size_ = kept->size() * sizeof(T);
    owner_ = kept;
  }

  /// A block of `size` bytes that `fill(std::span<std::byte>)` writes; they are not zeroed before.
  template <class Fill>
  [[nodiscard]] static Buffer filled(std::size_t size, Fill&& fill) {
    std::byte* bytes = nullptr;
    Buffer made = pooled(size, &bytes);
    fill(std::span<std::byte>(bytes, size));
    return made;
  }
  [[nodiscard]] static Buffer copy_of(const void* data, std::size_t size);
  /// `size` bytes at `data`, which live as long as `owner` does; without one, as long as the caller
  /// of this makes them live.
  [[nodiscard]] static Buffer view(const void* data, std::size_t size,
                                   std::shared_ptr<const void> owner = nullptr);
  /// A block from the pool; `*bytes` is to be written before anybody else sees the buffer.
  [[nodiscard]] static Buffer pooled(std::size_t size, std::byte** bytes);

  /// Where its bytes may be written, if it came from the pool and nobody but `holders` copies of
  /// this buffer knows of it; null else.
  [[nodiscard]] std::byte* writable(long holders) const;

  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// False for a view that keeps nothing alive.
  [[nodiscard]] bool is_owned() const { return owner_ != nullptr || size_ == 0; }

  /// The bytes as numbers. Bytes past the last whole number are left out.
  template <class T>
    requires std::is_arithmetic_v<T>
  [[nodiscard]] std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
  }

 private:
  std::shared_ptr<const void> owner_;  ///< Owned by all copies; each keeps the block alive.
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Asks the system for huge pages, where it has them, under a large block that nobody has written
/// yet: one page fault in place of 512, and fewer look-ups of addresses. Blocks of the pool of 8 MB
/// and more have them. Smaller blocks, and systems without, stay as they are.
void use_huge_pages(void* data, std::size_t size);

/// Bytes that the pool of blocks keeps for later, at most kPoolLimit.
[[nodiscard]] std::size_t pooled_bytes();

/// Bytes that the pool keeps at most.
inline constexpr std::size_t kPoolLimit = std::size_t{512} << 20;

}  // namespace bourse::program
