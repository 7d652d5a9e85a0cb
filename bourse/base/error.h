#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace bourse {

/// What the caller does next, not what went wrong inside.
enum class ErrorCode {
  invalid_argument,     ///< Change the input; the same call never succeeds.
  not_found,            ///< The thing named does not exist.
  already_exists,       ///< Choose another name.
  failed_precondition,  ///< Change the state first, then call again.
  unauthenticated,      ///< Say who you are, in a way that is known, then call again.
  permission_denied,    ///< Who you are is known, and may not; ask somebody who may.
  resource_exhausted,   ///< A stated limit was reached; ask for less or raise it.
  unavailable,          ///< Try again later.
  deadline_exceeded,    ///< The time allowed ran out; the work may or may not be done.
  data_corrupted,       ///< The bytes are not what they claim to be.
  internal,             ///< A defect of bourse.
};

/// An expected failure. `message` is one sentence: what was tried, on what, why not, what would be
/// right; values are quoted; no full stop.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
};

/// A value, or the error that kept it from being there.
template <class T>
using Result = tl::expected<T, Error>;

/// Wraps an error for return from a function that returns Result<T>.
[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

/// The same with the code that bad input has.
[[nodiscard]] inline tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::invalid_argument, std::move(message));
}

/// Name of the code as it appears in JSON, e.g. "invalid_argument".
[[nodiscard]] std::string_view name_of(ErrorCode code);

/// Exit status of the program for an error of this code: 1 for bad data and failures,
/// 70 (EX_SOFTWARE) for a defect. Usage errors (2) are found before any Result exists.
[[nodiscard]] int exit_status_of(ErrorCode code);

}  // namespace bourse

#define BOURSE_CONCAT_(a, b) a##b
#define BOURSE_CONCAT(a, b) BOURSE_CONCAT_(a, b)

/// BOURSE_TRY(const T x, expression): declares x from the value of a Result, or returns its error.
#define BOURSE_TRY(declaration, ...)                                 \
  auto BOURSE_CONCAT(bourse_result_, __LINE__) = (__VA_ARGS__);      \
  if (!BOURSE_CONCAT(bourse_result_, __LINE__))                      \
    return tl::unexpected<::bourse::Error>(                          \
        std::move(BOURSE_CONCAT(bourse_result_, __LINE__)).error()); \
  declaration = *std::move(BOURSE_CONCAT(bourse_result_, __LINE__))

/// BOURSE_TRY_VOID(expression): returns the error of a Result<void>, if it has one.
#define BOURSE_TRY_VOID(...)                              \
  if (auto bourse_result = (__VA_ARGS__); !bourse_result) \
  return tl::unexpected<::bourse::Error>(std::move(bourse_result).error())
