#include "bourse/service/http_routes.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/service/api_json.h"
#include "bourse/service/prometheus.h"

namespace bourse {
namespace {

constexpr std::size_t kChangesAtOnce = 256;
constexpr Seconds kKeepAlive{15};  ///< Between signs of life on a stream of events.
constexpr Seconds kLogPollEvery{0.2};
constexpr std::chrono::milliseconds kPulse{50};  ///< Between pieces of a stream of events.

/// Parts of a path that a route left open, in its order.
using Parts = std::vector<std::string_view>;
using Handler = HttpReply (*)(const HttpContext&, const HttpRequest&, const Parts&);

struct Route {
  RouteName name;
  Right right;
  Handler handler;
  std::vector<std::string_view> query;  ///< Parameters that it knows.
};

Result<std::uint64_t> whole_of(std::string_view name, std::string_view text, std::uint64_t low,
                               std::uint64_t high) {
  const Result<double> number = parse_number(text);
  if (!number || *number < static_cast<double>(low) || *number > static_cast<double>(high) ||
      *number != static_cast<double>(static_cast<std::uint64_t>(*number)))
    return invalid(fmt::format("{}: '{}' is not a whole number from {} to {}", name, quotable(text),
                               low, high));
  return static_cast<std::uint64_t>(*number);
}

constexpr std::uint64_t kMaxNumber = std::uint64_t{1} << 53;

Result<std::uint64_t> whole_in(const HttpRequest& request, const std::string& name,
                               std::uint64_t low, std::uint64_t high, std::uint64_t otherwise) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return otherwise;
  return whole_of(name, found->second, low, high);
}

Result<bool> flag_in(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return false;
  if (found->second.empty() || found->second == "true" || found->second == "1") return true;
  if (found->second == "false" || found->second == "0") return false;
  return invalid(fmt::format("{}: '{}' is not true or false", name, quotable(found->second)));
}

template <class T>
HttpReply reply_of(const Result<T>& result, int status = 200) {
  if (!result) return error_reply(result.error());
  HttpReply reply;
  reply.status = status;
  reply.body = to_json(*result);
  return reply;
}

HttpReply text_reply(std::string text) {
  HttpReply reply;
  reply.content_type = "text/plain; charset=utf-8";
  reply.body = std::move(text);
  return reply;
}

/// The error of a job that is somebody else's: nobody learns which numbers there are.
Result<void> check_owner(Api& api, JobNumber number, const Caller& caller, bool is_viewer_let_in) {
  if (caller.role == Role::admin || (is_viewer_let_in && caller.role == Role::viewer)) return {};
  BOURSE_TRY(const std::string owner, api.owner_of(number));
  if (owns(caller, owner)) return {};
  return fail(ErrorCode::not_found, fmt::format("there is no job {}", number));
}

/// Does what a handler needs on the loop and answers with what came of it.
template <class T>
HttpReply asked(const HttpContext& context, std::function<Result<T>()> work, int status = 200) {
  return reply_of(context.loop.call<T>(std::move(work)), status);
}

Result<JobQuery> query_of(const HttpRequest& request) {
  JobQuery query;
  if (const auto found = request.query.find("state"); found != request.query.end()) {
    for (const std::string_view word : split(found->second, ',')) {
      const auto phase = parse_job_phase(word);
      if (word == "live") {
        for (int p = 0; p < kJobPhaseCount; ++p)
          if (!is_end(static_cast<JobPhase>(p))) query.phases.push_back(static_cast<JobPhase>(p));
      } else if (phase) {
        query.phases.push_back(*phase);
      } else {
        return invalid(
            fmt::format("state: there is no phase '{}'; known: live, waiting, starting, "
                        "running, pausing, backing-off, finished, declined, cancelled, "
                        "failed",
                        quotable(word)));
      }
    }
  }
  if (const auto found = request.query.find("group"); found != request.query.end())
    query.group = found->second;
  if (const auto found = request.query.find("user"); found != request.query.end())
    query.owner = found->second;
  BOURSE_TRY(query.before, whole_in(request, "before", 1, kMaxNumber, 0));
  BOURSE_TRY(query.limit, whole_in(request, "limit", 1, kMaxJobsListed, query.limit));
  return query;
}

HttpReply list_jobs(const HttpContext& context, const HttpRequest& request, const Parts&) {
  auto query = query_of(request);
  if (!query) return error_reply(query.error());
  if (request.caller.role == Role::user) query->owner = request.caller.user;
  return asked<JobList>(context, [&api = context.api, query = *query] { return api.jobs(query); });
}

Result<SubmitRequest> submission_of(const HttpRequest& request) {
  BOURSE_TRY(const bool is_dry_run, flag_in(request, "dry_run"));
  if (request.content_type == "application/json") {
    BOURSE_TRY(SubmitRequest submission, submit_request_from_json(request.body));
    submission.is_dry_run = submission.is_dry_run || is_dry_run;
    return submission;
  }
  SubmitRequest submission;
  submission.file = request.body;
  submission.is_dry_run = is_dry_run;
  return submission;
}

HttpReply submit_job(const HttpContext& context, const HttpRequest& request, const Parts&) {
  constexpr std::string_view kTypes[] = {"application/json", "application/yaml",
                                         "application/x-yaml", "text/yaml"};
  if (std::ranges::find(kTypes, request.content_type) == std::end(kTypes))
    return error_reply({ErrorCode::invalid_argument,
                        fmt::format("content type '{}' is not read; send application/yaml or "
                                    "application/json",
                                    quotable(request.content_type))},
                       415);
  auto submission = submission_of(request);
  if (!submission) return error_reply(submission.error());
  submission->user = request.caller.user;
  submission->is_admin = request.caller.role == Role::admin;
  const int status = submission->is_dry_run ? 200 : 201;
  return asked<SubmitReply>(
      context,
      [&api = context.api, submission = *std::move(submission)] { return api.submit(submission); },
      status);
}

Result<JobNumber> number_of(std::string_view part) {
  const auto number = whole_of("number", part, 1, kMaxNumber);
  if (!number)
    return fail(ErrorCode::not_found, fmt::format("there is no job '{}'", quotable(part)));
  return *number;
}

HttpReply show_job(const HttpContext& context, const HttpRequest& request, const Parts& parts) {
  const auto number = number_of(parts[0]);
  if (!number) return error_reply(number.error());
  return asked<JobDetail>(
      context, [&api = context.api, n = *number, caller = request.caller]() -> Result<JobDetail> {
        BOURSE_TRY_VOID(check_owner(api, n, caller, true));
        BOURSE_TRY(JobDetail detail, api.job(n));
        // A file may hold secrets.
        if (!owns(caller, detail.job.owner)) detail.file.clear();
        return detail;
      });
}

HttpReply cancel_job(const HttpContext& context, const HttpRequest& request, const Parts& parts) {
  const auto number = number_of(parts[0]);
  if (!number) return error_reply(number.error());
  return asked<JobView>(
      context, [&api = context.api, n = *number, caller = request.caller]() -> Result<JobView> {
        BOURSE_TRY_VOID(check_owner(api, n, caller, false));
        return api.cancel(n);
      });
}

HttpReply explain_job(const HttpContext& context, const HttpRequest& request, const Parts& parts) {
  const auto number = number_of(parts[0]);
  if (!number) return error_reply(number.error());
  return asked<ExplanationView>(
      context,
      [&api = context.api, n = *number, caller = request.caller]() -> Result<ExplanationView> {
        BOURSE_TRY_VOID(check_owner(api, n, caller, true));
        return api.explain(n);
      });
}

/// Part after part of a log, until its task has ended.
std::function<bool(std::string&)> log_stream(const HttpContext& context, JobNumber number,
                                             const std::string& task, std::uint64_t offset) {
  return [context, number, task, at = offset](std::string& piece) mutable {
    const Result<LogPart> part =
        context.loop.call<LogPart>([&api = context.api, number, task, from = at] {
          return api.log(number, task, from, kMaxLogPart);
        });
    if (!part || context.loop.is_stopped()) return false;
    piece += part->bytes;
    at = part->offset + part->bytes.size();
    if (!part->bytes.empty()) return true;
    if (part->is_complete) return false;
    context.loop.wait_for_change(~std::uint64_t{0}, kLogPollEvery);
    return true;
  };
}

HttpReply show_log(const HttpContext& context, const HttpRequest& request, const Parts& parts) {
  const auto number = number_of(parts[0]);
  if (!number) return error_reply(number.error());
  const auto offset = whole_in(request, "offset", 0, kMaxNumber, 0);
  if (!offset) return error_reply(offset.error());
  const auto limit = whole_in(request, "limit", 1, kMaxLogPart, kMaxLogPart);
  if (!limit) return error_reply(limit.error());
  const auto is_following = flag_in(request, "follow");
  if (!is_following) return error_reply(is_following.error());
  const auto named = request.query.find("task");
  const std::string task = named == request.query.end() ? "worker-0" : named->second;
  const auto part =
      context.loop.call<LogPart>([&api = context.api, n = *number, task, o = *offset, l = *limit,
                                  caller = request.caller]() -> Result<LogPart> {
        BOURSE_TRY_VOID(check_owner(api, n, caller, false));
        return api.log(n, task, o, l);
      });
  if (!part) return error_reply(part.error());
  HttpReply reply = text_reply(*is_following ? "" : part->bytes);
  if (*is_following) {
    reply.stream = log_stream(context, *number, task, *offset);
    return reply;
  }
  reply.headers.emplace_back("Bourse-Next-Offset",
                             fmt::format("{}", part->offset + part->bytes.size()));
  reply.headers.emplace_back("Bourse-Complete", part->is_complete ? "true" : "false");
  return reply;
}

HttpReply list_machines(const HttpContext& context, const HttpRequest& request, const Parts&) {
  return asked<MachineList>(context,
                            [&api = context.api, caller = request.caller]() -> Result<MachineList> {
                              BOURSE_TRY(MachineList list, api.machines());
                              for (MachineView& machine : list.machines)
                                std::erase_if(machine.jobs, [&](JobNumber number) {
                                  return !check_owner(api, number, caller, true).has_value();
                                });
                              return list;
                            });
}

HttpReply drain(const HttpContext& context, const HttpRequest& request, std::string_view machine,
                bool is_draining) {
  const auto given = request.query.find("reason");
  const std::string reason = given == request.query.end() ? "" : given->second;
  if (reason.size() > 1000)
    return error_reply({ErrorCode::invalid_argument, "reason: is longer than 1000 bytes"});
  return asked<MachineList>(context, [&api = context.api, name = std::string(machine), is_draining,
                                      reason] { return api.drain(name, is_draining, reason); });
}

HttpReply drain_machine(const HttpContext& context, const HttpRequest& request,
                        const Parts& parts) {
  return drain(context, request, parts[0], true);
}

HttpReply undrain_machine(const HttpContext& context, const HttpRequest& request,
                          const Parts& parts) {
  return drain(context, request, parts[0], false);
}

HttpReply list_prices(const HttpContext& context, const HttpRequest&, const Parts&) {
  return asked<PriceList>(context, [&api = context.api] { return api.prices(); });
}

Result<std::uint64_t> last_change(const HttpContext& context) {
  return context.loop.call<std::uint64_t>(
      [&api = context.api]() -> Result<std::uint64_t> { return api.last_change(); });
}

/// A user is told of their own jobs and of machines.
bool may_see(const Caller& caller, const ChangeView& change) {
  if (caller.role != Role::user) return true;
  return change.kind == "job" ? owns(caller, change.owner) : change.kind != "account";
}

/// Those after this one, from the feed or else from the journal.
Result<ChangeFeed::Entries> changes_after(const HttpContext& context, std::uint64_t number) {
  if (auto kept = context.feed.after(number, kChangesAtOnce)) return *std::move(kept);
  BOURSE_TRY(const std::vector<ChangeView> changes,
             context.loop.call<std::vector<ChangeView>>([&api = context.api, number] {
               return api.changes_after(number, kChangesAtOnce);
             }));
  ChangeFeed::Entries entries;
  for (const ChangeView& change : changes)
    entries.push_back(std::make_shared<ChangeFeed::Entry>(change, event_text(change)));
  return entries;
}

/// Changes in the order of their numbers. A reader that is slow only delays itself, and is cut off
/// when it takes nothing for a while: what it has not taken is in the journal when it comes again.
std::function<bool(std::string&)> change_stream(const HttpContext& context, std::uint64_t after,
                                                const Caller& caller) {
  return [context, caller, at = after, is_first = true, rests = false](std::string& piece) mutable {
    if (std::exchange(is_first, false)) {
      piece += "retry: 2000\n: changes follow\n\n";
      return true;
    }
    // What comes in quick succession goes out together: there may be hundreds who follow.
    if (std::exchange(rests, false)) std::this_thread::sleep_for(kPulse);
    context.loop.wait_for_change(at, kKeepAlive);
    if (context.loop.is_stopped()) return false;
    const auto changes = changes_after(context, at);
    if (!changes) return false;
    for (const auto& entry : *changes) {
      at = entry->change.number;
      if (may_see(caller, entry->change)) piece += entry->text;
    }
    rests = !changes->empty();
    if (piece.empty()) piece += ": alive\n\n";
    return true;
  };
}

HttpReply stream_events(const HttpContext& context, const HttpRequest& request, const Parts&) {
  const auto last = last_change(context);
  if (!last) return error_reply(last.error());
  Result<std::uint64_t> after = whole_in(request, "after", 0, kMaxNumber, *last);
  if (!request.last_event_id.empty())
    after = whole_of("Last-Event-ID", request.last_event_id, 0, kMaxNumber);
  if (!after) return error_reply(after.error());
  context.loop.notify(*last);
  HttpReply reply;
  reply.content_type = "text/event-stream";
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.stream = change_stream(context, *after, request.caller);
  return reply;
}

HttpReply show_metrics(const HttpContext& context, const HttpRequest&, const Parts&) {
  const auto figures =
      context.loop.call<MetricsView>([&api = context.api] { return api.metrics(); });
  if (!figures) return error_reply(figures.error());
  HttpReply reply = text_reply(prometheus_text(*figures));
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return reply;
}

/// The process answers, even if its loop does not.
HttpReply show_health(const HttpContext&, const HttpRequest&, const Parts&) {
  return text_reply("ok\n");
}

HttpReply show_ready(const HttpContext& context, const HttpRequest&, const Parts&) {
  const auto ready = context.loop.call<bool>([&api = context.api]() -> Result<bool> {
    BOURSE_TRY_VOID(api.ready());
    return true;
  });
  return ready ? text_reply("ready\n") : error_reply(ready.error(), 503);
}

HttpReply show_document(const HttpContext&, const HttpRequest&, const Parts&) {
  HttpReply reply;
  reply.body = std::string(openapi_document());
  return reply;
}

/// A user sees the accounts that they may use.
bool may_use(const Caller& caller, const Account& account) {
  return caller.role != Role::user || account.members.empty() ||
         std::ranges::binary_search(account.members, caller.user);
}

HttpReply list_accounts(const HttpContext& context, const HttpRequest& request, const Parts&) {
  return asked<AccountList>(
      context, [&api = context.api, caller = request.caller]() -> Result<AccountList> {
        BOURSE_TRY(AccountList list, api.accounts());
        std::erase_if(list.accounts,
                      [&](const Account& account) { return !may_use(caller, account); });
        return list;
      });
}

HttpReply show_account(const HttpContext& context, const HttpRequest& request, const Parts& parts) {
  return asked<AccountDetail>(context,
                              [&api = context.api, name = std::string(parts[0]),
                               caller = request.caller]() -> Result<AccountDetail> {
                                BOURSE_TRY(AccountDetail detail, api.account(name));
                                if (may_use(caller, detail.account)) return detail;
                                return fail(ErrorCode::not_found,
                                            fmt::format("there is no account '{}'", name));
                              });
}

HttpReply put_account(const HttpContext& context, const HttpRequest& request, const Parts&) {
  auto wanted = account_request_from_json(request.body);
  if (!wanted) return error_reply(wanted.error());
  return asked<Account>(context, [&api = context.api, wanted = *std::move(wanted)] {
    return api.put_account(wanted);
  });
}

HttpReply grant_credits(const HttpContext& context, const HttpRequest& request,
                        const Parts& parts) {
  const auto given = request.query.find("credits");
  const Result<double> credits = parse_number(given == request.query.end() ? "" : given->second);
  if (!credits) return error_reply({ErrorCode::invalid_argument, "credits: is no number"});
  return asked<Account>(context, [&api = context.api, name = std::string(parts[0]),
                                  amount = *credits] { return api.grant(name, amount); });
}

HttpReply list_tokens(const HttpContext& context, const HttpRequest&, const Parts&) {
  return asked<TokenList>(context, [&api = context.api] { return api.tokens(); });
}

HttpReply create_token(const HttpContext& context, const HttpRequest& request, const Parts&) {
  auto wanted = token_request_from_json(request.body);
  if (!wanted) return error_reply(wanted.error());
  HttpReply reply = asked<TokenView>(
      context,
      [&api = context.api, wanted = *std::move(wanted)] { return api.create_token(wanted); }, 201);
  reply.headers.emplace_back("Cache-Control", "no-store");
  return reply;
}

HttpReply revoke_token(const HttpContext& context, const HttpRequest&, const Parts& parts) {
  return asked<TokenView>(
      context, [&api = context.api, id = std::string(parts[0])] { return api.revoke_token(id); });
}

const std::vector<Route>& routes() {
  static const std::vector<Route> all = {
      {{"GET", "/v1/jobs"}, Right::see, list_jobs, {"state", "group", "user", "before", "limit"}},
      {{"POST", "/v1/jobs"}, Right::submit, submit_job, {"dry_run"}},
      {{"GET", "/v1/jobs/{number}"}, Right::see, show_job, {}},
      {{"DELETE", "/v1/jobs/{number}"}, Right::own, cancel_job, {}},
      {{"GET", "/v1/jobs/{number}/log"},
       Right::own,
       show_log,
       {"task", "offset", "limit", "follow"}},
      {{"GET", "/v1/jobs/{number}/explanation"}, Right::see, explain_job, {}},
      {{"GET", "/v1/machines"}, Right::see, list_machines, {}},
      {{"POST", "/v1/machines/{name}/drain"}, Right::admin, drain_machine, {"reason"}},
      {{"POST", "/v1/machines/{name}/undrain"}, Right::admin, undrain_machine, {"reason"}},
      {{"GET", "/v1/prices"}, Right::see, list_prices, {}},
      {{"GET", "/v1/events"}, Right::see, stream_events, {"after"}},
      {{"GET", "/v1/accounts"}, Right::see, list_accounts, {}},
      {{"POST", "/v1/accounts"}, Right::admin, put_account, {}},
      {{"GET", "/v1/accounts/{name}"}, Right::see, show_account, {}},
      {{"POST", "/v1/accounts/{name}/grant"}, Right::admin, grant_credits, {"credits"}},
      {{"GET", "/v1/tokens"}, Right::admin, list_tokens, {}},
      {{"POST", "/v1/tokens"}, Right::admin, create_token, {}},
      {{"DELETE", "/v1/tokens/{id}"}, Right::admin, revoke_token, {}},
      {{"GET", "/metrics"}, Right::see, show_metrics, {}},
      {{"GET", "/healthz"}, Right::open, show_health, {}},
      {{"GET", "/readyz"}, Right::open, show_ready, {}},
      {{"GET", "/openapi.json"}, Right::open, show_document, {}},
  };
  return all;
}

/// The parts of the path that the route leaves open, if it is this route's.
std::optional<Parts> match(std::string_view route, std::string_view path) {
  const auto wanted = split(route, '/');
  const auto given = split(path, '/');
  if (wanted.size() != given.size()) return std::nullopt;
  Parts parts;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i].starts_with('{') && !given[i].empty())
      parts.push_back(given[i]);
    else if (wanted[i] != given[i])
      return std::nullopt;
  }
  return parts;
}

}  // namespace

int http_status_of(ErrorCode code) {
  using enum ErrorCode;
  switch (code) {
    case invalid_argument:
      return 400;
    case not_found:
      return 404;
    case already_exists:
    case failed_precondition:
      return 409;
    case unauthenticated:
      return 401;
    case permission_denied:
      return 403;
    case resource_exhausted:
      return 429;
    case unavailable:
      return 503;
    case deadline_exceeded:
      return 504;
    case data_corrupted:
    case internal:
      return 500;
  }
  return 500;
}

std::string event_text(const ChangeView& change) {
  return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", change.number, change.kind,
                     to_json(change));
}

HttpReply error_reply(const Error& error, int status) {
  HttpReply reply;
  reply.status = status == 0 ? http_status_of(error.code) : status;
  reply.body = to_json(error);
  return reply;
}

std::vector<RouteName> all_routes() {
  std::vector<RouteName> names;
  for (const Route& route : routes()) names.push_back(route.name);
  return names;
}

Right right_of(std::string_view method, std::string_view path) {
  const std::string_view asked_for = method == "HEAD" ? "GET" : method;
  for (const Route& route : routes())
    if (route.name.method == asked_for && match(route.name.path, path)) return route.right;
  return Right::see;
}

Result<void> check_right(Right right, const Caller& caller) {
  const bool may_submit = caller.role != Role::viewer;
  const bool is_allowed = right == Right::admin
                              ? caller.role == Role::admin
                              : may_submit || right == Right::open || right == Right::see;
  if (is_allowed) return {};
  return fail(ErrorCode::permission_denied,
              fmt::format("the role {} does not allow it; it needs {}", name_of(caller.role),
                          right == Right::admin ? "an admin" : "a user or an admin"));
}

HttpReply answer(const HttpContext& context, const HttpRequest& request) {
  const std::string_view method_asked = request.method;
  const std::string_view method = method_asked == "HEAD" ? "GET" : method_asked;
  if (const auto may = check_right(right_of(method, request.path), request.caller); !may)
    return error_reply(may.error());
  std::string allowed;
  for (const Route& route : routes()) {
    const auto parts = match(route.name.path, request.path);
    if (!parts) continue;
    allowed += fmt::format("{}{}", allowed.empty() ? "" : ", ", route.name.method);
    if (route.name.method != method) continue;
    for (const auto& [name, value] : request.query)
      if (std::ranges::find(route.query, name) == route.query.end())
        return error_reply({ErrorCode::invalid_argument,
                            fmt::format("query parameter '{}' is not known{}", quotable(name),
                                        route.query.empty() ? "" : suggestion(name, route.query))});
    return route.handler(context, request, *parts);
  }
  if (allowed.empty())
    return error_reply(
        {ErrorCode::not_found, fmt::format("there is no '{}'; /openapi.json says what there is",
                                           quotable(request.path))});
  HttpReply reply =
      error_reply({ErrorCode::invalid_argument,
                   fmt::format("'{}' cannot be asked with {}; use {}", quotable(request.path),
                               quotable(request.method), allowed)},
                  405);
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

}  // namespace bourse
