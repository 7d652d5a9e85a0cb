#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

struct ssl_ctx_st;
struct ssl_st;

namespace bourse::program {

/// Files in PEM of what a process shows others, and what it believes.
struct TlsFiles {
  std::string certificate;  ///< Own, followed by those between it and the authority.
  std::string key;          ///< Of the own certificate.
  std::string authority;    ///< Only peers whose certificate comes from here are talked to.

  [[nodiscard]] bool is_empty() const {
    return certificate.empty() && key.empty() && authority.empty();
  }
};

/// What all connections of a process by TLS 1.3 share. Both ends show a certificate. Who a
/// certificate names does not matter: the token of the run says which processes belong together.
class TlsContext {
 public:
  /// Errors: invalid_argument for files that are not what they should be, in one sentence.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> make(const TlsFiles& files);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

 private:
  friend class TlsSession;
  TlsContext() = default;
  ssl_ctx_st* context_ = nullptr;
};

/// One connection: turns plain bytes into those on the wire and back; knows of no socket. Not for
/// several threads at a time.
class TlsSession {
 public:
  enum class Side : bool { client, server };
  TlsSession(std::shared_ptr<const TlsContext> context, Side side);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// Goes on with the greeting as far as what has arrived allows. False if it has failed.
  bool greet();
  [[nodiscard]] bool is_established() const;
  /// Takes bytes of the wire and adds what they say to `plain`. False if they are wrong, or the
  /// other end does not believe us.
  bool take(std::string_view wire, std::string& plain);
  /// Plain bytes for the other end. Requires is_established().
  bool put(std::string_view plain);
  /// Adds the bytes that are to go out to `wire`.
  void take_output(std::string& wire);
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  bool fails();

  std::shared_ptr<const TlsContext> context_;  ///< Owned by all sessions and the process.
  ssl_st* session_ = nullptr;
  std::string why_;
};

}  // namespace bourse::program
