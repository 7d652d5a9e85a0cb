#pragma once

#include <cstddef>
#include <cstdlib>
#include <type_traits>
#include <utility>

namespace bourse::program {

/// Converts to anything; for counting the members of an aggregate. Never called.
struct AnyValue {
  template <class T>
  operator T() const {  // NOLINT(google-explicit-constructor)
    std::abort();
  }
};

/// Converts to a base class of T only.
template <class T>
struct AnyBaseOf {
  template <class Base>
    requires(std::is_base_of_v<Base, T> && !std::is_same_v<Base, T>)
  operator Base() const;  // NOLINT(google-explicit-constructor)
};

/// True if T can be made from as many values as there are indices.
template <class T, std::size_t... I>
[[nodiscard]] constexpr bool takes_values(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), AnyValue{})...}; };
}

/// Members that with_members() can tell apart.
inline constexpr std::size_t kMostMembers = 20;

/// Members of an aggregate without base classes and C arrays; kMostMembers + 1 if there are more.
template <class T, std::size_t N = kMostMembers + 1>
[[nodiscard]] consteval std::size_t member_count() {
  if constexpr (N == 0)
    return 0;
  else if constexpr (takes_values<T>(std::make_index_sequence<N>{}))
    return N;
  else
    return member_count<T, N - 1>();
}

/// True if T can be made from so many values, then several within braces, then others.
template <class T, std::size_t... Before, std::size_t... Inside, std::size_t... After>
[[nodiscard]] constexpr bool takes_nested(std::index_sequence<Before...>,
                                          std::index_sequence<Inside...>,
                                          std::index_sequence<After...>) {
  return requires {
    T{(static_cast<void>(Before), AnyValue{})...,
      {(static_cast<void>(Inside), AnyValue{})...},
      (static_cast<void>(After), AnyValue{})...};
  };
}

/// True if the member that begins at value I of an aggregate is a C array of `Size` elements: they
/// fit into braces of their own, and leave room for no more than without.
template <class T, std::size_t I, std::size_t Size>
[[nodiscard]] consteval bool is_array_at() {
  constexpr std::size_t count = member_count<T>();
  if constexpr (Size < 2 || I + Size > count) {
    return false;
  } else {
    constexpr std::make_index_sequence<I> before;
    constexpr std::make_index_sequence<Size> inside;
    return takes_nested<T>(before, inside, std::make_index_sequence<count - I - Size>{}) &&
           !takes_nested<T>(before, inside, std::make_index_sequence<count - I - Size + 1>{});
  }
}
template <class T, std::size_t I>
[[nodiscard]] consteval bool is_any_array_at() {
  return []<std::size_t... Size>(std::index_sequence<Size...>) {
    return (is_array_at<T, I, Size>() || ...);
  }(std::make_index_sequence<member_count<T>() - I + 1>{});
}

/// True for aggregates that with_members() takes; of others nothing is known.
template <class T>
[[nodiscard]] consteval bool has_known_members() {
  if constexpr (std::is_class_v<T> && std::is_aggregate_v<T> && !std::is_empty_v<T>) {
    if constexpr (!requires { T{AnyBaseOf<T>{}}; } && member_count<T>() <= kMostMembers) {
      return []<std::size_t... I>(std::index_sequence<I...>) {
        return !(is_any_array_at<T, I>() || ...);
      }(std::make_index_sequence<member_count<T>()>{});
    }
  }
  return false;
}

/// Calls f(member...) with all members of an aggregate, in the order of their declaration.
template <class T, class F>
constexpr decltype(auto) with_members(T& v, F&& f) {
  constexpr std::size_t n = member_count<std::remove_const_t<T>>();
  static_assert(
      !requires { std::remove_const_t<T>{AnyBaseOf<std::remove_const_t<T>>{}}; },
      "bourse::program: an aggregate with a base class cannot cross nodes as it is; "
      "give it template <class A> void serialize(A& a) { a(x, y); }");
  static_assert(n <= kMostMembers,
                "bourse::program: an aggregate of more than 20 members cannot cross nodes as it "
                "is; give it template <class A> void serialize(A& a) { a(x, y); }");
  // clang-format off
  if constexpr (n == 0) { return f(); }
  else if constexpr (n == 1) { auto& [a] = v; return f(a); }
  else if constexpr (n == 2) { auto& [a, b] = v; return f(a, b); }
  else if constexpr (n == 3) { auto& [a, b, c] = v; return f(a, b, c); }
  else if constexpr (n == 4) { auto& [a, b, c, d] = v; return f(a, b, c, d); }
  else if constexpr (n == 5) { auto& [a, b, c, d, e] = v; return f(a, b, c, d, e); }
  else if constexpr (n == 6) { auto& [a, b, c, d, e, g] = v; return f(a, b, c, d, e, g); }
  else if constexpr (n == 7) { auto& [a, b, c, d, e, g, h] = v; return f(a, b, c, d, e, g, h); }
  else if constexpr (n == 8) {
    auto& [a, b, c, d, e, g, h, i] = v;
    return f(a, b, c, d, e, g, h, i); }
  else if constexpr (n == 9) {
    auto& [a, b, c, d, e, g, h, i, j] = v;
    return f(a, b, c, d, e, g, h, i, j); }
  else if constexpr (n == 10) {
    auto& [a, b, c, d, e, g, h, i, j, k] = v;
    return f(a, b, c, d, e, g, h, i, j, k); }
  else if constexpr (n == 11) {
    auto& [a, b, c, d, e, g, h, i, j, k, l] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l); }
  else if constexpr (n == 12) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m); }
  else if constexpr (n == 13) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o); }
  else if constexpr (n == 14) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p); }
  else if constexpr (n == 15) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q); }
  else if constexpr (n == 16) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r); }
  else if constexpr (n == 17) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s); }
  else if constexpr (n == 18) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t); }
  else if constexpr (n == 19) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u); }
  else if constexpr (n == 20) {
    auto& [a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, w] = v;
    return f(a, b, c, d, e, g, h, i, j, k, l, m, o, p, q, r, s, t, u, w); }
  // clang-format on
}

}  // namespace bourse::program
