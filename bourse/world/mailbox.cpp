#include "bourse/world/mailbox.h"

#include <sys/eventfd.h>

#include <cstdint>

#include "bourse/base/check.h"

namespace bourse {

Mailbox::Mailbox() : wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  BOURSE_CHECK(wake_.is_open());
}

void Mailbox::post(std::function<void()> call) {
  const std::scoped_lock lock(mutex_);
  calls_.push_back(std::move(call));
  if (calls_.size() > 1) return;
  const std::uint64_t one = 1;
  BOURSE_CHECK(write(wake_.number(), &one, sizeof one) == sizeof one);
}

std::vector<std::function<void()>> Mailbox::take() {
  const std::scoped_lock lock(mutex_);
  std::uint64_t count = 0;
  // Nothing to read means nothing was posted since the last time.
  (void)!read(wake_.number(), &count, sizeof count);
  return std::exchange(calls_, {});
}

}  // namespace bourse
