#pragma once

#include <compare>
#include <limits>

namespace bourse {

/// A number with its unit in the type. Sums and scaling stay in the unit; anything else takes the
/// bare number out with `.value` and says so.
template <class Tag>
struct Quantity {
  double value = 0;

  constexpr Quantity() = default;
  constexpr explicit Quantity(double v) : value(v) {}

  constexpr Quantity& operator+=(Quantity other) {
    value += other.value;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value -= other.value;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value + b.value);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value - b.value);
  }
  friend constexpr Quantity operator*(Quantity a, double b) { return Quantity(a.value * b); }
  friend constexpr Quantity operator*(double a, Quantity b) { return Quantity(a * b.value); }
  friend constexpr Quantity operator/(Quantity a, double b) { return Quantity(a.value / b); }
  friend constexpr double operator/(Quantity a, Quantity b) { return a.value / b.value; }
  friend constexpr auto operator<=>(Quantity, Quantity) = default;
};

using Seconds =
    Quantity<struct SecondsTag>;  ///< A duration, or an instant since the workload began.
using Bytes = Quantity<struct BytesTag>;
using BytesPerSecond = Quantity<struct BytesPerSecondTag>;

/// Later than every instant.
inline constexpr Seconds kForever{std::numeric_limits<double>::infinity()};

/// Time that `size` takes at `rate`; infinite at rate 0.
constexpr Seconds operator/(Bytes size, BytesPerSecond rate) {
  return Seconds(size.value / rate.value);
}

}  // namespace bourse
