#include "bourse/service/http_connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr std::size_t kPiece = 16 << 10;
constexpr int kSliceMs = 100;  ///< How soon the end of the server is noticed.
constexpr Seconds kLinger{1};
constexpr std::size_t kMostLingered = std::size_t{8} << 20;

thread_local HttpConnection* served_here = nullptr;

Seconds now() {
  using Clock = std::chrono::steady_clock;
  return Seconds(std::chrono::duration<double>(Clock::now().time_since_epoch()).count());
}

std::string file_text(const char* path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// As in /proc/net/tcp: the words of the address as they are in memory, then the port.
std::string table_address(const sockaddr_storage& address) {
  std::string text;
  if (address.ss_family == AF_INET) {
    sockaddr_in ip{};
    std::memcpy(&ip, &address, sizeof ip);
    return fmt::format("{:08X}:{:04X}", ip.sin_addr.s_addr, ntohs(ip.sin_port));
  }
  sockaddr_in6 ip{};
  std::memcpy(&ip, &address, sizeof ip);
  for (std::size_t word = 0; word < 4; ++word) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, ip.sin6_addr.s6_addr + 4 * word, sizeof bits);
    text += fmt::format("{:08X}", bits);
  }
  return text + fmt::format(":{:04X}", ntohs(ip.sin6_port));
}

bool is_loopback(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    sockaddr_in ip{};
    std::memcpy(&ip, &address, sizeof ip);
    return (ntohl(ip.sin_addr.s_addr) >> 24) == 127;
  }
  sockaddr_in6 ip{};
  std::memcpy(&ip, &address, sizeof ip);
  return IN6_IS_ADDR_LOOPBACK(&ip.sin6_addr) != 0;
}

std::string text_of_ip(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes =
      address.ss_family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&address)->sin_addr)
          : &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  return inet_ntop(address.ss_family, bytes, text, sizeof text) == nullptr ? "unknown" : text;
}

/// Asked twice: a socket that is given up while it is looked up shows as root's, and is seen to be
/// given up the second time.
std::optional<std::uint32_t> user_over_loopback(const sockaddr_storage& here,
                                                const sockaddr_storage& there) {
  const char* const table = here.ss_family == AF_INET ? "/proc/net/tcp" : "/proc/net/tcp6";
  const std::string local = table_address(there);
  const std::string remote = table_address(here);
  const auto first = user_in_table(file_text(table), local, remote);
  const auto second = user_in_table(file_text(table), local, remote);
  return first == second ? first : std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> user_in_table(std::string_view table, std::string_view local,
                                           std::string_view remote) {
  for (const std::string_view line : split(table, '\n')) {
    // sl local remote state queues timer retransmits uid timeout inode ...
    std::vector<std::string_view> words;
    for (const std::string_view word : split(line, ' '))
      if (!word.empty()) words.push_back(word);
    if (words.size() < 10 || words[1] != local || words[2] != remote) continue;
    const auto uid = parse_number(words[7]);
    if (words[3] != "01" || words[9] == "0" || !uid) return std::nullopt;
    return static_cast<std::uint32_t>(*uid);
  }
  return std::nullopt;
}

HttpPeer peer_of(int socket) {
  sockaddr_storage there{};
  socklen_t size = sizeof there;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&there), &size) != 0)
    return {.address = "unknown", .uid = std::nullopt};
  if (there.ss_family == AF_UNIX) {
    ucred credentials{};
    size = sizeof credentials;
    HttpPeer peer{.address = "unix", .uid = std::nullopt};
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0)
      peer.uid = credentials.uid;
    return peer;
  }
  HttpPeer peer{.address = text_of_ip(there), .uid = std::nullopt};
  sockaddr_storage here{};
  size = sizeof here;
  if (is_loopback(there) && getsockname(socket, reinterpret_cast<sockaddr*>(&here), &size) == 0)
    peer.uid = user_over_loopback(here, there);
  return peer;
}

HttpConnection::HttpConnection(int socket, SSL_CTX* context, HttpPeer peer,
                               const ConnectionLimits& limits, std::function<bool()> is_over)
    : socket_(socket), peer_(std::move(peer)), limits_(limits), is_over_(std::move(is_over)) {
  fcntl(socket_, F_SETFL, fcntl(socket_, F_GETFL) | O_NONBLOCK);
  served_here = this;
  if (context == nullptr) return;
  ssl_ = SSL_new(context);
  is_broken_ = ssl_ == nullptr || SSL_set_fd(ssl_, socket_) != 1;
}

HttpConnection::~HttpConnection() {
  served_here = nullptr;
  if (ssl_ != nullptr) {
    ERR_clear_error();
    if (!is_broken_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
  }
  shutdown(socket_, SHUT_RDWR);
  close(socket_);
}

HttpConnection* HttpConnection::current() { return served_here; }

bool HttpConnection::wait_until(Seconds deadline) {
  while (!is_over_()) {
    const double left = (deadline - now()).value;
    if (left <= 0) return false;
    pollfd file{.fd = socket_, .events = wanted_, .revents = 0};
    const int slice = std::min(kSliceMs, static_cast<int>(left * 1000) + 1);
    const int count = poll(&file, 1, slice);
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
  return false;
}

bool HttpConnection::open() {
  if (is_broken_) return false;
  if (ssl_ == nullptr) return true;
  const Seconds deadline = now() + limits_.request_within;
  while (true) {
    ERR_clear_error();
    const int code = SSL_accept(ssl_);
    if (code == 1) return true;
    const int error = SSL_get_error(ssl_, code);
    wanted_ = error == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;
    const bool goes_on = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    if (!goes_on || !wait_until(deadline)) {
      is_broken_ = true;
      return false;
    }
  }
}

ssize_t HttpConnection::try_read(char* bytes, std::size_t size) {
  wanted_ = POLLIN;
  if (ssl_ == nullptr) {
    const ssize_t count = recv(socket_, bytes, size, 0);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return 0;
    return count;
  }
  ERR_clear_error();
  const int count = SSL_read(ssl_, bytes, static_cast<int>(size));
  if (count > 0) return count;
  const int error = SSL_get_error(ssl_, count);
  if (error == SSL_ERROR_WANT_WRITE) wanted_ = POLLOUT;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return -1;
  is_broken_ = error != SSL_ERROR_ZERO_RETURN;
  return 0;
}

ssize_t HttpConnection::try_write(const char* bytes, std::size_t size) {
  wanted_ = POLLOUT;
  if (ssl_ == nullptr) {
    const ssize_t count = send(socket_, bytes, size, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return 0;
    return count;
  }
  ERR_clear_error();
  const int count = SSL_write(ssl_, bytes, static_cast<int>(std::min(size, kPiece)));
  if (count > 0) return count;
  const int error = SSL_get_error(ssl_, count);
  if (error == SSL_ERROR_WANT_READ) wanted_ = POLLIN;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return -1;
  is_broken_ = true;
  return 0;
}

bool HttpConnection::fill(Seconds deadline) {
  char piece[kPiece];
  while (true) {
    const ssize_t count = try_read(piece, sizeof piece);
    if (count == 0) return false;
    if (count > 0) {
      buffer_.assign(piece, static_cast<std::size_t>(count));
      at_ = 0;
      return true;
    }
    if (!wait_until(deadline)) return false;
  }
}

bool HttpConnection::await_request() {
  caller.reset();
  if (at_ == buffer_.size() && !fill(now() + limits_.idle)) return false;
  deadline_ = now() + limits_.request_within;
  left_ = limits_.request_size;
  return true;
}

ssize_t HttpConnection::read(char* bytes, std::size_t size) {
  if (left_ == 0 || (at_ == buffer_.size() && !fill(deadline_))) {
    is_last_ = true;  // Where the next request begins is not known.
    return -1;
  }
  const std::size_t count = std::min({size, buffer_.size() - at_, left_});
  std::memcpy(bytes, buffer_.data() + at_, count);
  at_ += count;
  left_ -= count;
  return static_cast<ssize_t>(count);
}

ssize_t HttpConnection::write(const char* bytes, std::size_t size) {
  std::size_t sent = 0;
  Seconds deadline = now() + limits_.write_within;
  while (sent < size) {
    const ssize_t count = try_write(bytes + sent, size - sent);
    if (count == 0) return -1;
    if (count > 0) {
      sent += static_cast<std::size_t>(count);
      deadline = now() + limits_.write_within;
    } else if (!wait_until(deadline)) {
      return -1;
    }
  }
  return static_cast<ssize_t>(sent);
}

void HttpConnection::linger() {
  if (ssl_ == nullptr) shutdown(socket_, SHUT_WR);
  const Seconds deadline = now() + kLinger;
  for (std::size_t taken = 0; taken < kMostLingered && now() < deadline; taken += buffer_.size())
    if (!fill(deadline)) return;
}

bool HttpConnection::is_readable() const { return at_ < buffer_.size() || !is_broken_; }
bool HttpConnection::is_writable() const { return !is_broken_ && !is_over_(); }

void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  ip = peer_.address;
  port = 0;
}

void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  ip.clear();
  port = 0;
}

}  // namespace bourse
