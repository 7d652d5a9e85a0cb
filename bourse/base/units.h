#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// Parses a finite decimal number that fills the whole text, e.g. "-1.5e3".
/// Errors: invalid_argument if there is anything else, NaN, infinity or overflow.
[[nodiscard]] Result<double> parse_number(std::string_view text);

/// The longest duration that a file or a person may state: over 30,000 years. Beyond it a double
/// cannot tell apart what is a few seconds apart once times are added up.
inline constexpr Seconds kLongestStated{1e12};

/// Parses a non-negative duration: a number and one of ns, us, ms, s, min, m, h, d, w, or a chain
/// of them from large to small ("1h30m"). A bare number is in seconds. Errors: invalid_argument for
/// an unknown unit (the message lists the known ones), a bad number or more than kLongestStated.
[[nodiscard]] Result<Seconds> parse_seconds(std::string_view text);

/// Parses a size: a number and one of B, kB, MB, GB, TB (powers of 1000), KiB, MiB, GiB, TiB.
/// Errors: invalid_argument, also for a bare number other than 0.
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

/// Parses a rate: a size and "/s" ("2GB/s"), or bit, kbit, Mbit, Gbit, Tbit and "/s" ("10Gbit/s").
/// Errors: invalid_argument, also for a bare number.
[[nodiscard]] Result<BytesPerSecond> parse_bytes_per_second(std::string_view text);

/// Shortest text that reads back as the same value: "90s" -> "1m30s" is not done; one unit only.
[[nodiscard]] std::string to_text(Seconds value);
[[nodiscard]] std::string to_text(Bytes value);
[[nodiscard]] std::string to_text(BytesPerSecond value);

/// Shortest decimal text that reads back as the same double.
[[nodiscard]] std::string number_text(double value);

/// A duration for people, two largest units: "3h 12m", "45.2s".
[[nodiscard]] std::string human(Seconds value);

}  // namespace bourse
