#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "bourse/program/aggregate.h"
#include "bourse/program/buffer.h"
#include "bourse/program/type_name.h"
#include "bourse/program/wire.h"

/// Values to bytes and back, without a line of code per type. What crosses nodes: numbers, enums,
/// strings, std containers, pair, tuple, optional, variant, durations, Buffer, handles, aggregates
/// of such (at most 20 members, no base class, no C array), and any type with
///   template <class A> void serialize(A& a) { a(x, y); }
/// as a member, or template <class A> void serialize(A& a, Type& value) beside it, found by its
/// argument. `a` is a WireOutput or a WireInput.
namespace bourse::program {

/// True for X<...> where X is the template given.
template <class T, template <class...> class X>
inline constexpr bool kIsInstance = false;
template <template <class...> class X, class... A>
inline constexpr bool kIsInstance<X<A...>, X> = true;

/// True for std::array.
template <class T>
inline constexpr bool kIsArray = false;
template <class T, std::size_t N>
inline constexpr bool kIsArray<std::array<T, N>> = true;

/// Numbers as they stand in memory. Not bool, whose bytes may be wrong, nor long double, which has
/// bytes without a meaning.
template <class T>
concept PlainNumber = (std::is_arithmetic_v<T> || std::is_enum_v<T>) && !std::is_same_v<T, bool> &&
                      !std::is_same_v<T, long double>;

template <class T>
concept MapLike = requires {
  typename T::key_type;
  typename T::mapped_type;
};
template <class T>
concept SetLike = requires { typename T::key_type; } && !MapLike<T>;
template <class T>
concept SequenceLike = !std::is_same_v<T, std::string> &&
                       requires(T& t, typename T::value_type v) { t.push_back(std::move(v)); };
template <class T>
concept NumberVector = kIsInstance<T, std::vector> && PlainNumber<typename T::value_type>;
/// Handle<T>: travels as the number of its node.
template <class T>
concept HandleLike = requires(const T& handle) {
  typename T::NodeClass;
  { handle.node() } -> std::convertible_to<std::uint32_t>;
};
template <class T, class Archive>
concept SerializesItself = requires(T& t, Archive& a) { t.serialize(a); };
template <class T, class Archive>
concept SerializedBeside = requires(T& t, Archive& a) { serialize(a, t); };

/// What T::serialize sees when it is written and read.
struct WireOutput {
  WireWriter& writer;
  template <class... T>
  void operator()(const T&... values);
};
struct WireInput {
  WireReader& reader;
  template <class... T>
  void operator()(T&... values);
};

/// True for a type that says itself how it travels.
template <class T>
inline constexpr bool kHasHook = SerializesItself<T, WireOutput> || SerializedBeside<T, WireOutput>;

/// False, once a template is used.
template <class>
inline constexpr bool kNever = false;

/// Appends a value; reads the next one.
template <class T>
void write_value(WireWriter& writer, const T& value);
template <class T>
void read_value(WireReader& reader, T& value);

/// Calls serialize(), wherever it is.
template <class T, class Archive>
void use_hook(Archive& archive, T& value) {
  if constexpr (SerializesItself<T, Archive>)
    value.serialize(archive);
  else
    serialize(archive, value);
}

/// Appends a value.
template <class T>
void write_value(WireWriter& writer, const T& value) {
  if constexpr (PlainNumber<T>) {
    writer.number(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    writer.number(static_cast<std::uint8_t>(value));
  } else if constexpr (std::is_same_v<T, Buffer>) {
    writer.block(value);
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    writer.block(value.data(), value.size());
  } else if constexpr (HandleLike<T>) {
    writer.number(value.node());
  } else if constexpr (kHasHook<T>) {
    WireOutput output{writer};
    // One serialize() serves both ways; writing leaves the value as it is.
    use_hook(output, const_cast<T&>(value));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  } else if constexpr (kIsArray<T>) {
    for (const auto& element : value) write_value(writer, element);
  } else if constexpr (NumberVector<T>) {
    writer.block(value.data(), value.size() * sizeof(typename T::value_type));
  } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
    writer.number(std::uint64_t{value.size()});
    for (const bool element : value) write_value(writer, element);
  } else if constexpr (MapLike<T> || SetLike<T> || SequenceLike<T>) {
    writer.number(std::uint64_t{value.size()});
    for (const auto& element : value) write_value(writer, element);
  } else if constexpr (kIsInstance<T, std::pair> || kIsInstance<T, std::tuple>) {
    std::apply([&](const auto&... part) { (write_value(writer, part), ...); }, value);
    if constexpr (std::tuple_size_v<T> == 0) writer.number(std::uint8_t{0});
  } else if constexpr (kIsInstance<T, std::optional>) {
    write_value(writer, value.has_value());
    if (value) write_value(writer, *value);
  } else if constexpr (kIsInstance<T, std::variant>) {
    writer.number(static_cast<std::uint32_t>(value.index()));
    std::visit([&](const auto& chosen) { write_value(writer, chosen); }, value);
  } else if constexpr (requires {
                         typename T::rep;
                         typename T::period;
                       }) {
    writer.number(value.count());
  } else if constexpr (std::is_empty_v<T>) {
    writer.number(std::uint8_t{0});  // every element takes a byte, or a count could promise any
  } else if constexpr (std::is_aggregate_v<T> && !std::is_array_v<T>) {
    with_members(value, [&](const auto&... member) { (write_value(writer, member), ...); });
  } else {
    static_assert(kNever<T>,
                  "bourse::program: a value of this type cannot cross nodes. Make it an aggregate, "
                  "or give it template <class A> void serialize(A& a) { a(x, y); }");
  }
}

/// The bytes of a block as elements of a vector.
template <class Element>
void read_numbers(WireReader& reader, std::vector<Element>& value) {
  const std::string_view block = reader.block_view();
  if (block.size() % sizeof(Element) != 0) return reader.fail("a block holds parts of numbers");
  value.resize(block.size() / sizeof(Element));
  if (!block.empty())
    std::char_traits<char>::copy(reinterpret_cast<char*>(value.data()), block.data(), block.size());
}

/// Reads the alternative with this index.
template <std::size_t I = 0, class Variant>
void read_alternative(WireReader& reader, Variant& value, std::size_t index) {
  if constexpr (I == std::variant_size_v<Variant>) {
    reader.fail("a variant has no such alternative");
  } else if (index == I) {
    std::variant_alternative_t<I, Variant> chosen{};
    read_value(reader, chosen);
    value.template emplace<I>(std::move(chosen));
  } else {
    read_alternative<I + 1>(reader, value, index);
  }
}

/// Elements of a container, which is emptied first.
template <class T>
void read_elements(WireReader& reader, T& value) {
  value = T{};
  using Value = typename T::value_type;
  const std::size_t count = reader.count(sizeof(Value));
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    if constexpr (MapLike<T>) {
      std::pair<typename T::key_type, typename T::mapped_type> element{};
      read_value(reader, element);
      value.insert(std::move(element));
    } else if constexpr (SetLike<T>) {
      typename T::key_type element{};
      read_value(reader, element);
      value.insert(std::move(element));
    } else {
      Value element{};
      read_value(reader, element);
      value.push_back(std::move(element));
    }
  }
}

/// Values that hold values.
template <class T>
void read_composite(WireReader& reader, T& value) {
  if constexpr (kHasHook<T>) {
    WireInput input{reader};
    use_hook(input, value);
  } else if constexpr (kIsArray<T>) {
    for (auto& element : value) read_value(reader, element);
  } else if constexpr (MapLike<T> || SetLike<T> || SequenceLike<T>) {
    read_elements(reader, value);
  } else if constexpr (kIsInstance<T, std::pair> || kIsInstance<T, std::tuple>) {
    std::apply([&](auto&... part) { (read_value(reader, part), ...); }, value);
    if constexpr (std::tuple_size_v<T> == 0) (void)reader.template number<std::uint8_t>();
  } else if constexpr (kIsInstance<T, std::optional>) {
    bool has_value = false;
    read_value(reader, has_value);
    value.reset();
    if (has_value) read_value(reader, value.emplace());
  } else if constexpr (kIsInstance<T, std::variant>) {
    read_alternative(reader, value, reader.template number<std::uint32_t>());
  } else if constexpr (std::is_empty_v<T>) {
    (void)reader.template number<std::uint8_t>();
  } else if constexpr (std::is_aggregate_v<T> && !std::is_array_v<T>) {
    with_members(value, [&](auto&... member) { (read_value(reader, member), ...); });
  } else {
    static_assert(kNever<T>,
                  "bourse::program: a value of this type cannot cross nodes. Make it an aggregate, "
                  "or give it template <class A> void serialize(A& a) { a(x, y); }");
  }
}

/// Reads the next value in the place of `value`. What failed, the reader knows.
template <class T>
void read_value(WireReader& reader, T& value) {
  if constexpr (PlainNumber<T>) {
    reader.bytes(&value, sizeof value);
  } else if constexpr (std::is_same_v<T, bool>) {
    const auto byte = reader.template number<std::uint8_t>();
    if (byte > 1) reader.fail("a truth value is neither 0 nor 1");
    value = byte == 1;
  } else if constexpr (std::is_same_v<T, Buffer>) {
    value = reader.block();
  } else if constexpr (std::is_same_v<T, std::string>) {
    value = reader.block_view();
  } else if constexpr (HandleLike<T>) {
    value = T::from_node(reader.template number<std::uint32_t>());
  } else if constexpr (NumberVector<T>) {
    read_numbers(reader, value);
  } else if constexpr (requires {
                         typename T::rep;
                         typename T::period;
                       }) {
    value = T(reader.template number<typename T::rep>());
  } else {
    if (!reader.enter()) return;
    read_composite(reader, value);
    reader.leave();
  }
}

/// Each in turn.
template <class... T>
void WireOutput::operator()(const T&... values) {
  (write_value(writer, values), ...);
}
template <class... T>
void WireInput::operator()(T&... values) {
  (read_value(reader, values), ...);
}

/// A value as a message. Blocks refer to `value` unless `owner` keeps them alive.
template <class T>
[[nodiscard]] Message encode(const T& value, std::shared_ptr<const void> owner = nullptr) {
  WireWriter writer(std::move(owner));
  write_value(writer, value);
  return writer.take();
}

/// Takes the value along, so that the message may outlive the caller.
template <class T>
[[nodiscard]] Message encode_owned(T value) {
  if constexpr (PlainNumber<T> || std::is_same_v<T, bool>) {
    return encode(value);
  } else {
    const auto kept = std::make_shared<T>(std::move(value));
    return encode(*kept, kept);
  }
}

/// Reads a whole message. Throws CallError{data_loss}.
template <class T>
void decode_into(const Message& message, T& value) {
  WireReader reader(message);
  read_value(reader, value);
  reader.finish();
  reader.check();
}
template <class T>
[[nodiscard]] T decode(const Message& message) {
  T value{};
  decode_into(message, value);
  return value;
}

}  // namespace bourse::program
