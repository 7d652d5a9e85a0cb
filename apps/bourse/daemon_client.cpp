#include "apps/bourse/daemon_client.h"

#include <fmt/core.h>
#include <httplib.h>
#include <openssl/ssl.h>

#include <csignal>

#include "bourse/service/api_json.h"

namespace bourse {
namespace {

constexpr int kConnectSeconds = 5;
constexpr int kAnswerSeconds = 30;
constexpr int kStreamSeconds = 60;  ///< Streams of events give a sign of life every 15 s.

std::string with_query(const std::string& path, const DaemonClient::Query& query) {
  std::string out = path;
  char separator = '?';
  for (const auto& [name, value] : query) {
    out += fmt::format("{}{}={}", separator, name, url_part(value));
    separator = '&';
  }
  return out;
}

httplib::Client client_for(const ServerAddress& address) {
  return httplib::Client(address.socket.empty() ? address.text() : address.socket);
}

/// What a peer showed when its certificate was looked at.
struct PinnedCertificate {
  std::string wanted;
  std::string shown;
};

/// Takes the certificate with the fingerprint, and no other, whoever has signed it.
int check_fingerprint(X509_STORE_CTX* store, void* data) {
  PinnedCertificate& pinned = *static_cast<PinnedCertificate*>(data);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509* const certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate == nullptr || X509_digest(certificate, EVP_sha256(), digest, &size) != 1)
    return 0;
  pinned.shown.clear();
  for (unsigned i = 0; i < size; ++i) pinned.shown += fmt::format("{:02x}", digest[i]);
  if (pinned.shown == pinned.wanted) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
  return 0;
}

}  // namespace

class DaemonClient::Connection {
 public:
  explicit Connection(ServerAddress address)
      : address_(std::move(address)), client_(client_for(address_)) {
    std::signal(SIGPIPE, SIG_IGN);
    if (!address_.socket.empty()) {
      client_.set_address_family(AF_UNIX);
      client_.set_default_headers({{"Host", "localhost"}});
    }
    if (!address_.token.empty()) client_.set_bearer_token_auth(address_.token);
    if (!address_.ca.empty()) client_.set_ca_cert_path(address_.ca);
    if (!address_.fingerprint.empty()) pin();
    client_.set_keep_alive(true);
    client_.set_connection_timeout(kConnectSeconds);
    client_.set_read_timeout(kAnswerSeconds);
  }

  httplib::Client& client() { return client_; }

  [[nodiscard]] Result<std::string> body_of(httplib::Result result) const {
    if (!result) return fail_to_reach(result.error());
    if (result->status >= 400) return tl::unexpected<Error>(error_from_json(result->body));
    return std::move(result->body);
  }

  [[nodiscard]] tl::unexpected<Error> fail_to_reach(httplib::Error error) const {
    if (!pinned_.shown.empty() && pinned_.shown != pinned_.wanted)
      return fail(ErrorCode::failed_precondition,
                  fmt::format("the certificate of {} has the fingerprint {}, not the one that was "
                              "named; somebody may be in between",
                              address_.text(), pinned_.shown));
    if (error == httplib::Error::SSLServerVerification)
      return fail(ErrorCode::failed_precondition,
                  fmt::format("the certificate of {} is not trusted; add '#sha256:' and its "
                              "fingerprint to the address, as 'bourse serve' tells it, or name a "
                              "file of trusted certificates in $BOURSE_CA",
                              address_.text()));
    if (error == httplib::Error::Read)
      return fail(ErrorCode::unavailable,
                  fmt::format("the daemon at {} broke off without an answer", address_.text()));
    return fail(
        ErrorCode::unavailable,
        fmt::format("no daemon answers at {}; start one with 'bourse serve'", address_.text()));
  }

 private:
  /// Verification by fingerprint in place of that by a chain and a name.
  void pin() {
    pinned_.wanted = address_.fingerprint;
    client_.enable_server_certificate_verification(false);
    SSL_CTX* const context = client_.ssl_context();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, check_fingerprint, &pinned_);
  }

  ServerAddress address_;
  PinnedCertificate pinned_;
  httplib::Client client_;
};

DaemonClient::DaemonClient(ServerAddress address)
    : connection_(std::make_unique<Connection>(std::move(address))) {}

DaemonClient::~DaemonClient() = default;

Result<std::string> DaemonClient::get(const std::string& path, const Query& query) {
  return connection_->body_of(connection_->client().Get(with_query(path, query)));
}

Result<std::string> DaemonClient::post(const std::string& path, const Query& query,
                                       const std::string& json) {
  return connection_->body_of(
      connection_->client().Post(with_query(path, query), json, "application/json"));
}

Result<std::string> DaemonClient::remove(const std::string& path) {
  return connection_->body_of(connection_->client().Delete(path));
}

Result<void> DaemonClient::stream(const std::string& path, const Query& query,
                                  const std::function<bool(std::string_view)>& take) {
  int status = 0;
  std::string refusal;
  bool has_left = false;
  connection_->client().set_read_timeout(kStreamSeconds);
  const auto result = connection_->client().Get(
      with_query(path, query),
      [&status](const httplib::Response& response) {
        status = response.status;
        return true;
      },
      [&](const char* data, std::size_t size) {
        if (status >= 400) {
          refusal.append(data, size);
          return true;
        }
        has_left = !take(std::string_view(data, size));
        return !has_left;
      });
  if (status >= 400) return tl::unexpected<Error>(error_from_json(refusal));
  if (has_left || result) return {};
  return connection_->fail_to_reach(result.error());
}

void DaemonClient::stop() { connection_->client().stop(); }

std::string url_part(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (is_plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void EventLines::take(std::string_view piece,
                      const std::function<void(const std::string&)>& event) {
  for (const char c : piece) {
    if (c != '\n') {
      line_ += c;
      continue;
    }
    if (line_.empty() && !data_.empty()) {
      event(data_);
      data_.clear();
    }
    constexpr std::string_view kData = "data: ";
    if (line_.starts_with(kData)) data_ += line_.substr(kData.size());
    line_.clear();
  }
}

}  // namespace bourse
