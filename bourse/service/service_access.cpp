#include <fmt/core.h>

#include <algorithm>

#include "bourse/base/text.h"
#include "bourse/service/service.h"

namespace bourse {

Result<Caller> Service::caller_of(const std::string& token) const {
  const auto found = std::ranges::find(tokens_, id_in_token(token), &StoredToken::id);
  return bourse::caller_of(token, found == tokens_.end() ? nullptr : &*found,
                           world_.clock.unix_time());
}

Result<MadeToken> Service::create_token(const TokenRequest& request) {
  BOURSE_TRY(MadeToken made, make_token(request, world_.random.bits(), world_.random.token(),
                                        world_.clock.unix_time()));
  const auto at = std::ranges::lower_bound(tokens_, made.stored.id, {}, &StoredToken::id);
  if (at != tokens_.end() && at->id == made.stored.id)
    return fail(ErrorCode::unavailable, "the id of the new token is in use; try again");
  BOURSE_TRY_VOID(turn([&] { store_->put_token(made.stored); }));
  tokens_.insert(at, made.stored);
  return made;
}

Result<StoredToken> Service::revoke_token(const std::string& id) {
  const auto at = std::ranges::find(tokens_, id, &StoredToken::id);
  if (at == tokens_.end())
    return fail(ErrorCode::not_found, fmt::format("there is no token '{}'", quotable(id)));
  StoredToken token = *at;
  BOURSE_TRY_VOID(turn([&] { store_->remove_token(id); }));
  tokens_.erase(at);
  return token;
}

Result<std::string> Service::owner_of(JobNumber number) {
  if (const auto at = jobs_.find(number); at != jobs_.end()) return at->second.record.owner;
  const std::optional<StoredJob> record = store_->job(number);
  if (!record) return fail(ErrorCode::not_found, fmt::format("there is no job {}", number));
  return record->owner;
}

}  // namespace bourse
