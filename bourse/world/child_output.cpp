#include "bourse/world/child_output.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace bourse {
namespace {

constexpr std::size_t kPiece = 64 << 10;

}  // namespace

ChildOutput::ChildOutput(EventLoop& loop, Descriptor end, OutputStream stream,
                         const Callback& callback)
    : loop_(loop), end_(std::move(end)), stream_(stream), callback_(callback) {
  watch_ = loop_.watch(end_.number(), EPOLLIN, [this](std::uint32_t) {
    read_some(kPiece);
    if (is_at_end_) loop_.unwatch(watch_);
  });
}

ChildOutput::~ChildOutput() { loop_.unwatch(watch_); }

void ChildOutput::drain() {
  int available = 0;
  if (ioctl(end_.number(), FIONREAD, &available) != 0) return;
  auto left = static_cast<std::size_t>(std::max(available, 0));
  while (left > 0) {
    const std::size_t count = read_some(left);
    if (count == 0) return;
    left -= count;
  }
}

std::size_t ChildOutput::read_some(std::size_t limit) {
  std::array<char, kPiece> piece;
  while (true) {
    const ssize_t count = read(end_.number(), piece.data(), std::min(limit, piece.size()));
    if (count < 0 && errno == EINTR) continue;
    is_at_end_ = count == 0;
    if (count <= 0) return 0;
    const auto size = static_cast<std::size_t>(count);
    if (callback_) callback_(stream_, {piece.data(), size});
    return size;
  }
}

}  // namespace bourse
