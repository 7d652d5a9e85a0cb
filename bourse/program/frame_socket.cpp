#include "bourse/program/frame_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bourse::program {
namespace {

constexpr std::size_t kReadSize = std::size_t{64} << 10;
/// What the system is asked to take of a unix socket before it says that it is full; it may allow
/// less. With the usual 200 KiB a sender of much waits so often that it takes twice as long.
constexpr int kUnixSendBuffer = 1 << 20;
/// With more in one read than this it is better to let them gather than to ask for the next at
/// once.
constexpr std::size_t kFewFrames = 2;
/// Parts of one sendmsg(); the system takes 1024.
constexpr std::size_t kMostParts = 512;
/// So much goes together, so that a more urgent frame waits for little.
constexpr std::size_t kGatherSize = std::size_t{256} << 10;
/// Smaller frames are copied together: that is less work than to list their parts.
constexpr std::size_t kAtOnce = 2048;

}  // namespace

FrameSocket::FrameSocket(Descriptor socket, FrameLimits limits, std::unique_ptr<TlsSession> tls)
    : socket_(std::move(socket)), tls_(std::move(tls)), parser_(limits), arrived_(kReadSize) {
  int domain = 0;
  socklen_t size = sizeof domain;
  if (getsockopt(socket_.number(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
    setsockopt(socket_.number(), SOL_SOCKET, SO_SNDBUF, &kUnixSendBuffer, sizeof kUnixSendBuffer);
}

/// Requires mutex_.
void FrameSocket::push(Frame frame, bool* is_sent) {
  auto outgoing = std::make_shared<Outgoing>();
  outgoing->prefix = frame_prefix(frame);
  const int priority = frame.header.priority;
  outgoing->frame = std::move(frame);
  outgoing->is_sent = is_sent;
  unsent_ += outgoing->size();
  outgoing_.emplace(Key{-priority, ++sends_}, std::move(outgoing));
}

bool FrameSocket::keep(Frame frame) {
  const std::lock_guard lock(mutex_);
  if (!is_broken_) push(std::move(frame), nullptr);
  return !is_broken_;
}

/// Sends a small frame in one piece, if nothing waits before it. False if it must wait after all.
/// Requires mutex_: it is short work.
bool FrameSocket::send_at_once(const Frame& frame) {
  if (is_flushing_ || unsent_ > 0 || tls_ || !frame.message.segments.empty() ||
      frame.message.head.size() > kAtOnce)
    return false;
  std::array<char, kAtOnce + 2048> bytes;
  const std::size_t prefix = prefix_size(frame);
  const std::size_t size = prefix + frame.message.head.size();
  if (size > bytes.size()) return false;
  write_prefix(frame, bytes.data());
  frame.message.head.copy(bytes.data() + prefix, frame.message.head.size());
  const ssize_t count = ::send(socket_.number(), bytes.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count == static_cast<ssize_t>(size)) return true;
  if (count <= 0) return false;  // the longer way finds out why
  auto rest = std::make_shared<Outgoing>();
  rest->prefix.assign(bytes.data() + count, size - static_cast<std::size_t>(count));
  unsent_ += rest->size();
  pieces_.push_back({.outgoing = rest, .end = rest->size()});
  return true;
}

bool FrameSocket::send(Frame frame, const WaitToSend* wait) {
  bool is_sent = false;
  std::unique_lock lock(mutex_);
  if (is_broken_) return false;
  if (send_at_once(frame)) return unsent_ == 0 || flush_locked(lock, nullptr, nullptr);
  push(std::move(frame), wait ? &is_sent : nullptr);
  if (!wait) return is_flushing_ || flush_locked(lock, nullptr, nullptr);
  while (!is_sent && !is_broken_) {
    if (is_flushing_)
      sent_.wait(lock);
    else
      flush_locked(lock, &is_sent, wait);
  }
  return is_sent;
}

bool FrameSocket::flush() {
  std::unique_lock lock(mutex_);
  if (is_broken_) return false;
  return is_flushing_ || flush_locked(lock, nullptr, nullptr);
}

/// Sends what is kept until nothing is left or the system takes no more; if somebody waits, until
/// `*until_sent`. Requires the lock, which is let go while the system works.
bool FrameSocket::flush_locked(std::unique_lock<std::mutex>& lock, const bool* until_sent,
                               const WaitToSend* wait) {
  is_flushing_ = true;
  std::vector<iovec> parts;
  bool is_blocked = false;
  while (!is_broken_ && unsent_locked() > 0) {
    parts.clear();
    if (tls_) {
      if (!encrypt()) break;
      parts.push_back({wire_.data() + wire_sent_, wire_.size() - wire_sent_});
    } else {
      gather(parts);
    }
    lock.unlock();
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const ssize_t count = sendmsg(socket_.number(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    const int error = count < 0 ? errno : 0;
    if (error == EAGAIN && until_sent && !*until_sent) (*wait)();
    lock.lock();
    if (count >= 0 && tls_) {
      wire_sent_ += static_cast<std::size_t>(count);
    } else if (count >= 0) {
      drop_sent(static_cast<std::size_t>(count));
    } else if (error == EAGAIN && (!until_sent || *until_sent)) {
      is_blocked = true;
      break;
    } else if (error != EAGAIN && error != EINTR) {
      is_broken_ = true;
      sent_.notify_all();
    }
  }
  is_flushing_ = false;
  sent_.notify_all();
  if (is_blocked && on_blocked_) {
    lock.unlock();
    on_blocked_();
    lock.lock();
  }
  return !is_broken_;
}

/// Has bytes in wire_ that have not gone out, if there is anything to send. False if nothing can be
/// sent for now, or ever. Requires mutex_.
bool FrameSocket::encrypt() {
  if (wire_sent_ < wire_.size()) return true;
  wire_.clear();
  wire_sent_ = 0;
  is_broken_ = is_broken_ || (!tls_->is_established() && !tls_->greet());
  if (!is_broken_ && tls_->is_established()) {
    std::vector<iovec> parts;
    gather(parts);
    std::size_t taken = 0;
    for (const iovec& part : parts) {
      const std::size_t size = std::min(part.iov_len, kGatherSize - taken);
      is_broken_ = is_broken_ || !tls_->put({static_cast<const char*>(part.iov_base), size});
      taken += size;
      if (taken == kGatherSize) break;
    }
    drop_sent(taken);
  }
  tls_->take_output(wire_);
  return !is_broken_ && !wire_.empty();
}

/// What has arrived by TLS. False once that is broken.
bool FrameSocket::decrypt(std::string_view wire, std::vector<Frame>& frames) {
  std::string plain;
  bool is_fine = true;
  {
    std::unique_lock lock(mutex_);
    const bool was_established = tls_->is_established();
    is_fine = tls_->take(wire, plain);
    if (!was_established || !is_fine) {
      tls_->take_output(wire_);  // our part of the greeting, or why we give up
      if (!is_flushing_) flush_locked(lock, nullptr, nullptr);
    }
    if (!is_fine) why_ = tls_->why();
  }
  parser_.feed(plain, frames);
  return is_fine;
}

/// Lists the bytes that go out next. Requires mutex_.
void FrameSocket::gather(std::vector<iovec>& parts) {
  std::size_t size = 0;
  for (const Piece& piece : pieces_) {
    add_parts(piece, parts);
    size += piece.size() - piece.sent;
  }
  while (size < kGatherSize && parts.size() < kMostParts && take_piece()) {
    add_parts(pieces_.back(), parts);
    size += pieces_.back().size();
  }
  if (parts.size() > kMostParts) parts.resize(kMostParts);
}

/// Adds to pieces_ the first block of the most urgent frame, or the next of the one that has begun
/// if nothing is more urgent. False if there is nothing. Requires mutex_.
bool FrameSocket::take_piece() {
  Piece piece{.outgoing = begun_.empty() ? nullptr : begun_.back()};
  const bool has_begun = piece.outgoing != nullptr;
  const auto next = outgoing_.begin();
  if (next != outgoing_.end() &&
      (!has_begun || (-next->first.first > piece.outgoing->frame.header.priority &&
                      begun_.size() <= kMostInterrupted))) {
    piece.mark = BlockMark::urgent;
    piece.outgoing = std::move(next->second);
    outgoing_.erase(next);
    piece.end = std::min(piece.outgoing->prefix.size() + kBlock, piece.outgoing->size());
    if (piece.end < piece.outgoing->size()) begun_.push_back(piece.outgoing);
  } else if (has_begun) {
    piece.mark = BlockMark::goes_on;
    piece.begin = piece.outgoing->taken;
    piece.end = std::min(piece.begin + kBlock, piece.outgoing->size());
    if (piece.end == piece.outgoing->size()) begun_.pop_back();
  } else {
    return false;
  }
  if (has_begun) piece.mark_size = sizeof(BlockMark);
  piece.outgoing->taken = piece.end;
  unsent_ += piece.mark_size;
  pieces_.push_back(std::move(piece));
  return true;
}

void FrameSocket::add_parts(const Piece& piece, std::vector<iovec>& parts) {
  std::size_t skip = piece.sent;
  std::size_t left = piece.size() - piece.sent;
  const auto add = [&](const void* data, std::size_t size) {
    const std::size_t skipped = std::min(skip, size);
    skip -= skipped;
    const std::size_t taken = std::min(size - skipped, left);
    left -= taken;
    if (taken == 0) return;
    // sendmsg() takes bytes as not const and leaves them alone.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    parts.push_back({const_cast<char*>(static_cast<const char*>(data)) + skipped, taken});
  };
  add(&piece.mark, piece.mark_size);
  skip += piece.begin;
  const Outgoing& outgoing = *piece.outgoing;
  add(outgoing.prefix.data(), outgoing.prefix.size());
  add(outgoing.frame.message.head.data(), outgoing.frame.message.head.size());
  for (const Buffer& segment : outgoing.frame.message.segments) add(segment.data(), segment.size());
}

/// Requires mutex_.
void FrameSocket::drop_sent(std::size_t count) {
  unsent_ -= count;
  while (!pieces_.empty()) {
    Piece& piece = pieces_.front();
    const std::size_t taken = std::min(count, piece.size() - piece.sent);
    piece.sent += taken;
    count -= taken;
    if (piece.sent < piece.size()) return;
    if (piece.outgoing->is_sent && piece.end == piece.outgoing->size())
      *piece.outgoing->is_sent = true;
    pieces_.pop_front();
  }
}

std::size_t FrameSocket::unsent() const {
  const std::lock_guard lock(mutex_);
  return unsent_locked();
}

/// Receives once into `target`, and up to `beyond` bytes more into arrived_, as recvmsg() does.
/// Waits in poll(): who waits in recv() for a unix socket is woken when the other end has read,
/// too.
ssize_t FrameSocket::receive(std::span<char> target, std::size_t beyond, Deadline until) {
  iovec parts[2] = {{target.data(), target.size()}, {arrived_.data(), beyond}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const auto once = [&] {
    return target.empty() ? recv(socket_.number(), arrived_.data(), beyond, MSG_DONTWAIT)
                          : recvmsg(socket_.number(), &message, MSG_DONTWAIT);
  };
  if (until == kNoWait) return once();
  const Deadline start = now();
  const Deadline asks_until = was_dense_ ? start : std::min(until, brisk_wait_.asks_until(start));
  for (Deadline time = start; time < asks_until; time = now()) {
    const ssize_t count = once();
    if (count < 0 && errno == EAGAIN) continue;
    brisk_wait_.has_come();
    return count;
  }
  const bool is_there = wait_readable(until);
  brisk_wait_.has_slept(now() - start);
  if (is_there) return once();
  errno = EAGAIN;
  return -1;
}

FrameSocket::ReadStatus FrameSocket::read(std::vector<Frame>& frames, Deadline until) {
  const std::span<char> target = tls_ ? std::span<char>() : parser_.target();
  const std::size_t beyond =
      target.empty() ? arrived_.size() : parser_.most_beyond_target(arrived_.size());
  const ssize_t count = receive(target, beyond, until);
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
    has_read_all_ = errno == EAGAIN;
    return ReadStatus::nothing;
  }
  if (count <= 0) {
    why_ = count == 0 ? "the other end closed it" : strerrordesc_np(errno);
    return ReadStatus::closed;
  }
  const std::size_t frames_before = frames.size();
  std::size_t size = static_cast<std::size_t>(count);
  has_read_all_ = size < target.size() + beyond;
  if (!target.empty()) {
    const std::size_t direct = std::min(size, target.size());
    parser_.advance(direct, frames);
    size -= direct;
  }
  if (tls_) {
    if (!decrypt({arrived_.data(), size}, frames)) return ReadStatus::closed;
  } else {
    parser_.feed({arrived_.data(), size}, frames);
  }
  was_dense_ = frames.size() - frames_before > kFewFrames;
  if (!parser_.is_broken()) return ReadStatus::some;
  why_ = parser_.why();
  return ReadStatus::closed;
}

bool FrameSocket::wait_readable(Deadline until) const {
  pollfd wanted{.fd = socket_.number(), .events = POLLIN, .revents = 0};
  while (true) {
    timespec left{};
    if (until != kNoDeadline) {
      const auto nanoseconds = std::max<std::int64_t>(
          0, std::chrono::duration_cast<std::chrono::nanoseconds>(until - now()).count());
      left = {.tv_sec = nanoseconds / 1'000'000'000, .tv_nsec = nanoseconds % 1'000'000'000};
    }
    const int count = ppoll(&wanted, 1, until == kNoDeadline ? nullptr : &left, nullptr);
    if (count >= 0) return count > 0;
    if (errno != EINTR) return true;  // reading tells what is wrong
  }
}

void FrameSocket::shut() {
  {
    const std::lock_guard lock(mutex_);
    is_broken_ = true;
    sent_.notify_all();
  }
  shutdown(socket_.number(), SHUT_RDWR);
}

}  // namespace bourse::program
