#include "bourse/base/units.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>

namespace bourse {
namespace {

template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

/// Any non-negative double of everyday magnitude, with all its bits.
double any_value() {
  return std::ldexp(static_cast<double>(*rc::gen::inRange<std::int64_t>(0, 1LL << 53)),
                    *rc::gen::inRange(-80, 20));
}

TEST(ParseNumber, ReadsAWholeText) {
  EXPECT_EQ(parse_number(" -1.5e3 ").value(), -1500);
  EXPECT_EQ(parse_number("+4").value(), 4);
  EXPECT_EQ(error_of(parse_number("")), "an empty text is not a number");
  EXPECT_EQ(error_of(parse_number("4x")), "'4x' is not a number");
  EXPECT_EQ(error_of(parse_number("x")), "'x' does not start with a number");
  EXPECT_EQ(error_of(parse_number("nan")), "'nan' is not a finite number");
  EXPECT_EQ(error_of(parse_number("inf")), "'inf' is not a finite number");
  EXPECT_EQ(error_of(parse_number("1e999")), "'1e999' is out of the range of a number");
}

TEST(ParseSeconds, ReadsUnitsAndChains) {
  EXPECT_EQ(parse_seconds("90").value(), Seconds(90));
  EXPECT_EQ(parse_seconds("1.5h").value(), Seconds(5400));
  EXPECT_EQ(parse_seconds("20 ms").value(), Seconds(0.02));
  EXPECT_EQ(parse_seconds("1h30m").value(), Seconds(5400));
  EXPECT_EQ(parse_seconds("1w 2d 3h 4min 5s").value(), Seconds(604800 + 172800 + 10800 + 240 + 5));
}

TEST(ParseSeconds, SaysWhatIsWrong) {
  EXPECT_EQ(error_of(parse_seconds("")), "an empty text is not a duration");
  EXPECT_EQ(error_of(parse_seconds("5 parsecs")),
            "'5 parsecs' has no known unit of time; use one of ns, us, ms, s, min, h, d, w");
  EXPECT_EQ(error_of(parse_seconds("30m1h")), "'30m1h' does not go from large units to small ones");
  EXPECT_EQ(error_of(parse_seconds("1h1h")), "'1h1h' does not go from large units to small ones");
  EXPECT_EQ(error_of(parse_seconds("-3s")), "'-3s' is negative");
  EXPECT_EQ(error_of(parse_seconds("-3")), "'-3' is negative");
  EXPECT_EQ(error_of(parse_seconds("1h-3s")), "'1h-3s' is negative");
  EXPECT_EQ(error_of(parse_seconds("1e308w")), "'1e308w' is out of the range of a number");
  EXPECT_EQ(error_of(parse_seconds("1e300s")), "'1e300s' is beyond 1e12 s");
  EXPECT_EQ(error_of(parse_seconds("1e13")), "'1e13' is beyond 1e12 s");
  EXPECT_EQ(error_of(parse_seconds("1e10w")), "'1e10w' is beyond 1e12 s");
  EXPECT_EQ(parse_seconds("1e12").value(), kLongestStated);
  EXPECT_EQ(error_of(parse_seconds("1h30")),
            "'1h30' has no known unit of time; use one of ns, us, ms, s, min, h, d, w");
}

TEST(ParseBytes, KnowsPowersOf1000And1024) {
  EXPECT_EQ(parse_bytes("4GiB").value(), Bytes(4294967296.0));
  EXPECT_EQ(parse_bytes("300 MB").value(), Bytes(3e8));
  EXPECT_EQ(parse_bytes("0").value(), Bytes(0));
  EXPECT_EQ(error_of(parse_bytes("4")),
            "'4' has no known unit of size; use one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB");
  EXPECT_EQ(error_of(parse_bytes("4gb")),
            "'4gb' has no known unit of size; use one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB");
  EXPECT_EQ(error_of(parse_bytes("")), "an empty text is not a size");
  EXPECT_EQ(error_of(parse_bytes("-1B")), "'-1B' is negative");
  EXPECT_EQ(error_of(parse_bytes("1e308TB")), "'1e308TB' is out of the range of a number");
}

TEST(ParseBytesPerSecond, KnowsBitsAndBytes) {
  EXPECT_EQ(parse_bytes_per_second("10Gbit/s").value(), BytesPerSecond(1.25e9));
  EXPECT_EQ(parse_bytes_per_second("2GB/s").value(), BytesPerSecond(2e9));
  const std::string units =
      " has no known unit of rate; use one of kbit/s, Mbit/s, Gbit/s, kB/s, MB/s, GB/s, MiB/s";
  EXPECT_EQ(error_of(parse_bytes_per_second("10")), "'10'" + units);
  EXPECT_EQ(error_of(parse_bytes_per_second("10Gbit")), "'10Gbit'" + units);
  EXPECT_EQ(error_of(parse_bytes_per_second("10/s")), "'10/s'" + units);
  EXPECT_EQ(error_of(parse_bytes_per_second("-1B/s")), "'-1B/s' is negative");
}

TEST(ToText, PrefersTheLargestUnitThatIsExact) {
  EXPECT_EQ(to_text(Bytes(4294967296.0)), "4GiB");
  EXPECT_EQ(to_text(Bytes(3e8)), "300MB");
  EXPECT_EQ(to_text(Bytes(0)), "0B");
  EXPECT_EQ(to_text(Bytes(0.5)), "0.5B");
  EXPECT_EQ(to_text(BytesPerSecond(1.25e9)), "1250MB/s");
  EXPECT_EQ(to_text(Seconds(90)), "90s");
}

RC_GTEST_PROP(ToText, ReadsBackAsTheSameValue, ()) {
  const double value = any_value();
  const Seconds time = std::min(Seconds(value), kLongestStated);
  RC_ASSERT(parse_seconds(to_text(time)).value() == time);
  RC_ASSERT(parse_bytes(to_text(Bytes(value))).value() == Bytes(value));
  RC_ASSERT(parse_bytes_per_second(to_text(BytesPerSecond(value))).value() ==
            BytesPerSecond(value));
  RC_ASSERT(parse_number(number_text(-value)).value() == -value);
}

RC_GTEST_PROP(ParseSeconds, EndsForAnyText, (const std::string& text)) {
  const auto seconds = parse_seconds(text);
  if (seconds)
    RC_ASSERT(std::isfinite(seconds->value) && seconds->value >= 0);
  else
    RC_ASSERT(!seconds.error().message.empty());
}

TEST(Human, HasTwoUnits) {
  EXPECT_EQ(human(Seconds(0)), "0.0s");
  EXPECT_EQ(human(Seconds(0.01234)), "0.0123s");
  EXPECT_EQ(human(Seconds(45.21)), "45.2s");
  EXPECT_EQ(human(Seconds(754)), "12m 34s");
  EXPECT_EQ(human(Seconds(11520)), "3h 12m");
  EXPECT_EQ(human(Seconds(2 * 86400 + 5 * 3600)), "2d 05h");
  EXPECT_EQ(human(Seconds(1e300)), "1e+300s");
  EXPECT_EQ(human(kForever), "forever");
}

}  // namespace
}  // namespace bourse
