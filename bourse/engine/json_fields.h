#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

// Fields of a JSON object that a peer or a file holds. Errors of all: invalid_argument if the field
// is missing or not of its kind; the message names the field and what would be right.

/// One object that fills the whole text. Errors: data_corrupted.
[[nodiscard]] Result<nlohmann::json> parse_object(std::string_view text);
/// A finite number within bounds.
[[nodiscard]] Result<double> number_field(const nlohmann::json& object, const char* name,
                                          double low = std::numeric_limits<double>::lowest(),
                                          double high = std::numeric_limits<double>::max());
/// A whole number from 0 to `most`.
[[nodiscard]] Result<std::uint64_t> whole_field(
    const nlohmann::json& object, const char* name,
    std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
[[nodiscard]] Result<bool> flag_field(const nlohmann::json& object, const char* name);
[[nodiscard]] Result<std::string> text_field(const nlohmann::json& object, const char* name);
/// Position of the word among the choices.
[[nodiscard]] Result<std::size_t> choice_field(const nlohmann::json& object, const char* name,
                                               std::span<const std::string_view> choices);
/// A list; a reference into the object.
[[nodiscard]] Result<const nlohmann::json*> list_field(const nlohmann::json& object,
                                                       const char* name);

/// One line of JSON; bytes that are no UTF-8 become the replacement character.
[[nodiscard]] std::string json_text(const nlohmann::json& json);

}  // namespace bourse
