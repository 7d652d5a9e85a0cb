#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bourse {

/// The text as one field of CSV: in quotes, with its quotes doubled, if it holds a comma, a quote,
/// a line break or a blank at an end. Source: RFC 4180.
[[nodiscard]] std::string csv_field(std::string_view text);

/// A line of CSV, ended by "\n".
[[nodiscard]] std::string csv_line(const std::vector<std::string>& fields);

}  // namespace bourse
