#include "bourse/service/access.h"

#include <fmt/core.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/engine/agent_seal.h"

namespace bourse {
namespace {

constexpr std::array<std::string_view, 3> kRoles{"viewer", "user", "admin"};
constexpr std::string_view kPrefix = "bourse_";
constexpr std::size_t kIdSize = 8;
constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kLongestUser = 64;
constexpr std::size_t kLongestNote = 200;

bool is_in_names(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-' || c == '@';
}

}  // namespace

std::string_view name_of(Role role) { return kRoles.at(static_cast<std::size_t>(role)); }

std::optional<Role> parse_role(std::string_view name) {
  const auto found = std::ranges::find(kRoles, name);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<Role>(found - kRoles.begin());
}

bool owns(const Caller& caller, std::string_view owner) {
  return caller.role == Role::admin || (caller.role == Role::user && caller.user == owner);
}

TokenView view_of(const StoredToken& token) {
  return {.id = token.id,
          .user = token.user,
          .role = token.role,
          .note = token.note,
          .created = token.created,
          .expires = token.expires,
          .token = std::nullopt};
}

bool is_user_name(std::string_view name) {
  return !name.empty() && name.size() <= kLongestUser && std::ranges::all_of(name, is_in_names);
}

std::string sha256_of(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  BOURSE_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) ==
               1);
  std::string hex;
  for (unsigned i = 0; i < size; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

Result<MadeToken> make_token(const TokenRequest& request, std::uint64_t id_bits,
                             const std::string& secret, Seconds now) {
  BOURSE_CHECK(secret.size() == kSecretSize);
  if (!is_user_name(request.user))
    return invalid(fmt::format("user: '{}' is no name; {}", quotable(request.user), kUserNameRule));
  if (request.note.size() > kLongestNote)
    return invalid(fmt::format("note: is longer than {} bytes", kLongestNote));
  if (request.lifetime && !(*request.lifetime > Seconds(0)))
    return invalid("lifetime: is not more than 0");
  const std::string id = fmt::format("{:08x}", static_cast<std::uint32_t>(id_bits));
  MadeToken made{.token = fmt::format("{}{}_{}", kPrefix, id, secret), .stored = {}};
  made.stored = {.id = id,
                 .user = request.user,
                 .role = request.role,
                 .hash = sha256_of(made.token),
                 .note = request.note,
                 .created = now,
                 .expires = std::nullopt};
  if (request.lifetime) made.stored.expires = now + *request.lifetime;
  return made;
}

std::string_view id_in_token(std::string_view token) {
  const bool is_token = token.size() == kPrefix.size() + kIdSize + 1 + kSecretSize &&
                        token.starts_with(kPrefix) && token[kPrefix.size() + kIdSize] == '_';
  return is_token ? token.substr(kPrefix.size(), kIdSize) : std::string_view();
}

Result<Caller> caller_of(std::string_view token, const StoredToken* stored, Seconds now) {
  const std::string hash = sha256_of(token);
  const bool is_known = stored != nullptr && is_same_secret(hash, stored->hash) &&
                        (!stored->expires || now < *stored->expires);
  if (!is_known)
    return fail(ErrorCode::unauthenticated,
                "the token is not known, was revoked or has expired; an admin makes one with "
                "'bourse token create'");
  return Caller{.user = stored->user, .role = stored->role, .token = stored->id};
}

}  // namespace bourse
