#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// 32 hexadecimal digits that differ when the bytes do (XXH3, 128 bits). Against accidents, not
/// against forgery.
[[nodiscard]] std::string fingerprint(std::string_view bytes);

/// The same of a whole file, in bounded memory. Errors: not_found, unavailable.
[[nodiscard]] Result<std::string> file_fingerprint(const std::string& path);

/// Fingerprint of this very program: another build has another one.
[[nodiscard]] Result<std::string> program_fingerprint();

/// Puts facts together so that two different lists of facts never give the same text.
class KeyText {
 public:
  void add(std::string_view name, std::string_view value);
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace bourse
