#pragma once

#include <cstdint>
#include <string_view>

namespace bourse::program {

/// FNV-1a, going on from `hash`.
[[nodiscard]] constexpr std::uint64_t hash_of(std::string_view text,
                                              std::uint64_t hash = 14695981039346656037ULL) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

/// FNV-1a over the bytes of a number, lowest first, going on from `hash`.
[[nodiscard]] constexpr std::uint64_t hash_of(std::uint64_t number, std::uint64_t hash) {
  for (int i = 0; i < 8; ++i) hash = (hash ^ ((number >> (8 * i)) & 0xFF)) * 1099511628211ULL;
  return hash;
}

/// What the compiler writes for `key` in the name of a function template.
[[nodiscard]] constexpr std::string_view template_argument(std::string_view function,
                                                           std::string_view key) {
  const std::size_t begin = function.find(key) + key.size();
  std::size_t end = function.size() - 1;  // before the closing bracket
  const std::size_t next = function.find("; std::string_view = ", begin);
  if (next != std::string_view::npos) end = next;
  return function.substr(begin, end - begin);
}

/// The name of a type as its source has it, e.g. "Learner".
template <class T>
[[nodiscard]] constexpr std::string_view type_name() {
  return template_argument(__PRETTY_FUNCTION__, "T = ");
}

/// The name of a method, e.g. "Learner::step".
template <auto Method>
[[nodiscard]] constexpr std::string_view method_name() {
  std::string_view name = template_argument(__PRETTY_FUNCTION__, "Method = ");
  if (name.starts_with('&')) name.remove_prefix(1);
  return name;
}

}  // namespace bourse::program
