#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "bourse/program/schema.h"
#include "bourse/program/serialize.h"

namespace bourse::program {

/// Values of several calls at once: a method Batch<R> f(Batch<A>) is called as R f(A).
template <class T>
struct Batch : std::vector<T> {
  using std::vector<T>::vector;
};

/// Specialise as true for a method that may run twice: it is then called again when its node was
/// lost before it answered.
template <auto Method>
inline constexpr bool kIdempotent = false;

/// One call of a batch.
struct BatchItem {
  const Message* arguments = nullptr;
  Message reply;
  std::optional<CallError> error;
};

/// What the far end knows of a method; made by the compiler for each that is called somewhere.
struct MethodInfo {
  std::uint64_t id = 0;      ///< Of class, method and signature by name.
  std::uint64_t schema = 0;  ///< Of arguments and result as they travel.
  std::string_view name;
  const std::type_info* node_class = nullptr;
  bool is_idempotent = false;
  /// Reads the arguments, calls, writes the result. Throws what the method throws.
  Message (*invoke)(void* object, const Message& arguments) = nullptr;
  /// The same for several calls at once; null for a method that takes one. Fills up to `pad_to`
  /// items with copies of the first.
  void (*invoke_batch)(void* object, std::span<BatchItem> items, std::size_t pad_to) = nullptr;
};

/// Makes a method known; called before main(). Returns what stays in the table.
const MethodInfo* register_method(const MethodInfo& method);

/// Null if no method of this class is called by this number anywhere in the program.
[[nodiscard]] const MethodInfo* find_method(std::uint64_t id, const std::type_info& node_class);
/// Names of all methods of a class that are called somewhere, sorted.
[[nodiscard]] std::vector<std::string_view> methods_of(const std::type_info& node_class);

/// A for Batch<A>; T for any other.
template <class T>
struct Unbatched {
  using Type = T;
};
template <class T>
struct Unbatched<Batch<T>> {
  using Type = T;
};

/// Nothing comes back through an argument, so none may be a reference to something that changes.
template <class A>
inline constexpr bool kTravels =
    !(std::is_lvalue_reference_v<A> && !std::is_const_v<std::remove_reference_t<A>>) &&
    !std::is_pointer_v<std::remove_reference_t<A>>;

/// The types of a method as it is declared, and as it is called.
template <class M>
struct MethodTypes {
  static_assert(kNever<M>, "bourse::program: call<...>() takes a pointer to a member function");
};
template <class C, class R, class... A>
struct MethodTypes<R (C::*)(A...)> {
  using Class = C;
  using Declared = std::decay_t<R>;
  using Result = typename Unbatched<Declared>::Type;
  using Arguments = std::tuple<typename Unbatched<std::decay_t<A>>::Type...>;
  using Columns = std::tuple<std::decay_t<A>...>;
  static constexpr bool is_batched = kIsInstance<Declared, Batch>;
  static_assert((kTravels<A> && ...),
                "bourse::program: a remote method cannot take a pointer or a non-const reference: "
                "nothing comes back through its arguments. Return the value");
};
template <class C, class R, class... A>
struct MethodTypes<R (C::*)(A...) const> : MethodTypes<R (C::*)(A...)> {};
template <class C, class R, class... A>
struct MethodTypes<R (C::*)(A...) noexcept> : MethodTypes<R (C::*)(A...)> {};
template <class C, class R, class... A>
struct MethodTypes<R (C::*)(A...) const noexcept> : MethodTypes<R (C::*)(A...)> {};

/// The far end of Handle<C>::call<Method>: from bytes to the call and back.
template <class C, auto Method>
struct Stub {
  using Types = MethodTypes<decltype(Method)>;
  using Result = typename Types::Result;

  static const MethodInfo& info() { return *kInfo; }

  static Message invoke(void* object, const Message& message) {
    if constexpr (Types::is_batched) {
      BatchItem item{.arguments = &message, .reply = {}, .error = {}};
      invoke_batch(object, {&item, 1}, 0);
      if (item.error) throw *std::move(item.error);
      return std::move(item.reply);
    } else {
      auto arguments = decode<typename Types::Arguments>(message);
      const auto call = [&](auto&... argument) -> decltype(auto) {
        return (static_cast<C*>(object)->*Method)(std::move(argument)...);
      };
      if constexpr (std::is_void_v<Result>) {
        std::apply(call, arguments);
        return {};
      } else {
        return encode_owned<Result>(std::apply(call, arguments));
      }
    }
  }

  static void invoke_batch(void* object, std::span<BatchItem> items, std::size_t pad_to) {
    if constexpr (Types::is_batched) {
      typename Types::Columns columns;
      std::vector<BatchItem*> called;
      for (BatchItem& item : items) {
        try {
          append(columns, decode<typename Types::Arguments>(*item.arguments));
          called.push_back(&item);
        } catch (...) {
          item.error = error_of_current_exception();
        }
      }
      if (called.empty()) return;
      try {
        answer(called, call_columns(object, columns, pad_to));
      } catch (...) {
        const CallError error = error_of_current_exception();
        for (BatchItem* const item : called) item->error = error;
      }
    }
  }

 private:
  template <class Columns, class Arguments>
  static void append(Columns& columns, Arguments arguments) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (std::get<I>(columns).push_back(std::move(std::get<I>(arguments))), ...);
    }(std::make_index_sequence<std::tuple_size_v<Arguments>>{});
  }

  template <class Columns>
  static auto call_columns(void* object, Columns& columns, std::size_t pad_to) {
    return std::apply(
        [&](auto&... column) {
          const auto pad = [&](auto& values) {
            while (values.size() < pad_to) values.push_back(values.front());
          };
          (pad(column), ...);
          return (static_cast<C*>(object)->*Method)(std::move(column)...);
        },
        columns);
  }

  template <class Results>
  static void answer(const std::vector<BatchItem*>& called, Results results) {
    if (results.size() < called.size())
      throw CallError(CallCode::failed_precondition,
                      "a batched method returned " + std::to_string(results.size()) +
                          " results for " + std::to_string(called.size()) + " calls");
    for (std::size_t i = 0; i < called.size(); ++i)
      called[i]->reply = encode_owned<Result>(std::move(results[i]));
  }

  static MethodInfo describe() {
    std::uint64_t schema = schema_hash<typename Types::Arguments>();
    if constexpr (!std::is_void_v<Result>) schema = schema_hash<Result>(schema);
    return {.id = hash_of(type_name<decltype(Method)>(),
                          hash_of(method_name<Method>(), hash_of(type_name<C>()))),
            .schema = schema,
            .name = method_name<Method>(),
            .node_class = &typeid(C),
            .is_idempotent = kIdempotent<Method>,
            .invoke = &invoke,
            .invoke_batch = Types::is_batched ? &invoke_batch : nullptr};
  }

  inline static const MethodInfo* const kInfo = register_method(describe());
};

}  // namespace bourse::program
