#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "bourse/base/quantity.h"
#include "bourse/service/access.h"

namespace bourse {

// Connections of the HTTP server: TLS, and limits on what a peer may take. Included by .cpp files
// of the server alone.

/// Who is at the other end, as far as the system says.
struct HttpPeer {
  std::string address;               ///< "unix", or the IP address.
  std::optional<std::uint32_t> uid;  ///< Of a peer on this machine whose user is known.
};

struct ConnectionLimits {
  Seconds request_within{10};    ///< From its first byte to its last, and the handshake of TLS.
  Seconds idle{1};               ///< Between requests.
  Seconds write_within{10};      ///< Without progress of what is sent.
  std::size_t request_size = 0;  ///< Bytes of a request with its headers.
};

/// A connection that was accepted. While it is served it belongs to one thread.
class HttpConnection final : public httplib::Stream {
 public:
  /// Takes over the socket. `context` null: no TLS. `is_over` tells that the server ends; it is
  /// asked several times a second while the peer is waited for.
  HttpConnection(int socket, SSL_CTX* context, HttpPeer peer, const ConnectionLimits& limits,
                 std::function<bool()> is_over);
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;
  /// Ends TLS in order if it can be done at once, and closes the socket.
  ~HttpConnection() override;

  /// The handshake of TLS. False if it failed or took too long.
  bool open();
  /// Waits for the first byte of a request, whose limits count from then. False: there is none.
  bool await_request();
  /// No more requests over this connection: what is left of the body was not read.
  void close_after_answer() { is_last_ = true; }
  [[nodiscard]] bool is_last() const { return is_last_; }
  /// Reads for a moment what the peer still sends, so that it gets to read the answer.
  void linger();

  [[nodiscard]] const HttpPeer& peer() const { return peer_; }
  /// Who made the request, once it is known.
  std::optional<Caller> caller;
  /// The connection that this thread serves: the library does not hand it to its handlers.
  static HttpConnection* current();

  [[nodiscard]] bool is_readable() const override;
  [[nodiscard]] bool is_writable() const override;
  ssize_t read(char* bytes, std::size_t size) override;
  ssize_t write(const char* bytes, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  /// Not its number: the library would refuse large ones, as select() does.
  [[nodiscard]] socket_t socket() const override { return 0; }

 private:
  /// What came at once, or -1 with `wanted_` set to the events to wait for; 0 at the end.
  ssize_t try_read(char* bytes, std::size_t size);
  ssize_t try_write(const char* bytes, std::size_t size);
  /// Waits for `wanted_`. False once the time is over or the server ends.
  bool wait_until(Seconds deadline);
  bool fill(Seconds deadline);

  int socket_;
  SSL* ssl_ = nullptr;
  HttpPeer peer_;
  ConnectionLimits limits_;
  std::function<bool()> is_over_;
  short wanted_ = 0;
  bool is_last_ = false;
  bool is_broken_ = false;
  Seconds deadline_{0};   ///< Of the request that is read.
  std::size_t left_ = 0;  ///< Bytes that it may still have.
  std::string buffer_;    ///< Received and not read.
  std::size_t at_ = 0;    ///< What of it was read.
};

/// The peer of an accepted socket. Over loopback the user comes from the tables of the kernel.
[[nodiscard]] HttpPeer peer_of(int socket);

/// The user of the socket with these ends in a table of /proc/net/tcp (or tcp6): `local` and
/// `remote` as the table writes them. Nothing if there is no such socket, if it is not established,
/// or if no process holds it any more: the kernel calls such sockets root's.
[[nodiscard]] std::optional<std::uint32_t> user_in_table(std::string_view table,
                                                         std::string_view local,
                                                         std::string_view remote);

}  // namespace bourse
