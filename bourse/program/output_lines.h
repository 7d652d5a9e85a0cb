#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bourse::program {

/// Cuts the output of a process into lines, and keeps the last of them.
class OutputLines {
 public:
  using OnLine = std::function<void(std::string_view line)>;
  explicit OutputLines(OnLine on_line) : on_line_(std::move(on_line)) {}

  /// Text in pieces of any size. A line of more than 64 KiB is passed on in parts.
  void add(std::string_view text);
  /// The process has ended: what it wrote without an end of line is a line too.
  void finish();
  [[nodiscard]] std::vector<std::string> last() const { return {last_.begin(), last_.end()}; }

 private:
  void emit(std::string_view line);

  OnLine on_line_;
  std::string begun_;
  std::deque<std::string> last_;
};

}  // namespace bourse::program
