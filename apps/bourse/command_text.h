#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bourse/base/quantity.h"

namespace bourse {

/// A command line put together again from what it was understood as: options in a fixed order,
/// defaults left out, words quoted for the shell where needed.
class CommandText {
 public:
  explicit CommandText(std::string command) : text_(std::move(command)) {}

  /// Adds "--name value".
  void add(std::string_view name, std::string_view value);
  /// Adds "--name value" if there is a value.
  void add(std::string_view name, const std::optional<Seconds>& value);
  /// Adds "--name value" unless it is the default.
  void add_number(std::string_view name, double value, double default_value);
  /// Adds "--name" if it is set.
  void add_flag(std::string_view name, bool is_set);

  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// The word as a POSIX shell reads it back: in single quotes if it holds anything special.
[[nodiscard]] std::string shell_quoted(std::string_view word);

}  // namespace bourse
