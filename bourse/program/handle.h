#pragma once

#include <cstdint>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "bourse/program/future.h"
#include "bourse/program/handle_core.h"
#include "bourse/program/method.h"

namespace bourse::program {

/// Each argument as it is handed on: as it is if its type is the parameter's, else converted.
template <class Parameters, class... A>
struct HandedOn;
template <class... P, class... A>
struct HandedOn<std::tuple<P...>, A...> {
  using Type = std::tuple<std::conditional_t<std::is_same_v<std::decay_t<A>, P>, const P&, P>...>;
};
template <class Parameters, class... A>
inline constexpr bool kFits = false;
template <class... P, class... A>
  requires(sizeof...(P) == sizeof...(A))
inline constexpr bool kFits<std::tuple<P...>, A...> =
    std::conjunction_v<std::is_convertible<A&&, P>...>;

/// A node of class T, wherever it runs. Its methods are called with their own names, arguments and
/// results; nothing is registered or generated:
///
///     float loss = learner.call<&Learner::step>(batch);
///     Future<float> later = learner.async<&Learner::step>(batch);
///
/// Arguments and results are values on either side, also within one process. A call is made at most
/// once. What goes wrong is a CallError. A handle is a value: it can be an argument, a result, a
/// member of a message. Any thread may call.
template <class T>
class Handle {
 public:
  using NodeClass = T;

  Handle() = default;
  explicit Handle(HandleCore core) : core_(std::move(core)) {}
  /// For handles that arrive as values.
  [[nodiscard]] static Handle from_node(std::uint32_t node) {
    return Handle(HandleCore::of_this_program(node));
  }

  /// Calls and waits for the result.
  template <auto Method, class... A>
  auto call(A&&... arguments) const -> typename MethodTypes<decltype(Method)>::Result {
    check<Method, A...>();
    using Types = MethodTypes<decltype(Method)>;
    using Result = typename Types::Result;
    const MethodInfo& method = Stub<T, Method>::info();
    const HandleCore::Site site = core_.site();
    if constexpr (!Types::is_batched) {
      if (site.is_direct) {
        typename Types::Arguments values(std::forward<A>(arguments)...);
        const DirectCall turn(site, method);
        try {
          return std::apply(
              [&](auto&... value) -> Result {
                return (static_cast<T*>(turn.object())->*Method)(std::move(value)...);
              },
              values);
        } catch (...) {
          turn.rethrow();
        }
      }
    }
    return start<Method>(site, std::forward<A>(arguments)...).get();
  }

  /// Calls and returns at once; the result comes later.
  template <auto Method, class... A>
  auto async(A&&... arguments) const -> Future<typename MethodTypes<decltype(Method)>::Result> {
    check<Method, A...>();
    return start<Method>(core_.site(), std::forward<A>(arguments)...);
  }

  /// Calls without waiting, and for no one: errors are lost, and the call does not count as one
  /// that its caller waits for.
  template <auto Method, class... A>
  void post(A&&... arguments) const {
    CallContext alone = context();
    alone.chain = nullptr;
    alone.deadline = kNoDeadline;
    const ContextScope scope(alone);
    (void)async<Method>(std::forward<A>(arguments)...);
  }

  /// As call(), with the error as a value.
  template <auto Method, class... A>
  auto try_call(A&&... arguments) const
      -> tl::expected<typename MethodTypes<decltype(Method)>::Result, CallError> {
    try {
      if constexpr (std::is_void_v<typename MethodTypes<decltype(Method)>::Result>) {
        call<Method>(std::forward<A>(arguments)...);
        return {};
      } else {
        return call<Method>(std::forward<A>(arguments)...);
      }
    } catch (const CallError& error) {
      return tl::unexpected<CallError>(error);
    }
  }

  /// The same node, with each call to be answered within `span`.
  [[nodiscard]] Handle timeout(Nanoseconds span) const {
    return with([&](CallSettings& settings) { settings.timeout = span; });
  }
  /// Calls fail at once if the node is not there, in place of waiting for it.
  [[nodiscard]] Handle fail_fast() const {
    return with([](CallSettings& settings) { settings.fails_fast = true; });
  }
  /// A call may run twice: it is made again when its node was lost before it answered.
  [[nodiscard]] Handle idempotent() const {
    return with([](CallSettings& settings) { settings.is_idempotent = true; });
  }
  /// Calls that wait go ahead of those of lower priority, on the wire and at the node. Default 0.
  [[nodiscard]] Handle priority(std::uint8_t value) const {
    return with([&](CallSettings& settings) { settings.priority = value; });
  }

  [[nodiscard]] std::uint32_t node() const { return core_.node(); }
  /// "worker/3".
  [[nodiscard]] std::string name() const { return core_.name(); }
  /// How often the process of the node had been started before, as of its last answer: a node that
  /// was started again has lost what it knew.
  [[nodiscard]] std::uint32_t incarnation() const { return core_.incarnation(); }
  [[nodiscard]] explicit operator bool() const { return !core_.is_empty(); }
  [[nodiscard]] const HandleCore& core() const { return core_; }

 private:
  template <auto Method, class... A>
  static constexpr void check() {
    using Types = MethodTypes<decltype(Method)>;
    constexpr std::size_t count = std::tuple_size_v<typename Types::Arguments>;
    static_assert(std::is_base_of_v<typename Types::Class, T>,
                  "bourse::program: the method is not one of the class of this handle");
    static_assert(sizeof...(A) == count,
                  "bourse::program: the remote method takes another number of arguments");
    static_assert(sizeof...(A) != count || kFits<typename Types::Arguments, A...>,
                  "bourse::program: an argument does not convert to the parameter of the remote "
                  "method");
  }

  template <auto Method, class... A>
  auto start(const HandleCore::Site& site, A&&... arguments) const {
    using Types = MethodTypes<decltype(Method)>;
    using Values = typename Types::Arguments;
    Future<typename Types::Result> answer;
    const MethodInfo& method = Stub<T, Method>::info();
    if (site.host != nullptr) {
      core_.start(site, method, encode_owned(Values(std::forward<A>(arguments)...)),
                  answer.state());
    } else {
      // Nothing is copied on the way to the socket: start() returns when it has been taken.
      const typename HandedOn<Values, A...>::Type handed_on(std::forward<A>(arguments)...);
      WireWriter writer;
      std::apply([&](const auto&... value) { (write_value(writer, value), ...); }, handed_on);
      if constexpr (sizeof...(A) == 0) writer.number(std::uint8_t{0});
      core_.start(site, method, writer.take(), answer.state());
    }
    return answer;
  }

  template <class Change>
  [[nodiscard]] Handle with(Change change) const {
    Handle changed = *this;
    change(changed.core_.settings);
    return changed;
  }

  HandleCore core_;
};

}  // namespace bourse::program
