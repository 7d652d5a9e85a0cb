#pragma once

#include <cstdint>
#include <string>

namespace bourse {

/// Random bits for tokens and names: the kernel's, or a seed's in a simulated world.
/// Decisions do not use it; their draws have addresses (base/random.h).
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  [[nodiscard]] virtual std::uint64_t bits() = 0;

  /// 32 hexadecimal digits, not to be guessed.
  [[nodiscard]] std::string token();
};

}  // namespace bourse
