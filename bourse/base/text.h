#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bourse {

/// The text without white space at either end.
[[nodiscard]] std::string_view trim(std::string_view text);

/// Splits at every `separator`; "a,,b" has three parts, the empty text has one.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// The candidate with the smallest edit distance to `word` (the first of equals), or an empty view
/// if none is closer than half of the word's length. For "did you mean" sentences.
/// Cost: O(candidates x length^2).
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

/// "; did you mean 'x'?" for the nearest candidate, or "; known: a, b, c" if none is near.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> candidates);

/// The text fit for one line of a message: control characters escaped, at most `max` bytes.
[[nodiscard]] std::string quotable(std::string_view text, std::size_t max = 60);

}  // namespace bourse
