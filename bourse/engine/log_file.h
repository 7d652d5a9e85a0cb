#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/world/files.h"

namespace bourse {

/// A log that begins anew when it is full. The full one is kept as "<path>.1", in place of the one
/// kept before; so both together hold the last `size` to twice `size` bytes.
class LogFile {
 public:
  /// Goes on with the file if there is one. Requires size > 0.
  LogFile(Files& files, std::string path, std::uint64_t size);

  /// Makes the directory of the file. Errors: as Files.
  [[nodiscard]] Result<void> open();
  /// Errors: as Files; the bytes are lost then.
  [[nodiscard]] Result<void> append(std::string_view bytes);

 private:
  Files& files_;
  std::string path_;
  std::uint64_t size_;
  std::uint64_t used_ = 0;
};

}  // namespace bourse
