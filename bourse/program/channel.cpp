#include "bourse/program/channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "bourse/program/context.h"
#include "bourse/program/endpoint.h"
#include "bourse/program/node_host.h"
#include "bourse/program/serialize.h"

namespace bourse::program {
namespace {

constexpr Nanoseconds kFirstBackoff = std::chrono::milliseconds(1);
constexpr Nanoseconds kLongestBackoff = std::chrono::milliseconds(50);
constexpr Nanoseconds kConnectOnce = std::chrono::seconds(5);
/// A sender waits once so much is kept for the connection.
constexpr std::size_t kMostUnsent = std::size_t{1} << 20;
/// With so many calls under way, small ones wait for each other until somebody waits for an answer.
constexpr std::size_t kManyCalls = 8;
constexpr std::size_t kMostKept = std::size_t{16} << 10;
/// Epoll events while nothing is to be read; the end of a TCP connection is not among those that
/// always come.
constexpr std::uint32_t kEndOnly = EPOLLRDHUP | EPOLLONESHOT;

std::uint64_t microseconds_left(Deadline deadline) {
  if (deadline == kNoDeadline) return 0;
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - now());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, left.count()));
}

Frame request_frame(std::uint64_t call, const CallOrder& order, Message arguments) {
  Frame frame;
  frame.header = {.kind = FrameKind::request,
                  .priority = order.priority,
                  .call = call,
                  .method = order.method->id,
                  .schema = order.method->schema,
                  .timeout_us = microseconds_left(order.deadline),
                  .node = order.node};
  frame.chain = chain_of(context().chain);
  frame.message = std::move(arguments);
  return frame;
}

bool is_borrowed(const Message& message) {
  return std::ranges::any_of(message.segments,
                             [](const Buffer& segment) { return !segment.is_owned(); });
}

}  // namespace

std::unique_ptr<TlsSession> tls_session(const Agreement& agreement, int socket,
                                        TlsSession::Side side) {
  if (!agreement.tls || host_of_this_end(socket).empty()) return nullptr;
  return std::make_unique<TlsSession>(agreement.tls, side);
}

Frame hello_frame(const Agreement& agreement) {
  Frame frame;
  frame.header = {.kind = FrameKind::hello, .schema = agreement.fingerprint};
  frame.message = encode(agreement.token);
  return frame;
}

Frame error_frame(std::uint64_t call, const CallError& error) {
  Frame frame;
  frame.header = {
      .kind = FrameKind::error, .code = static_cast<std::uint8_t>(error.code()), .call = call};
  frame.message = encode_owned(std::tuple(error.message(), error.type(), error.trace()));
  return frame;
}

CallError error_of_frame(const Frame& frame) {
  std::tuple<std::string, std::string, std::vector<std::string>> parts;
  WireReader reader(frame.message);
  read_value(reader, parts);
  if (!reader.ok() || frame.header.code > static_cast<std::uint8_t>(CallCode::data_loss))
    return {CallCode::data_loss, "an error arrived that cannot be read"};
  auto& [message, type, trace] = parts;
  return {static_cast<CallCode>(frame.header.code), std::move(message), std::move(type),
          std::move(trace)};
}

/// Tells the channel, if it is still there, that its socket is ready.
class Channel::Readiness final : public Reactor::Watcher {
 public:
  explicit Readiness(std::weak_ptr<Channel> channel) : channel_(std::move(channel)) {}
  void on_ready(std::uint32_t events) override {
    const auto channel = channel_.lock();
    if (!channel) return;
    if ((events & EPOLLOUT) != 0) {
      const std::shared_ptr<FrameSocket> socket = channel->current_socket();
      if (socket) socket->flush();
    }
    channel->on_readable();
  }

 private:
  std::weak_ptr<Channel> channel_;
};

Channel::Channel(std::shared_ptr<Reactor> reactor, std::shared_ptr<Directory> directory,
                 Options options)
    : reactor_(std::move(reactor)),
      directory_(std::move(directory)),
      options_(std::move(options)) {}

Channel::~Channel() { close(); }

void Channel::post(std::function<void()> continuation) {
  if (!reactor_->post(continuation)) continuation();
}

std::uint32_t Channel::incarnation() const {
  const std::lock_guard lock(mutex_);
  return incarnation_;
}

void Channel::start(const CallOrder& order, Message arguments,
                    const std::shared_ptr<FutureCore>& core) {
  if (arguments.size() > options_.agreement.largest_message)
    return core->fail(
        {CallCode::resource_exhausted,
         fmt::format("arguments of {} have {} bytes, a message may have {}", order.method->name,
                     arguments.size(), options_.agreement.largest_message)});
  std::unique_lock lock(mutex_);
  const std::uint64_t call = ++calls_;
  core->take_route(shared_from_this(), call, order.deadline);
  if (state_ == State::closed) {
    lock.unlock();
    return core->fail({CallCode::cancelled, "the program has stopped"});
  }
  Frame frame = request_frame(call, order, std::move(arguments));
  Pending& pending = pending_[call];
  pending.core = core;
  pending.order = order;
  if (state_ != State::up || order.is_idempotent) {
    frame.message.own();
    pending.again = std::make_unique<Frame>(frame);
  }
  if (state_ != State::up) return begin_connecting();
  pending.is_sent = true;
  const std::shared_ptr<FrameSocket> socket = socket_;
  const bool are_many = pending_.size() > kManyCalls;
  lock.unlock();
  send_or_keep(socket, std::move(frame), are_many);
}

void Channel::send_or_keep(const std::shared_ptr<FrameSocket>& socket, Frame frame,
                           bool may_be_kept) {
  const std::size_t unsent = socket->unsent();
  const bool waits = is_borrowed(frame.message) || unsent > kMostUnsent;
  bool is_fine = true;
  if (waits) {
    const FrameSocket::WaitToSend wait = wait_to_send(socket);
    is_fine = socket->send(std::move(frame), &wait);
  } else if (may_be_kept && unsent < kMostKept) {
    is_fine = socket->keep(std::move(frame));
    // If nobody waits for an answer soon, the reactor sends it.
    if (!has_kept_.exchange(true))
      reactor_->post([self = shared_from_this(), socket] { self->send_kept(socket); });
  } else {
    is_fine = socket->send(std::move(frame));
  }
  if (!is_fine) lost(socket, "it broke while a call was sent");
}

void Channel::send_kept(const std::shared_ptr<FrameSocket>& socket) {
  if (!has_kept_.exchange(false)) return;
  if (!socket->flush()) lost(socket, "it broke while a call was sent");
}

/// While the system takes no more: waits until it does. What arrives meanwhile is read if nobody
/// else does, as the other end may wait for that.
FrameSocket::WaitToSend Channel::wait_to_send(const std::shared_ptr<FrameSocket>& socket) {
  return [this, socket] {
    bool may_read = false;
    {
      const std::lock_guard lock(mutex_);
      may_read = !std::exchange(is_reading_, true);
    }
    const auto events = static_cast<short>(may_read ? POLLIN | POLLOUT : POLLOUT);
    pollfd wanted{.fd = socket->number(), .events = events, .revents = 0};
    poll(&wanted, 1, 100);
    if (!may_read) return;
    if ((wanted.revents & POLLIN) != 0) read(socket, kNoWait);
    stop_reading();
  };
}

/// Requires mutex_.
void Channel::begin_connecting() {
  if (state_ != State::idle) return;
  state_ = State::connecting;
  reactor_->post([weak = weak_from_this(), give_up = deadline_in(options_.connect_timeout)] {
    if (const auto self = weak.lock()) self->try_to_connect(give_up, kFirstBackoff);
  });
}

void Channel::try_to_connect(Deadline give_up, Nanoseconds backoff) {
  std::string why = "it has not started";
  try {
    const auto found = directory_->find_unit(options_.unit);
    if (found && is_absent(*found)) return fail_unsent(not_part_of_program(options_.peer), false);
    if (found) {
      auto connected = connect_to({found->address}, std::min(give_up, deadline_in(kConnectOnce)));
      if (connected) {
        auto socket = shake_hands(*std::move(connected));
        if (socket) return use(*socket);
        if (socket.error().code != ErrorCode::unavailable)
          return fail_unsent(call_error_of(socket.error()), false);
        why = socket.error().message;
      } else {
        why = connected.error().message;
      }
    }
  } catch (const CallError& error) {
    if (error.code() == CallCode::cancelled) return fail_unsent(error, false);
    why = error.message();
  }
  const CallError error(CallCode::unavailable,
                        fmt::format("{} cannot be reached: {}", options_.peer, why));
  if (now() + backoff >= give_up) return fail_unsent(error, false);
  fail_unsent(error, true);
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::connecting) return;
  }
  reactor_->call_at(deadline_in(backoff), [weak = weak_from_this(), give_up, backoff] {
    if (const auto self = weak.lock())
      self->try_to_connect(give_up, std::min(backoff * 2, kLongestBackoff));
  });
}

/// Fails the calls that wait for a connection; only those that would not wait if `only_fast`.
void Channel::fail_unsent(const CallError& error, bool only_fast) {
  std::vector<std::shared_ptr<ReplySink>> failed;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(pending_, [&](const auto& entry) {
      const Pending& pending = entry.second;
      if (pending.is_sent || (only_fast && !pending.order.fails_fast)) return false;
      failed.push_back(pending.core);
      attended_ -= static_cast<std::size_t>(pending.is_attended);
      return true;
    });
    if (state_ == State::connecting && pending_.empty()) state_ = State::idle;
  }
  for (const auto& core : failed) core->fail(error);
}

Result<std::shared_ptr<FrameSocket>> Channel::shake_hands(Descriptor connected) {
  const FrameLimits limits{.message_size = options_.agreement.largest_message};
  auto tls = tls_session(options_.agreement, connected.number(), TlsSession::Side::client);
  auto socket = std::make_shared<FrameSocket>(std::move(connected), limits, std::move(tls));
  socket->send(hello_frame(options_.agreement));
  const Deadline until = deadline_in(kConnectOnce);
  std::vector<Frame> frames;
  while (frames.empty()) {
    if (now() >= until)
      return fail(ErrorCode::unavailable, "it accepts connections and does not answer");
    if (socket->read(frames, until) == FrameSocket::ReadStatus::closed && frames.empty())
      return fail(
          socket->has_tls_failed() ? ErrorCode::failed_precondition : ErrorCode::unavailable,
          socket->why());
  }
  const Frame& answer = frames.front();
  if (answer.header.kind == FrameKind::error)
    return fail(ErrorCode::failed_precondition,
                fmt::format("{} refuses us: {}", options_.peer, error_of_frame(answer).message()));
  if (answer.header.kind != FrameKind::welcome)
    return fail(ErrorCode::data_corrupted, options_.peer + " does not answer as it should");
  const std::lock_guard lock(mutex_);
  incarnation_ = static_cast<std::uint32_t>(answer.header.method);
  return socket;
}

/// A connection is there: what waited for it is sent.
void Channel::use(const std::shared_ptr<FrameSocket>& socket) {
  socket->on_blocked([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      const std::lock_guard lock(self->mutex_);
      if (self->watch_ != 0 && self->socket_)
        self->reactor_->change(self->watch_, self->socket_->number(),
                               kEndOnly | EPOLLIN | EPOLLOUT);
    }
  });
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::closed) return;
    socket_ = socket;
    watch_ =
        reactor_->watch(socket->number(), kEndOnly, std::make_shared<Readiness>(weak_from_this()));
    is_watched_ = true;
  }
  look_for_silence_later(socket, 0);
  send_waiting(socket);
}

void Channel::look_for_silence_later(const std::shared_ptr<FrameSocket>& socket,
                                     int looks_in_vain) {
  const Nanoseconds silence = options_.agreement.silence;
  if (silence <= Nanoseconds(0)) return;
  reactor_->call_at(deadline_in(silence / kSilenceChecks),
                    [weak = weak_from_this(), weak_socket = std::weak_ptr(socket), looks_in_vain] {
                      const auto self = weak.lock();
                      const auto still = weak_socket.lock();
                      if (self && still) self->look_for_silence(still, looks_in_vain);
                    });
}

void Channel::look_for_silence(const std::shared_ptr<FrameSocket>& socket, int looks_in_vain) {
  if (current_socket() != socket) return;
  on_readable();  // what came and nobody waits for
  bool is_waiting = false;
  {
    const std::lock_guard lock(mutex_);
    is_waiting = !pending_.empty();
  }
  looks_in_vain = has_heard_.exchange(false) || !is_waiting ? 0 : looks_in_vain + 1;
  if (looks_in_vain < kSilenceChecks) return look_for_silence_later(socket, looks_in_vain);
  lost(socket, fmt::format("nothing was heard from it for {} s",
                           std::chrono::duration<double>(options_.agreement.silence).count()));
}

void Channel::send_waiting(const std::shared_ptr<FrameSocket>& socket) {
  while (true) {
    Frame frame;
    {
      const std::lock_guard lock(mutex_);
      const auto next =
          std::ranges::find_if(pending_, [](const auto& entry) { return !entry.second.is_sent; });
      if (next == pending_.end()) {
        if (state_ == State::connecting) state_ = State::up;
        arm_locked();
        break;
      }
      Pending& pending = next->second;
      pending.is_sent = true;
      if (pending.order.is_idempotent)
        frame = *pending.again;
      else
        frame = std::move(*std::exchange(pending.again, nullptr));
      frame.header.timeout_us = microseconds_left(pending.order.deadline);
    }
    if (!socket->send(std::move(frame))) return lost(socket, "it broke while a call was sent");
  }
  std::vector<FutureCore*> followers;
  const std::lock_guard lock(mutex_);  // they may read now
  for (FutureCore* const follower : followers_) follower->nudge();
}

CallError Channel::gone(const std::string& why) const {
  return {CallCode::unavailable,
          fmt::format("the connection to {} was lost ({}); the call may or may not have run",
                      options_.peer, why)};
}

void Channel::lost(const std::shared_ptr<FrameSocket>& socket, const std::string& why) {
  std::vector<std::shared_ptr<ReplySink>> failed;
  Reactor::WatchId watch = 0;
  {
    const std::lock_guard lock(mutex_);
    if (socket_ != socket) return;
    socket_ = nullptr;
    watch = std::exchange(watch_, 0);
    is_armed_ = false;
    has_cancelled_ = false;
    if (state_ != State::closed) state_ = State::idle;
    for (auto& [call, pending] : pending_)
      if (pending.order.is_idempotent && state_ != State::closed) pending.is_sent = false;
    std::erase_if(pending_, [&](const auto& entry) {
      const Pending& pending = entry.second;
      if (!pending.is_sent) return false;
      failed.push_back(pending.core);
      attended_ -= static_cast<std::size_t>(pending.is_attended);
      return true;
    });
    if (!pending_.empty() && state_ == State::idle) begin_connecting();
    for (FutureCore* const follower : followers_) follower->nudge();
  }
  reactor_->unwatch(watch, socket->number());
  socket->shut();
  const CallError error = gone(why);
  for (const auto& core : failed) core->fail(error);
}

void Channel::close() {
  std::shared_ptr<FrameSocket> socket;
  {
    const std::lock_guard lock(mutex_);
    state_ = State::closed;
    socket = socket_;
  }
  if (socket) lost(socket, "the program has stopped");
  fail_unsent({CallCode::cancelled, "the program has stopped"}, false);
}

std::shared_ptr<FrameSocket> Channel::current_socket() const {
  const std::lock_guard lock(mutex_);
  return socket_;
}

void Channel::wait(FutureCore& call, Deadline until) {
  while (!call.is_done()) {
    std::shared_ptr<FrameSocket> socket;
    {
      const std::lock_guard lock(mutex_);
      if (socket_ && !is_reading_) {
        is_reading_ = true;
        socket = socket_;
      } else {
        followers_.push_back(&call);
      }
    }
    if (has_kept_) {
      const auto current = socket ? socket : current_socket();
      if (current) send_kept(current);
    }
    if (socket) {
      while (!call.is_done() && (until == kNoDeadline || now() < until)) {
        read(socket, until);
        const std::lock_guard lock(mutex_);
        if (socket_ != socket) break;
      }
      stop_reading();
    } else {
      call.sleep_until(until);
      const std::lock_guard lock(mutex_);
      std::erase(followers_, &call);
    }
    if (until != kNoDeadline && now() >= until) return;
  }
}

/// Lets another thread read. Requires that this one did.
void Channel::stop_reading() {
  const std::lock_guard lock(mutex_);
  is_reading_ = false;
  arm_locked();
  const auto follower = std::ranges::find_if(
      followers_, [](const FutureCore* waiting) { return !waiting->is_done(); });
  if (follower != followers_.end()) (*follower)->nudge();
}

/// Has the reactor read if calls are waited for by continuations only; else it notices the end of
/// the connection, so that no call is sent to who is gone. Requires mutex_.
void Channel::arm_locked() {
  const bool is_needed = attended_ > 0 || has_cancelled_;
  if (is_armed_ || is_reading_ || !socket_ || (is_watched_ && !is_needed)) return;
  is_armed_ = is_needed;
  is_watched_ = true;
  std::uint32_t events = kEndOnly;
  if (is_needed) events |= EPOLLIN;
  if (socket_->unsent() > 0) events |= EPOLLOUT;  // as on_blocked() had asked
  reactor_->change(watch_, socket_->number(), events);
}

void Channel::attend(const std::shared_ptr<FutureCore>& call) {
  {
    const std::lock_guard lock(mutex_);
    const auto entry = pending_.find(call->call());
    if (entry == pending_.end() || std::exchange(entry->second.is_attended, true)) return;
    ++attended_;
    arm_locked();
  }
  if (call->deadline() == kNoDeadline) return;
  reactor_->call_at(call->deadline(), [weak = std::weak_ptr(call)] {
    if (const auto still = weak.lock(); still && !still->is_done()) still->expire();
  });
}

void Channel::on_readable() {
  std::shared_ptr<FrameSocket> socket;
  {
    const std::lock_guard lock(mutex_);
    is_armed_ = false;
    is_watched_ = false;
    if (is_reading_ && socket_ && socket_->unsent() > 0)  // this event was the only one to come
      reactor_->change(watch_, socket_->number(), kEndOnly | EPOLLOUT);
    if (is_reading_ || !socket_) return;  // whoever reads has us called again
    is_reading_ = true;
    socket = socket_;
  }
  do {
    read(socket, kNoWait);
  } while (!socket->has_read_all() && socket->why().empty());
  stop_reading();
}

/// Reads once, waiting until `until`, and completes the calls whose answers are there.
void Channel::read(const std::shared_ptr<FrameSocket>& socket, Deadline until) {
  std::vector<Frame> frames;
  const FrameSocket::ReadStatus status = socket->read(frames, until);
  if (status == FrameSocket::ReadStatus::some) has_heard_.store(true, std::memory_order_relaxed);
  for (Frame& frame : frames) take(frame);
  if (status == FrameSocket::ReadStatus::closed) lost(socket, socket->why());
}

void Channel::take(Frame& frame) {
  std::shared_ptr<ReplySink> core;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = pending_.find(frame.header.call);
    if (entry == pending_.end()) return;  // nobody waits for it any more
    core = std::move(entry->second.core);
    attended_ -= static_cast<std::size_t>(entry->second.is_attended);
    pending_.erase(entry);
  }
  if (frame.header.kind == FrameKind::reply)
    core->finish(std::move(frame.message));
  else
    core->fail(error_of_frame(frame));
}

void Channel::cancel(std::uint64_t call) {
  std::shared_ptr<FrameSocket> socket;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = pending_.find(call);
    if (entry == pending_.end()) return;
    if (entry->second.is_sent) {
      socket = socket_;
      has_cancelled_ = true;
      arm_locked();
    }
    attended_ -= static_cast<std::size_t>(entry->second.is_attended);
    pending_.erase(entry);
  }
  if (!socket) return;
  Frame frame;
  frame.header = {.kind = FrameKind::cancel, .call = call};
  socket->send(std::move(frame));
}

}  // namespace bourse::program
