#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "bourse/program/future_core.h"
#include "bourse/program/serialize.h"

namespace bourse::program {

/// T, or something of no value in the place of void.
template <class T>
using OrMonostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// The answer to a call that may not be there yet. Copies share it; its value is taken once.
template <class T>
class [[nodiscard]] Future {
 public:
  /// The value as it arrived, or as a continuation made it.
  struct State : FutureCore {
    std::optional<OrMonostate<T>> value;

    void set(OrMonostate<T> made) {
      complete([&] { value.emplace(std::move(made)); });
    }
  };

  Future() : state_(std::make_shared<State>()) {}
  explicit Future(std::shared_ptr<State> state) : state_(std::move(state)) {}

  [[nodiscard]] bool is_ready() const { return state_->wait_until(Deadline::min()); }
  /// True if the answer, or an error, is there.
  [[nodiscard]] bool wait_for(Nanoseconds span) const {
    return state_->wait_until(deadline_in(span));
  }
  /// Waits and takes the value. Throws CallError.
  T get() const {
    state_->wait_and_check();
    state_->take_once();
    if constexpr (!std::is_void_v<T>) {
      if (state_->value) return std::move(*state_->value);
      T value{};
      decode_into(state_->reply(), value);
      return value;
    }
  }
  /// Nobody wants the answer any more: the other end is told, get() throws cancelled.
  void cancel() const { state_->cancel(); }

  /// A future for f(value), or f() if T is void. f runs on a thread of the pool and may call and
  /// wait; it is left out if there is an error, which is passed on.
  template <class F>
  auto then(F f) const {
    using Made = decltype(invoke_with_value(f, *this));
    Future<Made> next;
    next.state()->follow(*state_);
    // Cancelling what follows cancels the call itself.
    next.state()->on_cancel([state = std::weak_ptr(state_)] {
      if (const auto still = state.lock()) still->cancel();
    });
    state_->on_done(
        [self = *this, f = std::move(f), made = next.state()]() mutable {
          try {
            if constexpr (std::is_void_v<Made>) {
              invoke_with_value(f, self);
              made->set({});
            } else {
              made->set(invoke_with_value(f, self));
            }
          } catch (...) {
            made->fail(error_of_current_exception());
          }
        },
        Continuation::may_block);
    return next;
  }

  [[nodiscard]] const std::shared_ptr<State>& state() const { return state_; }

 private:
  template <class F>
  static auto invoke_with_value(F& f, const Future& future) {
    if constexpr (std::is_void_v<T>) {
      future.get();
      return f();
    } else {
      return f(future.get());
    }
  }

  std::shared_ptr<State> state_;  ///< Owned by all copies and by whoever completes it.
};

/// One of several answers: which, and its value.
template <class T>
struct Indexed {
  std::size_t index = 0;
  OrMonostate<T> value{};
};

/// Waits for `wanted` of several futures.
template <class T>
struct Gather : std::enable_shared_from_this<Gather<T>> {
  using Results = std::vector<Indexed<T>>;

  Gather(std::vector<Future<T>> all, std::size_t enough)
      : futures(std::move(all)), wanted(enough) {}

  void start() {
    if (wanted == 0) return result.state()->set({});
    result.state()->follow(*futures.front().state());
    result.state()->on_cancel([gather = this->weak_from_this()] {
      if (const auto self = gather.lock()) self->cancel_rest();
    });
    for (std::size_t i = 0; i < futures.size(); ++i)
      futures[i].state()->on_done([self = this->shared_from_this(), i] { self->done(i); },
                                  Continuation::is_quick);
  }

  void done(std::size_t index) {
    bool is_enough = false;
    bool is_hopeless = false;
    {
      const std::lock_guard lock(mutex);
      if (futures[index].state()->error() != nullptr)
        is_hopeless = ++failed == futures.size() - wanted + 1;
      else if (finished.size() < wanted)  // Those that come later are not wanted.
        is_enough = (finished.push_back(index), finished.size() == wanted);
    }
    if (is_hopeless) result.state()->fail(*futures[index].state()->error());
    if (is_enough) deliver();
    if (is_enough || is_hopeless) cancel_rest();
  }

  void deliver() {
    try {
      Results results;
      for (std::size_t i = 0; i < wanted; ++i) {
        Indexed<T>& next = results.emplace_back();
        next.index = finished[i];
        if constexpr (std::is_void_v<T>)
          futures[finished[i]].get();
        else
          next.value = futures[finished[i]].get();
      }
      result.state()->set(std::move(results));
    } catch (...) {
      result.state()->fail(error_of_current_exception());
    }
  }

  void cancel_rest() {
    for (const Future<T>& future : futures) future.cancel();
  }

  std::mutex mutex;
  std::vector<Future<T>> futures;
  std::size_t wanted;
  std::size_t failed = 0;             ///< Guarded by mutex, as is finished until there are enough.
  std::vector<std::size_t> finished;  ///< In the order of their answers.
  Future<Results> result;
};

/// The first `wanted` answers, in the order in which they came; the other calls are cancelled.
/// Fails as soon as too many have failed. Source: any k of n, as coded computation needs.
template <class T>
Future<std::vector<Indexed<T>>> when_k(std::vector<Future<T>> futures, std::size_t wanted) {
  if (wanted > futures.size())
    throw CallError(CallCode::invalid_argument,
                    "when_k: more answers are wanted than there are futures");
  const auto gather = std::make_shared<Gather<T>>(std::move(futures), wanted);
  gather->start();
  return gather->result;
}

/// The first answer; the other calls are cancelled.
template <class T>
Future<Indexed<T>> when_any(std::vector<Future<T>> futures) {
  return when_k(std::move(futures), 1).then([](std::vector<Indexed<T>> first) {
    return std::move(first.front());
  });
}

/// All answers, in the order of the futures. The first failure fails it and cancels the rest.
template <class T>
auto when_all(std::vector<Future<T>> futures) {
  const std::size_t count = futures.size();
  const Future<std::vector<Indexed<T>>> all = when_k(std::move(futures), count);
  if constexpr (std::is_void_v<T>) {
    return all.then([](const std::vector<Indexed<T>>&) {});
  } else {
    return all.then([](std::vector<Indexed<T>>&& answers) {
      std::vector<std::optional<T>> places(answers.size());
      for (Indexed<T>& answer : answers) places[answer.index].emplace(std::move(answer.value));
      std::vector<T> values;
      values.reserve(answers.size());
      for (std::optional<T>& place : places) values.push_back(std::move(*place));
      return values;
    });
  }
}

}  // namespace bourse::program
