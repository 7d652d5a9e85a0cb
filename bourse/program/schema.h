#pragma once

#include <cstdint>
#include <utility>

#include "bourse/program/serialize.h"

namespace bourse::program {

/// Types within types beyond this depth are described by their name only, so that a type may hold
/// itself.
inline constexpr int kSchemaDepth = 8;

/// Describes how T looks on the wire as a number: equal for two programs if what one writes the
/// other reads. Changes when a member is added, removed, moved, or gets another type; not when it
/// gets another name.
template <class T>
[[nodiscard]] std::uint64_t schema_hash(std::uint64_t hash = hash_of("bourse 1"), int depth = 0);

/// The hash of several types, one after the other.
template <class... T>
[[nodiscard]] std::uint64_t schema_of_parts(std::uint64_t hash, [[maybe_unused]] int depth) {
  ((hash = schema_hash<T>(hash, depth)), ...);
  return hash_of(std::uint64_t{sizeof...(T)}, hash);
}

/// The hash of the types that a template was given.
template <class T>
struct Parts;
template <template <class...> class X, class... T>
struct Parts<X<T...>> {
  static std::uint64_t hash(std::uint64_t hash, int depth) {
    return schema_of_parts<T...>(hash, depth);
  }
};

/// See above.
template <class T>
std::uint64_t schema_hash(std::uint64_t hash, int depth) {
  if constexpr (std::is_enum_v<T>) {
    return schema_hash<std::underlying_type_t<T>>(hash_of("enum", hash), depth);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return hash_of(sizeof(T), hash_of(std::is_floating_point_v<T> ? "float"
                                      : std::is_signed_v<T>       ? "signed"
                                                                  : "unsigned",
                                      hash));
  } else if constexpr (std::is_same_v<T, Buffer> || std::is_same_v<T, std::string>) {
    return hash_of("block", hash);
  } else if constexpr (HandleLike<T>) {
    return hash_of(type_name<typename T::NodeClass>(), hash_of("handle", hash));
  } else if constexpr (kHasHook<T>) {
    return hash_of(type_name<T>(), hash_of("hook", hash));
  } else {
    if (depth >= kSchemaDepth) return hash_of(type_name<T>(), hash);
    ++depth;
    if constexpr (kIsArray<T>)
      return schema_hash<typename T::value_type>(
          hash_of(std::tuple_size_v<T>, hash_of("array", hash)), depth);
    else if constexpr (MapLike<T>)
      return schema_of_parts<typename T::key_type, typename T::mapped_type>(hash_of("map", hash),
                                                                            depth);
    else if constexpr (SetLike<T> || SequenceLike<T>)
      return schema_hash<typename T::value_type>(hash_of("list", hash), depth);
    else if constexpr (kIsInstance<T, std::pair> || kIsInstance<T, std::tuple> ||
                       kIsInstance<T, std::variant> || kIsInstance<T, std::optional>)
      return Parts<T>::hash(hash_of(kIsInstance<T, std::variant>    ? "one of"
                                    : kIsInstance<T, std::optional> ? "optional"
                                                                    : "all of",
                                    hash),
                            depth);
    else if constexpr (requires {
                         typename T::rep;
                         typename T::period;
                       })
      return hash_of(type_name<T>(), hash_of("duration", hash));
    else if constexpr (std::is_empty_v<T>)
      return hash_of("empty", hash);
    else {
      T value{};
      return with_members(value, [&](auto&... member) {
        return schema_of_parts<std::remove_cvref_t<decltype(member)>...>(hash_of("all of", hash),
                                                                         depth);
      });
    }
  }
}

}  // namespace bourse::program
