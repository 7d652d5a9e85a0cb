#include "bourse/service/http_server.h"

#include <fmt/core.h>
#include <httplib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/service/audit.h"
#include "bourse/service/http_connection.h"
#include "bourse/service/http_gate.h"
#include "bourse/service/http_routes.h"
#include "bourse/service/loop_caller.h"

namespace bourse {
namespace {

constexpr std::size_t kMaxBody = std::size_t{2} << 20;  ///< A job file as JSON, with environment.
constexpr std::size_t kMaxHeaders = std::size_t{64} << 10;
constexpr std::size_t kRequestsPerConnection = 100;  ///< Then others get its thread.
constexpr std::size_t kChangesForFeed = 1024;
constexpr const char* kAnyPath = "[^]*";

constexpr int kConnectionsThatWait = 1024;  ///< In the kernel, to be accepted.

/// As many threads as there were connections at once, up to a bound: beyond it new connections wait
/// in the kernel.
class BoundedPool final : public httplib::TaskQueue {
 public:
  explicit BoundedPool(std::size_t most) : most_(most) {}
  void enqueue(std::function<void()> work) override {
    std::unique_lock lock(mutex_);
    has_place_.wait(lock, [this] { return busy_ < most_; });
    ++busy_;
    work_.push_back(std::move(work));
    if (busy_ > threads_.size())
      threads_.emplace_back([this] { serve(); });
    else
      has_work_.notify_one();
  }
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
      has_work_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void serve() {
    std::unique_lock lock(mutex_);
    while (true) {
      has_work_.wait(lock, [this] { return is_over_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      work();
      lock.lock();
      --busy_;
      has_place_.notify_one();
    }
  }

  std::size_t most_;
  std::mutex mutex_;
  std::condition_variable has_place_;
  std::condition_variable has_work_;
  std::deque<std::function<void()>> work_;  ///< Guarded by `mutex_`, as all here.
  std::size_t busy_ = 0;                    ///< Connections that are served or wait in work_.
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

/// Counts the streams that are open; gives its place back when the last copy is gone.
class StreamPlace {
 public:
  explicit StreamPlace(std::atomic<std::size_t>& open) : open_(open) {}
  StreamPlace(const StreamPlace&) = delete;
  StreamPlace& operator=(const StreamPlace&) = delete;
  ~StreamPlace() { --open_; }

 private:
  std::atomic<std::size_t>& open_;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

HttpRequest request_of(const httplib::Request& from) {
  HttpRequest request{.method = from.method,
                      .path = from.path,
                      .query = {},
                      .content_type = {},
                      .last_event_id = from.get_header_value("Last-Event-ID"),
                      .body = from.body};
  for (const auto& [name, value] : from.params) request.query[name] = value;
  const std::string type = from.get_header_value("Content-Type");
  request.content_type = lower(trim(std::string_view(type).substr(0, type.find(';'))));
  return request;
}

/// True if somebody answers at a unix socket.
bool is_answered(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool answered =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return answered;
}

/// Takes away the socket that a daemon left that did not end in order.
Result<void> clear_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return invalid(fmt::format("the path of the socket, '{}', is longer than {} bytes", path,
                               sizeof address.sun_path - 1));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode))
    return fail(ErrorCode::already_exists, fmt::format("'{}' is there and is no socket", path));
  if (is_answered(address))
    return fail(ErrorCode::already_exists, fmt::format("another daemon listens at '{}'", path));
  unlink(path.c_str());
  return {};
}

/// Without SO_REUSEPORT, with which two daemons could share a port.
void only_reuse_address(socket_t socket) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/// How many connections each address has.
class AddressBook {
 public:
  explicit AddressBook(std::size_t most) : most_(most) {}
  bool enter(const std::string& address) {
    const std::lock_guard lock(mutex_);
    std::size_t& count = open_[address];
    if (count >= most_) return false;
    ++count;
    return true;
  }
  void leave(const std::string& address) {
    const std::lock_guard lock(mutex_);
    if (--open_[address] == 0) open_.erase(address);
  }

 private:
  std::size_t most_;
  std::mutex mutex_;
  std::map<std::string, std::size_t> open_;  ///< Guarded by `mutex_`.
};

/// The library's server over connections of our own.
class LimitedServer final : public httplib::Server {
 public:
  LimitedServer(SSL_CTX* tls, const ConnectionLimits& limits, std::size_t connections_max)
      : tls_(tls), limits_(limits), addresses_(connections_max) {}

  /// The library lets five wait. Requires that it is bound.
  void lengthen_queue() { (void)::listen(svr_sock_, kConnectionsThatWait); }

 private:
  bool process_and_close_socket(socket_t socket) override {
    HttpPeer peer = peer_of(socket);
    const std::string address = peer.address;
    if (!addresses_.enter(address)) {
      close(socket);
      return false;
    }
    serve(socket, std::move(peer));
    addresses_.leave(address);
    return true;
  }

  void serve(socket_t socket, HttpPeer peer) {
    HttpConnection connection(socket, tls_, std::move(peer), limits_,
                              [this] { return svr_sock_ == INVALID_SOCKET; });
    if (!connection.open()) return;
    for (std::size_t left = keep_alive_max_count_; left > 0; --left) {
      if (!connection.await_request()) return;
      bool is_closed = false;
      const bool is_done = process_request(connection, left == 1, is_closed, nullptr);
      if (connection.is_last()) return connection.linger();
      if (!is_done || is_closed) return;
    }
  }

  SSL_CTX* tls_;
  ConnectionLimits limits_;
  AddressBook addresses_;
};

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeContext>;

Result<TlsContext> tls_context(const TlsFiles& files) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(ErrorCode::internal, "TLS could not be set up");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ERR_clear_error();
  const auto wrong = [](const std::string& what, const std::string& file) {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    return invalid(fmt::format("cannot use the {} '{}': {}", what, file,
                               reason == nullptr ? "it is not there or not PEM" : reason));
  };
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return wrong("certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1)
    return wrong("key", files.key);
  return context;
}

}  // namespace

class HttpServer::Implementation {
 public:
  Implementation(Api& api, std::function<void(std::function<void()>)> post,
                 const HttpOptions& options)
      : options_(options),
        post_(post),
        loop_(std::move(post), options.answer_within,
              [&api](const std::function<void()>& work) { return api.together(work); }),
        context_{api, loop_, feed_},
        gate_(context_, options) {}
  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;

  ~Implementation() {
    loop_.stop();
    for (const auto& server : servers_) server->stop();
    threads_.clear();
    if (is_socket_ours_) unlink(options_.socket.c_str());
  }

  Result<void> listen() {
    if (options_.tls) {
      BOURSE_TRY(tls_, tls_context(*options_.tls));
    }
    if (!options_.socket.empty()) BOURSE_TRY_VOID(listen_at_socket());
    if (options_.port >= 0) BOURSE_TRY_VOID(listen_at_port());
    for (const auto& server : servers_) server->lengthen_queue();
    for (const auto& server : servers_)
      threads_.emplace_back([&each = *server] { each.listen_after_bind(); });
    for (const auto& server : servers_)
      while (!server->is_running()) std::this_thread::yield();
    return {};
  }

  [[nodiscard]] int port() const { return port_; }
  void notify(std::uint64_t last_change) {
    if (open_streams_ == 0) feed_.begin_after(last_change);
    while (feed_.last() < last_change) {
      const auto changes = context_.api.changes_after(feed_.last(), kChangesForFeed);
      if (!changes || changes->empty()) break;
      for (const ChangeView& change : *changes) feed_.add({change, event_text(change)});
    }
    loop_.notify(last_change);
  }

 private:
  Result<void> listen_at_socket() {
    BOURSE_TRY_VOID(clear_socket(options_.socket));
    httplib::Server& server = add_server(false);
    server.set_address_family(AF_UNIX);
    const mode_t mask = umask(0177);
    errno = 0;
    const bool is_bound = server.bind_to_port(options_.socket, 1);
    const int reason = errno;
    umask(mask);
    if (!is_bound)
      return fail(ErrorCode::unavailable,
                  fmt::format("cannot listen at '{}': {}", options_.socket, std::strerror(reason)));
    is_socket_ours_ = true;
    return open_to_group();
  }

  Result<void> open_to_group() {
    if (!options_.socket_group) return {};
    constexpr mode_t kGroupToo = 0660;
    const char* const path = options_.socket.c_str();
    if (chown(path, static_cast<uid_t>(-1), *options_.socket_group) == 0 &&
        chmod(path, kGroupToo) == 0)
      return {};
    return fail(ErrorCode::failed_precondition,
                fmt::format("cannot give '{}' to group {}: {}", options_.socket,
                            *options_.socket_group, std::strerror(errno)));
  }

  Result<void> listen_at_port() {
    httplib::Server& server = add_server(true);
    server.set_tcp_nodelay(true);
    errno = 0;
    if (options_.port == 0)
      port_ = server.bind_to_any_port(options_.host);
    else
      port_ = server.bind_to_port(options_.host, options_.port) ? options_.port : -1;
    if (port_ >= 0) return {};
    const int reason = errno;
    const std::string address = fmt::format("{}:{}", options_.host, options_.port);
    if (reason == EADDRINUSE)
      return fail(ErrorCode::already_exists,
                  fmt::format("another process listens at {}; choose another port", address));
    return fail(ErrorCode::unavailable,
                fmt::format("cannot listen at {}: {}", address,
                            reason == 0 ? "there is no such address" : std::strerror(reason)));
  }

  httplib::Server& add_server(bool is_tcp) {
    const ConnectionLimits limits{.request_within = options_.request_within,
                                  .request_size = kMaxBody + kMaxHeaders};
    const std::size_t most = options_.requests_max + options_.streams_max;
    httplib::Server& server = *servers_.emplace_back(std::make_unique<LimitedServer>(
        is_tcp ? tls_.get() : nullptr, limits, is_tcp ? options_.connections_max : most));
    server.set_socket_options(only_reuse_address);
    server.set_payload_max_length(kMaxBody);
    server.set_keep_alive_max_count(kRequestsPerConnection);
    server.new_task_queue = [most] { return new BoundedPool(most); };
    server.set_pre_routing_handler(
        [this, is_tcp](const httplib::Request& from, httplib::Response& to) {
          return admit(from, to, is_tcp) ? httplib::Server::HandlerResponse::Unhandled
                                         : httplib::Server::HandlerResponse::Handled;
        });
    const auto handle = [this](const httplib::Request& from, httplib::Response& to) {
      HttpRequest request = request_of(from);
      request.caller = HttpConnection::current()->caller.value_or(Caller{});
      fill(to, answer(context_, request));
      if (from.method != "GET" && from.method != "HEAD") note(from, to.status);
    };
    server.Get(kAnyPath, handle).Post(kAnyPath, handle).Delete(kAnyPath, handle);
    server.Put(kAnyPath, handle).Patch(kAnyPath, handle).Options(kAnyPath, handle);
    server.set_error_handler([](const httplib::Request&, httplib::Response& to) {
      if (to.body.empty()) explain_status(to);
    });
    server.set_exception_handler([](const httplib::Request&, httplib::Response& to,
                                    const std::exception_ptr&) { to.status = 500; });
    return server;
  }

  /// Finds out who asks, before a body is read. False once the request was refused.
  bool admit(const httplib::Request& from, httplib::Response& to, bool is_tcp) {
    HttpConnection& connection = *HttpConnection::current();
    const std::optional<HttpReply> refusal = gate_.refusal_of(from, connection, is_tcp);
    if (!refusal) return true;
    fill_body(to, *refusal);
    note(from, to.status);
    // A body that is not read would be taken for the next request.
    if (from.has_header("Content-Length") || from.has_header("Transfer-Encoding"))
      connection.close_after_answer();
    return false;
  }

  /// Writes the request into the audit log.
  void note(const httplib::Request& from, int status) {
    if (!options_.audit) return;
    const HttpConnection& connection = *HttpConnection::current();
    const Caller caller = connection.caller.value_or(Caller{});
    AuditEntry entry{.user = caller.user,
                     .token = caller.token,
                     .address = connection.peer().address,
                     .uid = connection.peer().uid,
                     .method = from.method,
                     .path = from.path,
                     .status = status};
    if (connection.caller) entry.role = name_of(caller.role);
    post_([audit = options_.audit, line = audit_line(entry)] { audit(line); });
  }

  /// What the library refused by itself.
  static void explain_status(httplib::Response& to) {
    Error error{ErrorCode::invalid_argument, "the request is not HTTP that is understood"};
    if (to.status == 413) {
      error = {ErrorCode::resource_exhausted,
               fmt::format("the body is larger than {} MiB", kMaxBody >> 20)};
    } else if (to.status >= 500) {
      error = {ErrorCode::internal, "the request could not be answered"};
    }
    fill_body(to, error_reply(error, to.status));
  }

  static void fill_body(httplib::Response& to, const HttpReply& reply) {
    to.status = reply.status;
    for (const auto& [name, value] : reply.headers) to.set_header(name, value);
    to.set_content(reply.body, reply.content_type);
  }

  void fill(httplib::Response& to, HttpReply reply) {
    if (!reply.stream) return fill_body(to, reply);
    if (++open_streams_ > options_.streams_max) {
      --open_streams_;
      return fill_body(
          to, error_reply({ErrorCode::resource_exhausted,
                           fmt::format("{} streams are open already", options_.streams_max)}));
    }
    const auto place = std::make_shared<StreamPlace>(open_streams_);
    for (const auto& [name, value] : reply.headers) to.set_header(name, value);
    to.status = reply.status;
    to.set_chunked_content_provider(
        reply.content_type,
        [this, place, next = std::move(reply.stream)](std::size_t, httplib::DataSink& sink) {
          std::string piece;
          if (loop_.is_stopped()) return false;
          const bool goes_on = next(piece);
          if (!piece.empty() && !sink.write(piece.data(), piece.size())) return false;
          if (!goes_on) sink.done();
          return true;
        });
  }

  HttpOptions options_;
  std::function<void(std::function<void()>)> post_;
  LoopCaller loop_;
  ChangeFeed feed_;
  HttpContext context_;
  HttpGate gate_;
  TlsContext tls_;
  std::atomic<std::size_t> open_streams_ = 0;
  std::vector<std::unique_ptr<LimitedServer>> servers_;
  std::vector<std::jthread> threads_;
  int port_ = -1;
  bool is_socket_ours_ = false;
};

HttpServer::HttpServer(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(
    Api& api, std::function<void(std::function<void()>)> post, const HttpOptions& options) {
  auto implementation = std::make_unique<Implementation>(api, std::move(post), options);
  BOURSE_TRY_VOID(implementation->listen());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(implementation)));
}

int HttpServer::port() const { return implementation_->port(); }

void HttpServer::notify(std::uint64_t last_change) { implementation_->notify(last_change); }

}  // namespace bourse
