#include "bourse/world/signal_watch.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// Where the handler writes, by signal, plus 1; 0 where nobody watches. A handler can reach nothing
/// that is not global.
std::atomic<int>& descriptor_of(int signal) {
  static std::array<std::atomic<int>, NSIG> descriptors{};
  return descriptors[static_cast<std::size_t>(signal)];
}

void note_signal(int signal) {
  const int before = errno;
  const std::uint64_t one = 1;
  const int number = descriptor_of(signal);
  if (number > 0) (void)!write(number - 1, &one, sizeof one);
  errno = before;
}

}  // namespace

SignalWatch::SignalWatch(EventLoop& loop, int signal, std::function<void()> callback)
    : loop_(loop), signal_(signal), arrived_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  BOURSE_CHECK(arrived_.is_open());
  BOURSE_CHECK(signal > 0);
  BOURSE_CHECK(signal < NSIG);
  BOURSE_CHECK(descriptor_of(signal) == 0);
  descriptor_of(signal) = arrived_.number() + 1;
  watch_ = loop_.watch(arrived_.number(), EPOLLIN,
                       [this, callback = std::move(callback)](std::uint32_t) {
                         std::uint64_t count = 0;
                         (void)!read(arrived_.number(), &count, sizeof count);
                         callback();
                       });
  struct sigaction action{};
  action.sa_handler = note_signal;
  action.sa_flags = SA_RESTART;
  sigfillset(&action.sa_mask);
  BOURSE_CHECK(sigaction(signal_, &action, &before_) == 0);
}

SignalWatch::~SignalWatch() {
  sigaction(signal_, &before_, nullptr);
  descriptor_of(signal_) = 0;
  loop_.unwatch(watch_);
}

}  // namespace bourse
