#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

// Who may do what (docs/security.md).

/// What somebody may do; each may do what those before it may, but for a viewer's view of others.
enum class Role : std::uint8_t {
  viewer,  ///< Sees what there is, but for logs and job files; changes nothing.
  user,    ///< Submits jobs; sees and cancels their own only.
  admin,   ///< Everything.
};

/// "admin".
[[nodiscard]] std::string_view name_of(Role role);
/// The role of that name, if there is one.
[[nodiscard]] std::optional<Role> parse_role(std::string_view name);

/// Who asks.
struct Caller {
  std::string user;          ///< Owner of what they submit.
  Role role = Role::viewer;  ///< The least, so that whoever forgets to set it gives nothing away.
  std::string token;         ///< Id of the token; empty: the system vouched for them.
};

/// True if the caller may see and change what belongs to `owner`.
[[nodiscard]] bool owns(const Caller& caller, std::string_view owner);

/// A token as it is stored: not the token itself.
struct StoredToken {
  std::string id;  ///< Part of the token, for people: eight hexadecimal digits.
  std::string user;
  Role role = Role::user;
  std::string hash;  ///< SHA-256 of the token, hexadecimal.
  std::string note;  ///< What it is for; may be empty.
  Seconds created{0};
  std::optional<Seconds> expires;  ///< Nothing: never.
};

/// What a token shall be.
struct TokenRequest {
  std::string user;
  Role role = Role::user;
  std::string note;
  std::optional<Seconds> lifetime;
};

/// What is told of a token. The token itself is there once only: when it is made.
struct TokenView {
  std::string id;
  std::string user;
  Role role = Role::user;
  std::string note;
  Seconds created{0};
  std::optional<Seconds> expires;
  std::optional<std::string> token;
};

struct TokenList {
  std::vector<TokenView> tokens;  ///< By id.
};

/// What is told of it.
[[nodiscard]] TokenView view_of(const StoredToken& token);

/// True for 1 to 64 letters, digits, '.', '_', '-' and '@'.
[[nodiscard]] bool is_user_name(std::string_view name);
inline constexpr std::string_view kUserNameRule =
    "use 1 to 64 letters, digits, '.', '_', '-' or '@'";

/// SHA-256, hexadecimal.
[[nodiscard]] std::string sha256_of(std::string_view text);

/// A token, for whom it was made, and what is stored of it.
struct MadeToken {
  std::string token;
  StoredToken stored;
};

/// Makes a token "bourse_<id>_<secret>". `secret` is 32 random hexadecimal
/// digits (RandomSource::token), `id_bits` names it.
/// Errors: invalid_argument if the user has no name (is_user_name), the note is longer than 200
/// bytes, or the lifetime is not positive.
[[nodiscard]] Result<MadeToken> make_token(const TokenRequest& request, std::uint64_t id_bits,
                                           const std::string& secret, Seconds now);

/// The id within a token; empty if it cannot be one.
[[nodiscard]] std::string_view id_in_token(std::string_view token);

/// Whose token it is. Errors: unauthenticated if it is not known or has expired; which of the
/// two is not told.
[[nodiscard]] Result<Caller> caller_of(std::string_view token, const StoredToken* stored,
                                       Seconds now);

}  // namespace bourse
