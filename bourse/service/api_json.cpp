#include "bourse/service/api_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "bourse/base/text.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kBytesPerAmount = 1048.576;  ///< An amount of bytes is a thousandth of a MiB.

// The fields of each object, once for both ways: `visit` is a Writer or a Reader.

template <class V>
void fields(V& visit, PlacementView& x) {
  visit("machine", x.machine);
  visit("workers", x.workers);
  visit("servers", x.servers);
}

template <class V>
void fields(V& visit, JobView& x) {
  visit("number", x.number);
  visit("name", x.name);
  visit("group", x.group);
  visit("user", x.owner);
  visit("phase", x.phase);
  visit("reason", x.reason);
  visit("submitted_s", x.submitted);
  visit("started_s", x.started);
  visit("ended_s", x.ended);
  visit("promised_s", x.promised);
  visit("expected_s", x.expected);
  visit("samples", x.samples);
  visit("samples_done", x.samples_done);
  visit("samples_per_second", x.samples_per_second);
  visit("utility", x.utility);
  visit("workers", x.workers);
  visit("servers", x.servers);
  visit("epoch", x.epoch);
  visit("restarts", x.restarts);
  visit("resizes", x.resizes);
  visit("account", x.account);
  visit("charged", x.charged);
}

template <class V>
void fields(V& visit, JobStep& x) {
  visit("at_s", x.at);
  visit("phase", x.phase);
  visit("epoch", x.epoch);
  visit("what", x.what);
}

template <class V>
void fields(V& visit, PlanView& x) {
  visit("from_s", x.from);
  visit("to_s", x.to);
  visit("tasks", x.placement);
}

template <class V>
void fields(V& visit, SpeedView& x) {
  visit("workers", x.workers);
  visit("servers", x.servers);
  visit("seconds", x.seconds);
  visit("predicted", x.predicted);
  visit("measured", x.measured);
}

template <class V>
void fields(V& visit, JobDetail& x) {
  visit("job", x.job);
  visit("file", x.file);
  visit("placement", x.placement);
  visit("plan", x.plan);
  visit("history", x.history);
  visit("tasks", x.tasks);
  visit("loss", x.loss);
  visit("directory", x.directory);
  visit("speeds", x.speeds);
}

template <class V>
void fields(V& visit, JobList& x) {
  visit("jobs", x.jobs);
  visit("next_before", x.next_before);
}

template <class V>
void fields(V& visit, Forecast& x) {
  visit("is_admitted", x.is_admitted);
  visit("reason", x.reason);
  visit("starts_s", x.starts);
  visit("completes_s", x.completes);
  visit("utility", x.utility);
  visit("cost", x.cost);
  visit("plan", x.plan);
}

template <class V>
void fields(V& visit, SubmitRequest& x) {
  visit("file", x.file);
  visit("name", x.name);
  visit("directory", x.directory);
  visit("environment", x.environment);
  visit("dry_run", x.is_dry_run);
}

template <class V>
void fields(V& visit, SubmitReply& x) {
  visit("job", x.job);
  visit("forecast", x.forecast);
  visit("warnings", x.warnings);
}

template <class V>
void fields(V& visit, OptionView& x) {
  double payoff = x.utility - x.cost;
  visit("completion_s", x.completion);
  visit("utility", x.utility);
  visit("cost", x.cost);
  visit("payoff", payoff);
  visit("paid", x.paid);
  visit("cost_at_lowest_prices", x.cost_when_idle);
  visit("runs", x.runs);
}

template <class V>
void fields(V& visit, ExplanationView& x) {
  visit("job", x.job);
  visit("name", x.name);
  visit("time_s", x.at);
  visit("reason", x.reason);
  visit("booked", x.is_booked);
  visit("promised_s", x.promised);
  visit("best", x.best);
  visit("sooner", x.sooner);
  visit("later", x.later);
}

template <class V>
void fields(V& visit, ResourcePrice& x) {
  visit("resource", x.resource);
  visit("price", x.price);
}

template <class V>
void fields(V& visit, PriceList& x) {
  visit("policy", x.policy);
  visit("prices", x.prices);
}

template <class V>
void fields(V& visit, ChangeView& x) {
  visit("number", x.number);
  visit("at_s", x.at);
  visit("kind", x.kind);
  visit("job", x.job);
  visit("text", x.text);
}

template <class V>
void fields(V& visit, Account& x) {
  visit("name", x.name);
  visit("credits", x.credits);
  visit("period_s", x.period);
  visit("shares", x.shares);
  visit("members", x.members);
  visit("balance", x.balance);
  visit("renewed_s", x.renewed);
  visit("charged", x.charged);
  visit("refunded", x.refunded);
}

template <class V>
void fields(V& visit, AccountList& x) {
  visit("accounts", x.accounts);
}

template <class V>
void fields(V& visit, Charge& x) {
  visit("job", x.job);
  visit("account", x.account);
  visit("price", x.price);
  visit("refund", x.refund);
  visit("at_s", x.at);
  visit("promised_s", x.promised);
  visit("was_hit", x.was_hit);
}

template <class V>
void fields(V& visit, AccountDetail& x) {
  visit("account", x.account);
  visit("charges", x.charges);
}

template <class V>
void fields(V& visit, AccountRequest& x) {
  visit("name", x.name);
  visit("credits", x.credits);
  visit("period_s", x.period);
  visit("shares", x.shares);
  visit("members", x.members);
}

template <class V>
void fields(V& visit, TokenView& x) {
  visit("id", x.id);
  visit("user", x.user);
  visit("role", x.role);
  visit("note", x.note);
  visit("created_s", x.created);
  visit("expires_s", x.expires);
  visit("token", x.token);
}

template <class V>
void fields(V& visit, TokenList& x) {
  visit("tokens", x.tokens);
}

template <class V>
void fields(V& visit, TokenRequest& x) {
  visit("user", x.user);
  visit("role", x.role);
  visit("note", x.note);
  visit("lifetime_s", x.lifetime);
}

/// All of a machine but its amounts, which need the resource types.
template <class V>
void fields(V& visit, MachineView& x) {
  visit("name", x.name);
  visit("state", x.state);
  visit("reason", x.reason);
  visit("jobs", x.jobs);
}

class Writer {
 public:
  Json json = Json::object();

  template <class T>
  void operator()(const char* key, T& value) {
    json[key] = written(value);
  }

  template <class T>
  static Json written(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;
    } else {
      return of(value);
    }
  }

 private:
  static Json of(Seconds& value) {
    return std::isfinite(value.value) ? Json(value.value) : Json(nullptr);
  }
  static Json of(JobPhase& value) { return name_of(value); }
  static Json of(Role& value) { return name_of(value); }
  template <class T>
  static Json of(std::optional<T>& value) {
    return value ? written(*value) : Json(nullptr);
  }
  template <class T>
  static Json of(std::vector<T>& values) {
    Json list = Json::array();
    for (T& value : values) list.push_back(written(value));
    return list;
  }
  static Json of(std::map<std::string, std::string>& values) { return values; }
  static Json of(std::vector<std::pair<std::string, double>>& values) {
    Json map = Json::object();
    for (const auto& [key, value] : values) map[key] = value;
    return map;
  }
  template <class T>
    requires std::is_class_v<T>
  static Json of(T& value) {
    Writer inner;
    fields(inner, value);
    return std::move(inner.json);
  }
};

/// Takes values out of an object. The first thing that is wrong stays in `error`.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {
    if (!json.is_object()) error = "it is not an object";
  }
  std::string error;

  template <class T>
  void operator()(const char* key, T& value) {
    known.emplace_back(key);
    if (!error.empty()) return;
    const auto found = json_.find(key);
    if (found == json_.end()) return;
    std::string wrong;
    if (!read(*found, value, wrong))
      error = wrong.empty() ? fmt::format("'{}' has another type", key)
                            : fmt::format("in '{}': {}", key, wrong);
  }

  /// The first key of the object that was not asked for; empty if there is none.
  [[nodiscard]] std::string unknown_key() const {
    for (const auto& [key, value] : json_.items())
      if (std::find(known.begin(), known.end(), key) == known.end()) return key;
    return {};
  }
  std::vector<std::string_view> known;

 private:
  static bool read(const Json& json, std::string& value, std::string&) {
    if (!json.is_string()) return false;
    value = json.get<std::string>();
    return true;
  }
  static bool read(const Json& json, bool& value, std::string&) {
    if (!json.is_boolean()) return false;
    value = json.get<bool>();
    return true;
  }
  static bool read(const Json& json, double& value, std::string&) {
    if (!json.is_number()) return false;
    value = json.get<double>();
    return true;
  }
  template <class T>
    requires std::is_integral_v<T>
  static bool read(const Json& json, T& value, std::string&) {
    if (json.is_number_unsigned()) {
      const auto number = json.get<std::uint64_t>();
      if (!std::in_range<T>(number)) return false;
      value = static_cast<T>(number);
      return true;
    }
    if (!json.is_number_integer() || !std::in_range<T>(json.get<std::int64_t>())) return false;
    value = static_cast<T>(json.get<std::int64_t>());
    return true;
  }
  static bool read(const Json& json, Seconds& value, std::string& wrong) {
    if (json.is_null()) {
      value = kForever;
      return true;
    }
    return read(json, value.value, wrong);
  }
  static bool read(const Json& json, JobPhase& value, std::string& wrong) {
    if (!json.is_string()) return false;
    const auto phase = parse_job_phase(json.get_ref<const std::string&>());
    if (!phase) {
      wrong = fmt::format("there is no phase '{}'", quotable(json.get_ref<const std::string&>()));
      return false;
    }
    value = *phase;
    return true;
  }
  static bool read(const Json& json, Role& value, std::string& wrong) {
    if (!json.is_string()) return false;
    const auto role = parse_role(json.get_ref<const std::string&>());
    if (!role)
      wrong = fmt::format("there is no role '{}'; use viewer, user or admin",
                          quotable(json.get_ref<const std::string&>()));
    else
      value = *role;
    return role.has_value();
  }
  template <class T>
  static bool read(const Json& json, std::optional<T>& value, std::string& wrong) {
    value.reset();
    return json.is_null() || read(json, value.emplace(), wrong);
  }
  template <class T>
  static bool read(const Json& json, std::vector<T>& values, std::string& wrong) {
    if (!json.is_array()) return false;
    values.clear();
    for (const Json& item : json)
      if (!read(item, values.emplace_back(), wrong)) return false;
    return true;
  }
  static bool read(const Json& json, std::map<std::string, std::string>& values, std::string&) {
    if (!json.is_object()) return false;
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string()) return false;
      values[key] = value.get<std::string>();
    }
    return true;
  }
  static bool read(const Json& json, std::vector<std::pair<std::string, double>>& values,
                   std::string&) {
    if (!json.is_object()) return false;
    for (const auto& [key, value] : json.items()) {
      if (!value.is_number()) return false;
      values.emplace_back(key, value.get<double>());
    }
    return true;
  }
  template <class T>
    requires std::is_class_v<T>
  static bool read(const Json& json, T& value, std::string& wrong) {
    Reader inner(json);
    fields(inner, value);
    wrong = inner.error;
    return inner.error.empty();
  }

  const Json& json_;
};

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class T>
std::string written(T value) {
  return dumped(Writer::written(value));
}

Result<Json> parsed(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    return fail(ErrorCode::data_corrupted, "the answer of the daemon is not JSON");
  return json;
}

tl::unexpected<Error> wrong_answer(const std::string& what) {
  return fail(ErrorCode::data_corrupted,
              fmt::format("the answer of the daemon cannot be read: {}", what));
}

template <class T>
Result<T> read_as(std::string_view text) {
  BOURSE_TRY(const Json json, parsed(text));
  Reader reader(json);
  T value;
  fields(reader, value);
  if (!reader.error.empty()) return wrong_answer(reader.error);
  return value;
}

/// Of a body that people write: every key has to be known, and `required` there.
template <class T>
Result<T> read_strictly(std::string_view text, const char* required) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return invalid("the body is not JSON");
  Reader reader(json);
  T request;
  fields(reader, request);
  if (!reader.error.empty()) return invalid(fmt::format("the body: {}", reader.error));
  if (const std::string key = reader.unknown_key(); !key.empty())
    return invalid(fmt::format("the body: key '{}' is not known{}", quotable(key),
                               suggestion(key, reader.known)));
  if (!json.contains(required))
    return invalid(fmt::format("the body: key '{}' is missing", required));
  return request;
}

Json amounts_json(const ResourceTypes& types, const ResourceVector& amounts) {
  Json json = Json::object();
  for (std::size_t r = 0; r < amounts.size() && r < types.size(); ++r) {
    const auto amount = static_cast<double>(amounts[r]);
    json[types[r].name] =
        types[r].kind == ResourceKind::count ? amount / kAmountsPerUnit : amount * kBytesPerAmount;
  }
  return json;
}

bool read_amounts(const Json& json, const ResourceTypes& types, ResourceVector& amounts) {
  if (!json.is_object()) return false;
  amounts.assign(types.size(), 0);
  for (const auto& [name, value] : json.items()) {
    const auto index = types.find(name);
    if (!index || !value.is_number()) return false;
    const double number = value.get<double>();
    if (!(std::abs(number) < 1e18)) return false;
    amounts[*index] =
        std::llround(types[*index].kind == ResourceKind::count ? number * kAmountsPerUnit
                                                               : number / kBytesPerAmount);
  }
  return true;
}

bool read_types(const Json& json, ResourceTypes& types) {
  if (!json.is_array()) return false;
  for (const Json& item : json) {
    const std::string name = item.is_object() ? item.value("name", "") : "";
    const std::string kind = name.empty() ? "" : item.value("kind", "");
    if (kind != "count" && kind != "bytes") return false;
    if (!types.add(name, kind == "count" ? ResourceKind::count : ResourceKind::bytes)) return false;
  }
  return true;
}

}  // namespace

std::string to_json(const JobView& job) { return written(job); }
std::string to_json(const JobList& list) { return written(list); }
std::string to_json(const JobDetail& detail) { return written(detail); }
std::string to_json(const SubmitRequest& request) { return written(request); }
std::string to_json(const SubmitReply& reply) { return written(reply); }
std::string to_json(const ExplanationView& explanation) { return written(explanation); }
std::string to_json(const PriceList& list) { return written(list); }
std::string to_json(const ChangeView& change) { return written(change); }
std::string to_json(const TokenRequest& request) { return written(request); }
std::string to_json(const TokenView& token) { return written(token); }
std::string to_json(const TokenList& list) { return written(list); }
std::string to_json(const Account& account) { return written(account); }
std::string to_json(const AccountList& list) { return written(list); }
std::string to_json(const AccountDetail& detail) { return written(detail); }
std::string to_json(const AccountRequest& request) { return written(request); }

std::string to_json(const MachineList& list) {
  Json json;
  json["resources"] = Json::array();
  for (std::size_t r = 0; r < list.types.size(); ++r)
    json["resources"].push_back(
        {{"name", list.types[r].name},
         {"kind", list.types[r].kind == ResourceKind::count ? "count" : "bytes"}});
  json["machines"] = Json::array();
  for (MachineView machine : list.machines) {
    Json each = Writer::written(machine);
    each["capacity"] = amounts_json(list.types, machine.capacity);
    each["used"] = amounts_json(list.types, machine.used);
    json["machines"].push_back(std::move(each));
  }
  return dumped(json);
}

std::string to_json(const Error& error) {
  return dumped({{"error", {{"code", name_of(error.code)}, {"message", error.message}}}});
}

Result<JobView> job_view_from_json(std::string_view text) { return read_as<JobView>(text); }
Result<JobList> job_list_from_json(std::string_view text) { return read_as<JobList>(text); }
Result<JobDetail> job_detail_from_json(std::string_view text) { return read_as<JobDetail>(text); }
Result<SubmitReply> submit_reply_from_json(std::string_view text) {
  return read_as<SubmitReply>(text);
}
Result<ExplanationView> explanation_from_json(std::string_view text) {
  return read_as<ExplanationView>(text);
}
Result<PriceList> price_list_from_json(std::string_view text) { return read_as<PriceList>(text); }
Result<ChangeView> change_from_json(std::string_view text) { return read_as<ChangeView>(text); }

Result<SubmitRequest> submit_request_from_json(std::string_view text) {
  return read_strictly<SubmitRequest>(text, "file");
}

Result<TokenRequest> token_request_from_json(std::string_view text) {
  return read_strictly<TokenRequest>(text, "user");
}

Result<AccountRequest> account_request_from_json(std::string_view text) {
  return read_strictly<AccountRequest>(text, "name");
}
Result<Account> account_from_json(std::string_view text) { return read_as<Account>(text); }
Result<AccountList> account_list_from_json(std::string_view text) {
  return read_as<AccountList>(text);
}
Result<AccountDetail> account_detail_from_json(std::string_view text) {
  return read_as<AccountDetail>(text);
}

Result<TokenList> token_list_from_json(std::string_view text) { return read_as<TokenList>(text); }
Result<TokenView> token_view_from_json(std::string_view text) { return read_as<TokenView>(text); }

Result<MachineList> machine_list_from_json(std::string_view text) {
  BOURSE_TRY(const Json json, parsed(text));
  MachineList list;
  if (!json.is_object() || !json.contains("resources") ||
      !read_types(json["resources"], list.types))
    return wrong_answer("'resources' is no list of resources");
  if (!json.contains("machines") || !json["machines"].is_array())
    return wrong_answer("'machines' is no list");
  for (const Json& item : json["machines"]) {
    Reader reader(item);
    MachineView& machine = list.machines.emplace_back();
    fields(reader, machine);
    if (!reader.error.empty()) return wrong_answer(reader.error);
    if (!item.contains("capacity") ||
        !read_amounts(item["capacity"], list.types, machine.capacity) || !item.contains("used") ||
        !read_amounts(item["used"], list.types, machine.used))
      return wrong_answer("'capacity' or 'used' has no amounts of the resources");
  }
  return list;
}

Error error_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  Error error{ErrorCode::internal, "the answer of the daemon cannot be read"};
  if (!json.is_object() || !json.contains("error") || !json["error"].is_object()) return error;
  const Json& inner = json["error"];
  if (!inner.contains("message") || !inner["message"].is_string()) return error;
  error.message = inner["message"].get<std::string>();
  const std::string code =
      inner.contains("code") && inner["code"].is_string() ? inner["code"].get<std::string>() : "";
  using enum ErrorCode;
  for (const ErrorCode each : {invalid_argument, not_found, already_exists, failed_precondition,
                               unauthenticated, permission_denied, resource_exhausted, unavailable,
                               deadline_exceeded, data_corrupted, internal})
    if (name_of(each) == code) error.code = each;
  return error;
}

}  // namespace bourse
