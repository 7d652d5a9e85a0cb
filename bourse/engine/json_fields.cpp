#include "bourse/engine/json_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bourse/base/text.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

tl::unexpected<Error> wrong(const char* name, std::string_view right) {
  return invalid(fmt::format("field '{}' must be {}", name, right));
}

/// The field, or null if there is none.
const Json& at(const Json& object, const char* name) {
  static const Json null;
  const auto field = object.find(name);
  return field == object.end() ? null : *field;
}

}  // namespace

Result<Json> parse_object(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object())
    return fail(ErrorCode::data_corrupted,
                fmt::format("'{}' is not a JSON object", quotable(text)));
  return json;
}

Result<double> number_field(const Json& object, const char* name, double low, double high) {
  const Json& field = at(object, name);
  const double value = field.is_number() ? field.get<double>() : std::nan("");
  if (std::isfinite(value) && value >= low && value <= high) return value;
  return wrong(name, low >= 0 ? "a finite number, not negative" : "a finite number");
}

Result<std::uint64_t> whole_field(const Json& object, const char* name, std::uint64_t most) {
  const Json& field = at(object, name);
  if (field.is_number_unsigned() && field.get<std::uint64_t>() <= most)
    return field.get<std::uint64_t>();
  return wrong(name, fmt::format("a whole number from 0 to {}", most));
}

Result<bool> flag_field(const Json& object, const char* name) {
  const Json& field = at(object, name);
  if (field.is_boolean()) return field.get<bool>();
  return wrong(name, "true or false");
}

Result<std::string> text_field(const Json& object, const char* name) {
  const Json& field = at(object, name);
  if (field.is_string()) return field.get<std::string>();
  return wrong(name, "text");
}

Result<std::size_t> choice_field(const Json& object, const char* name,
                                 std::span<const std::string_view> choices) {
  BOURSE_TRY(const std::string word, text_field(object, name));
  const auto found = std::ranges::find(choices, word);
  if (found == choices.end())
    return invalid(
        fmt::format("field '{}' is '{}'{}", name, quotable(word), suggestion(word, choices)));
  return static_cast<std::size_t>(found - choices.begin());
}

Result<const Json*> list_field(const Json& object, const char* name) {
  const Json& field = at(object, name);
  if (field.is_array()) return &field;
  return wrong(name, "a list");
}

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace bourse
