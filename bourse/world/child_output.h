#pragma once

#include <functional>
#include <string_view>

#include "bourse/world/descriptor.h"
#include "bourse/world/event_loop.h"
#include "bourse/world/processes.h"

namespace bourse {

/// Our end of a pipe that a process writes to.
class ChildOutput {
 public:
  using Callback = std::function<void(OutputStream, std::string_view)>;

  /// `callback` stays where it is as long as this lives; null throws the output away.
  ChildOutput(EventLoop& loop, Descriptor end, OutputStream stream, const Callback& callback);
  ~ChildOutput();
  ChildOutput(const ChildOutput&) = delete;
  ChildOutput& operator=(const ChildOutput&) = delete;

  /// Passes on what is in the pipe now and no more, however fast others write to it.
  void drain();

 private:
  /// Passes on at most `limit` bytes; returns how many there were.
  std::size_t read_some(std::size_t limit);

  EventLoop& loop_;
  Descriptor end_;
  OutputStream stream_;
  const Callback& callback_;
  EventLoop::WatchId watch_ = 0;
  bool is_at_end_ = false;  ///< Every writer has closed it.
};

}  // namespace bourse
