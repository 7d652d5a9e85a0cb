#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "bourse/world/descriptor.h"

namespace bourse {

/// Calls that other threads ask the loop for. Any thread may post.
class Mailbox {
 public:
  Mailbox();
  void post(std::function<void()> call);
  /// Everything posted since the last time, in order.
  [[nodiscard]] std::vector<std::function<void()>> take();
  /// Readable while something is there to take.
  [[nodiscard]] int descriptor() const { return wake_.number(); }

 private:
  Descriptor wake_;
  std::mutex mutex_;
  std::vector<std::function<void()>> calls_;  ///< Guarded by mutex_.
};

}  // namespace bourse
