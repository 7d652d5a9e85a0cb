#include "bourse/program/server.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "bourse/program/node_host.h"

namespace bourse::program {
namespace {

/// Before a peer has shown the token it may not make us keep more than this.
constexpr std::size_t kStrangerSize = 4096;
/// A connection with so many calls under way, or bytes not taken, is not read from.
constexpr std::size_t kMostCalls = 4096;
constexpr std::size_t kMostUnanswered = std::size_t{64} << 20;
/// A handler that takes longer than this is not quick; answers do not wait for the next.
constexpr Nanoseconds kQuick = std::chrono::microseconds(20);
/// An answer waits no longer than this for others, should the next handler not be quick.
constexpr Nanoseconds kLongestKept = std::chrono::milliseconds(1);
/// A connection whose calls have been quick so often in a row gets a thread to itself: waking up
/// from a read costs half of what epoll does.
constexpr Nanoseconds kQuickEnough = std::chrono::microseconds(500);
constexpr int kBusyCalls = 16;
constexpr int kMostBusy = 8;
/// It keeps it until nothing has come for so long,
constexpr Nanoseconds kBusyWait = std::chrono::milliseconds(20);
/// or a call takes longer than this, as another must then be able to cancel it.
constexpr Nanoseconds kBusyHandler = std::chrono::milliseconds(5);
constexpr std::uint8_t kHighestPriority = 255;

}  // namespace

/// What connections share with their server.
struct Server::Shared {
  Reactor& reactor;
  Descriptor socket;
  Address address;
  Options options;
  FindHost find_host;
  Reactor::WatchId watch = 0;
  std::atomic<bool> is_refusing = false;
  std::atomic<int> busy_count = 0;  ///< Connections with a thread to themselves.

  std::mutex mutex;  ///< Guards what follows.
  std::map<Connection*, std::shared_ptr<Connection>> connections;

  [[nodiscard]] std::vector<std::shared_ptr<Connection>> all() {
    const std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Connection>> copies;
    for (const auto& [key, connection] : connections) copies.push_back(connection);
    return copies;
  }
};

/// One peer. Bytes are read by one thread at a time; when more arrive meanwhile it goes on.
class Server::Connection final : public Reactor::Watcher,
                                 public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Shared> shared, Descriptor socket, std::unique_ptr<TlsSession> tls)
      : shared_(std::move(shared)), socket_(std::move(socket), {kStrangerSize}, std::move(tls)) {}

  void begin() {
    socket_.on_blocked([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self) self->listen();
    });
    const std::lock_guard lock(mutex_);
    watch_ = shared_->reactor.watch(socket_.number(), EPOLLIN | EPOLLRDHUP | EPOLLET,
                                    shared_from_this());
  }

  void on_ready(std::uint32_t events) override;
  void reply(Frame frame);
  void flush() {
    if (!socket_.flush()) end();
  }
  void close() { end(); }
  void show_life();
  [[nodiscard]] bool is_drained() const { return socket_.unsent() == 0; }

 private:
  friend class ReplyCork;
  enum class Reading : std::uint8_t { no, yes, again };

  /// Waits for what is to be waited for now: bytes, and room for answers that are kept.
  void listen() {
    const std::lock_guard lock(mutex_);
    if (watch_ == 0) return;
    std::uint32_t events = EPOLLRDHUP | EPOLLET;
    if (spell_ == 0) events |= EPOLLIN;
    if (socket_.unsent() > 0) events |= EPOLLOUT;
    shared_->reactor.change(watch_, socket_.number(), events);
  }
  void post_turns(std::span<NodeHost* const> turns);
  void run_turns(const std::vector<NodeHost*>& turns);
  void stay_while_busy();
  [[nodiscard]] std::uint64_t begin_spell();
  void end_spell(std::uint64_t spell);
  void watch_handler(std::uint64_t spell,
                     const std::shared_ptr<const std::atomic<Deadline>>& handler_began);
  void stop_being_busy(std::uint64_t spell);
  void flush_soon();
  [[nodiscard]] bool begin_reading();
  [[nodiscard]] bool end_reading();
  void read_all(std::vector<NodeHost*>& turns);
  [[nodiscard]] bool read_once(std::vector<NodeHost*>& turns);
  void read_large(std::vector<NodeHost*>& turns);
  void take(Frame& frame, std::vector<NodeHost*>& turns);
  void take_request(Frame& frame, std::vector<NodeHost*>& turns);
  void greet(const Frame& frame);
  void cancel(std::uint64_t call);
  void end();
  [[nodiscard]] bool is_full();
  void refuse(std::uint64_t call, const CallError& error) { reply(error_frame(call, error)); }

  std::shared_ptr<Shared> shared_;  ///< Owned by the server and its connections.
  FrameSocket socket_;
  std::atomic<Reading> reading_ = Reading::no;
  std::atomic<bool> is_paused_ = false;
  std::atomic<bool> is_hung_up_ = false;  ///< Nothing more will come than what is there.
  /// In which one thread has the connection to itself; 0: none. A thread that is held up in a
  /// handler loses its spell, and the connection may begin another before that thread returns.
  std::atomic<std::uint64_t> spell_ = 0;
  std::atomic<std::uint64_t> spells_ = 0;  ///< There have been.
  std::atomic<bool> has_heard_ = false;    ///< Since show_life().
  std::atomic<bool> is_flush_due_ = false;
  std::atomic<int> quick_calls_ = 0;  ///< In a row.
  bool is_greeted_ = false;

  std::mutex mutex_;  ///< Guards what follows.
  Reactor::WatchId watch_ = 0;
  bool is_ended_ = false;
  struct Call {
    std::shared_ptr<Cancellation> cancellation;
    NodeHost* host = nullptr;
  };
  std::map<std::uint64_t, Call> calls_;  ///< Under way.
};

namespace {

/// Answers of this thread that wait for more; null outside of ReplyCork.
struct Corked {
  std::vector<std::function<void()>> flushes;
  const void* last = nullptr;  ///< Connection of the last flush in the list.
  bool expects_more = false;
  Deadline began{};
};
thread_local Corked* corked = nullptr;

void flush_corked() {
  for (const auto& flush : std::exchange(corked->flushes, {})) flush();
  corked->last = nullptr;
}

/// Carries an answer to the connection that the call came from.
template <class Connection>
class WireReply final : public ReplySink {
 public:
  WireReply(std::shared_ptr<Connection> connection, std::uint64_t call, std::uint8_t priority,
            std::size_t largest)
      : connection_(std::move(connection)), call_(call), priority_(priority), largest_(largest) {}

  void finish(Message reply) override {
    if (reply.size() > largest_)
      return fail(
          {CallCode::resource_exhausted,
           fmt::format("the result has {} bytes, a message may have {}", reply.size(), largest_)});
    Frame frame;
    frame.header = {.kind = FrameKind::reply, .priority = priority_, .call = call_};
    frame.message = std::move(reply);
    frame.message.own();
    connection_->reply(std::move(frame));
  }
  void fail(CallError error) override { connection_->reply(error_frame(call_, error)); }

 private:
  std::shared_ptr<Connection> connection_;  ///< Owned by the server, and by calls under way.
  std::uint64_t call_;
  std::uint8_t priority_;
  std::size_t largest_;
};

}  // namespace

ReplyCork::ReplyCork() : outer_(nullptr) {
  if (corked == nullptr) {
    corked = new Corked;
    outer_ = this;
  }
}

ReplyCork::~ReplyCork() {
  if (outer_ == nullptr) return;  // one inside of another
  flush_corked();
  delete std::exchange(corked, nullptr);
}

void ReplyCork::expect_more(bool more) {
  if (corked == nullptr) return;
  corked->expects_more = more;
  corked->began = now();
}

/// A result that nobody waits for any more is dropped.
void Server::Connection::reply(Frame frame) {
  bool was_full = false;
  {
    const std::lock_guard lock(mutex_);
    if (is_ended_) return;
    was_full = is_paused_;
    if (calls_.erase(frame.header.call) == 0 && frame.header.kind == FrameKind::reply) return;
  }
  const bool waits = corked != nullptr && corked->expects_more && now() - corked->began < kQuick &&
                     frame.message.segments.empty();
  if (waits) {
    socket_.keep(std::move(frame));
    flush_soon();
    if (std::exchange(corked->last, this) != this)
      corked->flushes.push_back([self = shared_from_this()] { self->flush(); });
  } else {
    if (corked != nullptr) flush_corked();
    if (!socket_.send(std::move(frame))) end();
  }
  if (was_full && !is_full() && is_paused_.exchange(false))
    shared_->reactor.post([self = shared_from_this()] { self->on_ready(EPOLLIN); });
}

/// In case the thread that keeps an answer is held up in the next handler, which may even wait for
/// what the caller does next.
void Server::Connection::flush_soon() {
  if (is_flush_due_.exchange(true)) return;
  shared_->reactor.call_at(deadline_in(kLongestKept), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->is_flush_due_ = false;
    self->flush();
  });
}

bool Server::Connection::is_full() {
  if (socket_.unsent() >= kMostUnanswered) return true;
  const std::lock_guard lock(mutex_);
  return calls_.size() >= kMostCalls;
}

bool Server::Connection::begin_reading() {
  Reading state = Reading::no;
  while (!reading_.compare_exchange_weak(state,
                                         state == Reading::no ? Reading::yes : Reading::again)) {
  }
  return state == Reading::no;
}

/// False if more has arrived, and is to be read by this thread.
bool Server::Connection::end_reading() {
  Reading state = Reading::yes;
  if (reading_.compare_exchange_strong(state, Reading::no)) return true;
  reading_ = Reading::yes;
  return false;
}

void Server::Connection::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) != 0) {
    flush();
    if (is_drained()) listen();  // else flush() has done so
    if (spell_ != 0) return;
  }
  // The end is an edge of its own only if it comes alone.
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) is_hung_up_ = true;
  if (!begin_reading()) return;
  std::vector<NodeHost*> turns;
  do {
    read_all(turns);
  } while (!end_reading());
  if (turns.empty()) return;
  run_turns(turns);
  if (quick_calls_ >= kBusyCalls) stay_while_busy();
}

/// Has other threads run them.
void Server::Connection::post_turns(std::span<NodeHost* const> turns) {
  for (NodeHost* const host : turns)
    shared_->reactor.post([self = shared_from_this(), host] { host->work(); });
}

void Server::Connection::run_turns(const std::vector<NodeHost*>& turns) {
  post_turns(std::span(turns).subspan(1));
  const Deadline start = now();
  {
    const ReplyCork cork;
    turns.front()->work();
  }
  quick_calls_ = now() - start < kQuickEnough ? quick_calls_ + 1 : 0;
}

/// The number of the spell that is now this thread's, 0 if it can have none.
std::uint64_t Server::Connection::begin_spell() {
  if (!shared_->reactor.has_idle_thread()) return 0;
  if (++shared_->busy_count <= kMostBusy) {
    const std::uint64_t spell = ++spells_;
    std::uint64_t none = 0;
    if (spell_.compare_exchange_strong(none, spell)) {
      listen();
      return spell;
    }
  }
  --shared_->busy_count;
  return 0;
}

void Server::Connection::end_spell(std::uint64_t spell) {
  --shared_->busy_count;
  // Even if another thread has said so already: what it was told of then, it left to this one.
  stop_being_busy(spell);
}

/// Reads and answers on this thread, without epoll, as long as calls keep coming and are quick.
void Server::Connection::stay_while_busy() {
  const std::uint64_t spell = begin_spell();
  if (spell == 0) return;
  const auto handler_began = std::make_shared<std::atomic<Deadline>>(kNoDeadline);
  watch_handler(spell, handler_began);
  std::vector<Frame> frames;
  std::vector<NodeHost*> turns;
  while (spell_ == spell && begin_reading()) {
    const FrameSocket::ReadStatus status = socket_.read(frames, deadline_in(kBusyWait));
    if (status == FrameSocket::ReadStatus::some)
      has_heard_.store(is_greeted_, std::memory_order_relaxed);
    for (Frame& frame : frames) take(frame, turns);
    frames.clear();
    (void)end_reading();
    reading_ = Reading::no;
    if (!turns.empty()) {
      *handler_began = now();
      run_turns(std::exchange(turns, {}));
      *handler_began = kNoDeadline;
    }
    if (status == FrameSocket::ReadStatus::closed) end();
    if (status != FrameSocket::ReadStatus::some || quick_calls_ == 0 || is_full()) break;
  }
  end_spell(spell);
}

/// Others read again, from what is there now on, unless the next spell has begun.
void Server::Connection::stop_being_busy(std::uint64_t spell) {
  spell_.compare_exchange_strong(spell, 0);
  listen();
}

/// Ends the spell once its thread is held up in a handler.
void Server::Connection::watch_handler(
    std::uint64_t spell, const std::shared_ptr<const std::atomic<Deadline>>& handler_began) {
  shared_->reactor.call_at(deadline_in(kBusyHandler),
                           [weak = weak_from_this(), spell, handler_began] {
                             const auto self = weak.lock();
                             if (!self || self->spell_ != spell) return;
                             const Deadline began = *handler_began;
                             if (began != kNoDeadline && now() - began >= kBusyHandler)
                               return self->stop_being_busy(spell);
                             self->watch_handler(spell, handler_began);
                           });
}

/// False if there is nothing more to read on this thread.
bool Server::Connection::read_once(std::vector<NodeHost*>& turns) {
  std::vector<Frame> frames;
  const FrameSocket::ReadStatus status = socket_.read(frames);
  if (status == FrameSocket::ReadStatus::some)
    has_heard_.store(is_greeted_, std::memory_order_relaxed);
  for (Frame& frame : frames) take(frame, turns);
  if (status == FrameSocket::ReadStatus::closed) {
    end();
    return false;
  }
  // Who calls urgently does not wait for the rest of what is large.
  if (socket_.is_amid_large()) post_turns(std::exchange(turns, {}));
  if (socket_.has_read_all() && !is_hung_up_) return false;
  return status != FrameSocket::ReadStatus::nothing || !socket_.has_read_all();
}

/// Reads the rest of what is large on this thread, without epoll, as long as it keeps coming: else
/// each part of it would wake a thread.
void Server::Connection::read_large(std::vector<NodeHost*>& turns) {
  if (!socket_.is_amid_large()) return;
  const std::uint64_t spell = begin_spell();
  if (spell == 0) return;
  // Once the connection has ended why() says so, and what was large stays unfinished.
  const auto goes_on = [&] {
    return socket_.why().empty() && socket_.is_amid_large() && !is_full();
  };
  while (goes_on() && socket_.wait_readable(deadline_in(kBusyWait)))
    while (read_once(turns) && goes_on()) continue;
  end_spell(spell);
}

void Server::Connection::read_all(std::vector<NodeHost*>& turns) {
  while (true) {
    if (is_full()) {
      is_paused_ = true;
      if (is_full()) return;  // an answer goes on with us
      is_paused_ = false;
    }
    if (read_once(turns)) continue;
    if (!socket_.why().empty() || !socket_.is_amid_large()) return;
    read_large(turns);
    return;
  }
}

/// Tells a peer that waits, or is sending, that this process lives. It goes ahead of all, and not
/// at all while other bytes are on their way.
void Server::Connection::show_life() {
  {
    const std::lock_guard lock(mutex_);
    if (is_ended_ || (calls_.empty() && !has_heard_.exchange(false))) return;
  }
  if (socket_.unsent() > 0) return;
  Frame frame;
  frame.header = {.kind = FrameKind::alive, .priority = kHighestPriority};
  if (!socket_.send(std::move(frame))) end();
}

void Server::Connection::take(Frame& frame, std::vector<NodeHost*>& turns) {
  if (!is_greeted_) return greet(frame);
  if (frame.header.kind == FrameKind::request)
    take_request(frame, turns);
  else if (frame.header.kind == FrameKind::cancel)
    cancel(frame.header.call);
  else
    end();  // nobody sends this to a server
}

void Server::Connection::greet(const Frame& frame) {
  WireReader reader(frame.message);
  std::string token;
  read_value(reader, token);
  const Agreement& agreement = shared_->options.agreement;
  if (frame.header.kind != FrameKind::hello || !reader.ok() || token != agreement.token) {
    reply(error_frame(0, {CallCode::failed_precondition, "this is not a process of this run"}));
    return end();
  }
  if (frame.header.schema != agreement.fingerprint) {
    reply(error_frame(0, {CallCode::failed_precondition,
                          "main() has built another program there than here; it must build the "
                          "same in every process"}));
    return end();
  }
  is_greeted_ = true;
  socket_.set_limits({.message_size = agreement.largest_message});
  Frame welcome;
  welcome.header = {.kind = FrameKind::welcome, .method = shared_->options.incarnation};
  reply(std::move(welcome));
}

void Server::Connection::take_request(Frame& frame, std::vector<NodeHost*>& turns) {
  const FrameHeader& header = frame.header;
  NodeHost* const host = shared_->find_host(header.node);
  if (host == nullptr)
    return refuse(header.call,
                  {CallCode::not_found, fmt::format("node {} does not run here", header.node)});
  if (shared_->is_refusing)
    return refuse(header.call,
                  CallError(CallCode::cancelled, "the program is stopping").at(host->name()));
  auto task = std::make_unique<CallTask>();
  task->method_id = header.method;
  task->schema = header.schema;
  if (!host->spec().make_foreign_calls) {
    task->method =
        host->spec().node_class ? find_method(header.method, *host->spec().node_class) : nullptr;
    if (task->method == nullptr)
      return refuse(header.call,
                    {CallCode::not_found, fmt::format("{} has no such method", host->name())});
    if (task->method->schema != header.schema)
      return refuse(header.call,
                    {CallCode::invalid_argument,
                     fmt::format("{} has other arguments or another result there than here",
                                 task->method->name)});
  }
  task->arguments = std::move(frame.message);
  task->reply = std::make_shared<WireReply<Connection>>(
      shared_from_this(), header.call, header.priority, shared_->options.agreement.largest_message);
  if (header.timeout_us != 0)
    task->deadline = deadline_in(std::chrono::microseconds(
        std::min<std::uint64_t>(header.timeout_us, std::uint64_t{1} << 50)));
  task->priority = header.priority;
  task->chain = std::move(frame.chain);
  task->cancellation = std::make_shared<Cancellation>();
  {
    const std::lock_guard lock(mutex_);
    calls_[header.call] = {task->cancellation, host};
  }
  if (host->take(std::move(task))) turns.push_back(host);
}

void Server::Connection::cancel(std::uint64_t call) {
  Call cancelled;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = calls_.find(call);
    if (entry == calls_.end()) return;
    cancelled = std::move(entry->second);
    calls_.erase(entry);
  }
  cancelled.host->drop(*cancelled.cancellation);
}

void Server::Connection::end() {
  std::map<std::uint64_t, Call> calls;
  Reactor::WatchId watch = 0;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_ended_, true)) return;
    calls.swap(calls_);
    watch = std::exchange(watch_, 0);
  }
  shared_->reactor.unwatch(watch, socket_.number());
  socket_.shut();
  for (auto& [id, call] : calls) call.host->drop(*call.cancellation);
  const std::lock_guard lock(shared_->mutex);
  shared_->connections.erase(this);
}

/// Takes connections.
class Server::Acceptor final : public Reactor::Watcher {
 public:
  explicit Acceptor(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  void on_ready(std::uint32_t) override {
    while (true) {
      Descriptor socket(accept4(shared_->socket.number(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket.is_open()) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        return;
      }
      tune(socket.number());
      auto tls = tls_session(shared_->options.agreement, socket.number(), TlsSession::Side::server);
      const auto connection =
          std::make_shared<Connection>(shared_, std::move(socket), std::move(tls));
      {
        const std::lock_guard lock(shared_->mutex);
        shared_->connections.emplace(connection.get(), connection);
      }
      connection->begin();
    }
  }

 private:
  std::shared_ptr<Shared> shared_;  ///< Owned by the server and its connections.
};

/// Has all connections show life, again and again while there is a server.
void Server::show_life_later(const std::shared_ptr<Shared>& shared) {
  const Nanoseconds silence = shared->options.agreement.silence;
  if (silence <= Nanoseconds(0)) return;
  shared->reactor.call_at(deadline_in(silence / kSilenceChecks), [weak = std::weak_ptr(shared)] {
    const auto still = weak.lock();
    if (!still) return;
    for (const auto& connection : still->all()) connection->show_life();
    show_life_later(still);
  });
}

Server::Server(Reactor& reactor, ListeningSocket listening, Options options, FindHost find_host)
    : shared_(new Shared{.reactor = reactor,
                         .socket = std::move(listening.socket),
                         .address = std::move(listening.address),
                         .options = std::move(options),
                         .find_host = std::move(find_host),
                         .mutex = {},
                         .connections = {}}) {
  shared_->watch = reactor.watch(shared_->socket.number(), EPOLLIN | EPOLLET,
                                 std::make_shared<Acceptor>(shared_));
  show_life_later(shared_);
}

Server::~Server() { close(); }

const Address& Server::address() const { return shared_->address; }

void Server::refuse() { shared_->is_refusing = true; }

bool Server::drain(Deadline until) {
  constexpr Nanoseconds kPause = std::chrono::milliseconds(1);
  while (true) {
    const auto connections = shared_->all();
    if (std::ranges::all_of(connections, [](const auto& each) { return each->is_drained(); }))
      return true;
    if (now() >= until) return false;
    std::this_thread::sleep_for(kPause);
  }
}

void Server::close() {
  refuse();
  shared_->reactor.unwatch(std::exchange(shared_->watch, 0), shared_->socket.number());
  for (const auto& connection : shared_->all()) connection->close();
}

}  // namespace bourse::program
