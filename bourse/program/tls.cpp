#include "bourse/program/tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <limits>

#include "bourse/base/check.h"
#include "bourse/base/text.h"

namespace bourse::program {
namespace {

std::string last_error() {
  char text[256] = {};
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "it is not in PEM";
  ERR_error_string_n(code, text, sizeof text);
  const std::string_view all(text);
  return std::string(all.substr(all.rfind(':') + 1));
}

tl::unexpected<Error> unusable(std::string_view what, const std::string& path) {
  return fail(ErrorCode::invalid_argument,
              fmt::format("{} '{}' cannot be used: {}", what, quotable(path), last_error()));
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsFiles& files) {
  if (files.certificate.empty() || files.key.empty() || files.authority.empty())
    return fail(ErrorCode::invalid_argument,
                "TLS needs three files: a certificate, its key, and the authority of the peers");
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_ = SSL_CTX_new(TLS_method());
  BOURSE_CHECK(made->context_ != nullptr);
  SSL_CTX_set_min_proto_version(made->context_, TLS1_3_VERSION);
  SSL_CTX_set_num_tickets(made->context_, 0);
  SSL_CTX_set_verify(made->context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_mode(made->context_, SSL_MODE_AUTO_RETRY);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(made->context_, files.certificate.c_str()) != 1)
    return unusable("certificate", files.certificate);
  if (SSL_CTX_use_PrivateKey_file(made->context_, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(made->context_) != 1)
    return unusable("key", files.key);
  if (SSL_CTX_load_verify_locations(made->context_, files.authority.c_str(), nullptr) != 1)
    return unusable("authority", files.authority);
  return made;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, Side side)
    : context_(std::move(context)), session_(SSL_new(context_->context_)) {
  BOURSE_CHECK(session_ != nullptr);
  SSL_set_bio(session_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (side == Side::client)
    SSL_set_connect_state(session_);
  else
    SSL_set_accept_state(session_);
}

TlsSession::~TlsSession() { SSL_free(session_); }

bool TlsSession::fails() {
  const long verified = SSL_get_verify_result(session_);
  const std::string said = last_error();
  why_ = verified == X509_V_OK
             ? fmt::format("TLS: {}", said)
             : fmt::format("TLS: {} ({})", said, X509_verify_cert_error_string(verified));
  return false;
}

bool TlsSession::is_established() const { return SSL_is_init_finished(session_) == 1; }

bool TlsSession::greet() {
  ERR_clear_error();
  const int done = SSL_do_handshake(session_);
  if (done == 1) return true;
  return SSL_get_error(session_, done) == SSL_ERROR_WANT_READ || fails();
}

bool TlsSession::take(std::string_view wire, std::string& plain) {
  BOURSE_CHECK(wire.size() < std::numeric_limits<int>::max());
  BIO_write(SSL_get_rbio(session_), wire.data(), static_cast<int>(wire.size()));
  if (!is_established()) {
    if (!greet()) return false;
    if (!is_established()) return true;
  }
  constexpr std::size_t kRecord = 16384;
  while (true) {
    const std::size_t before = plain.size();
    plain.resize(before + kRecord);
    ERR_clear_error();
    const int count = SSL_read(session_, plain.data() + before, kRecord);
    plain.resize(before + static_cast<std::size_t>(std::max(count, 0)));
    if (count > 0) continue;
    const int error = SSL_get_error(session_, count);
    if (error == SSL_ERROR_WANT_READ) return true;
    if (error != SSL_ERROR_ZERO_RETURN) return fails();
    why_ = "the other end closed it";
    return false;
  }
}

bool TlsSession::put(std::string_view plain) {
  ERR_clear_error();
  while (!plain.empty()) {
    const int count =
        SSL_write(session_, plain.data(),
                  static_cast<int>(std::min<std::size_t>(plain.size(), std::size_t{1} << 30)));
    if (count <= 0) return fails();
    plain.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void TlsSession::take_output(std::string& wire) {
  BIO* const output = SSL_get_wbio(session_);
  const std::size_t size = BIO_ctrl_pending(output);
  if (size == 0) return;
  const std::size_t before = wire.size();
  wire.resize(before + size);
  BIO_read(output, wire.data() + before, static_cast<int>(size));
}

}  // namespace bourse::program
