#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// A program that reads lines on its standard input and answers lines on its standard output. Its
/// standard error is ours.
///
/// Between us and the program stands a supervisor process, to which all descendants of the program
/// fall that lose their parent. When this object goes, or our process dies in whatever way, the
/// supervisor kills every one of them. Several children may be started from several threads.
class ChildProcess {
 public:
  /// Starts `command`, a program with its arguments; found by PATH unless it has a slash.
  /// Errors: not_found or failed_precondition if it cannot be run; unavailable if the system has no
  /// process or descriptor left.
  static Result<std::unique_ptr<ChildProcess>> start(const std::vector<std::string>& command);

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  /// Closes its input, lets it end by itself for a moment, then kills what is left of it.
  ~ChildProcess();

  /// Writes `line` and reads the next line of the answer, without its end.
  /// Errors: unavailable if the program ended; deadline_exceeded if that takes more than `limit`;
  /// resource_exhausted if the answer is longer than `max_bytes`.
  Result<std::string> exchange(std::string_view line, Seconds limit, std::size_t max_bytes);
  /// Writes a line that needs no answer; what cannot be written at once is dropped.
  void tell(std::string_view line) const;

 private:
  ChildProcess() = default;
  [[nodiscard]] Error how_it_ended(std::string_view closed) const;

  pid_t supervisor_ = -1;
  int input_ = -1;    ///< Our end of its standard input.
  int output_ = -1;   ///< Our end of its standard output.
  int report_ = -1;   ///< The supervisor tells here how the program ended.
  int control_ = -1;  ///< While this is open, the supervisor lets the program live.
  std::string unread_;
};

}  // namespace bourse
