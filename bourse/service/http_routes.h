#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/service/api.h"
#include "bourse/service/change_feed.h"
#include "bourse/service/loop_caller.h"

namespace bourse {

// What each path of the API answers, without sockets.

struct HttpRequest {
  std::string method;
  std::string path;  ///< Decoded, without the query.
  std::map<std::string, std::string> query;
  std::string content_type;   ///< Without parameters, in lower case.
  std::string last_event_id;  ///< Header Last-Event-ID.
  std::string body;
  Caller caller;  ///< Who asks.
};

struct HttpReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;
  /// Instead of a body: appends the next piece; false once there is no more. It waits for a bounded
  /// time and may append nothing, which is asked again.
  std::function<bool(std::string&)> stream;
};

/// HTTP status of an error.
[[nodiscard]] int http_status_of(ErrorCode code);
/// {"error": ...} with this status, or that of its code.
[[nodiscard]] HttpReply error_reply(const Error& error, int status = 0);

/// A method and path that is answered; "{number}" stands for one part of a path.
struct RouteName {
  std::string_view method;
  std::string_view path;
};
[[nodiscard]] std::vector<RouteName> all_routes();

/// What the handlers stand on; all outlive the request.
struct HttpContext {
  Api& api;  ///< Called on the loop only.
  LoopCaller& loop;
  ChangeFeed& feed;
};
/// A change as those who follow them get it.
[[nodiscard]] std::string event_text(const ChangeView& change);

/// Who must be known before the rest of a request is read.
enum class Right : std::uint8_t {
  open,    ///< Anybody.
  see,     ///< Anybody with a role; a user sees their own.
  own,     ///< Who submitted the job, and admins.
  submit,  ///< Users and admins.
  admin,
};
/// The right that a path needs, HEAD as GET. A path that is not served tells nobody anything:
/// `see`.
[[nodiscard]] Right right_of(std::string_view method, std::string_view path);
/// Errors: permission_denied if the role of the caller is too low.
[[nodiscard]] Result<void> check_right(Right right, const Caller& caller);

/// Answers a request of a caller who is known. Errors of all kinds are answers.
[[nodiscard]] HttpReply answer(const HttpContext& context, const HttpRequest& request);

/// The OpenAPI document, as it was built into the program.
[[nodiscard]] std::string_view openapi_document();

}  // namespace bourse
