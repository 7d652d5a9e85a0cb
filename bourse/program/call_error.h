#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse::program {

/// Why a call has no result. Says what the caller does next.
enum class CallCode : std::uint8_t {
  cancelled,            ///< The caller gave up, or the program is stopping.
  unknown,              ///< The handler threw what no other code describes.
  invalid_argument,     ///< Change the arguments; std::invalid_argument, std::domain_error.
  deadline_exceeded,    ///< No answer in time; the call may or may not have run.
  not_found,            ///< There is no such method or node.
  resource_exhausted,   ///< A stated limit was reached; std::bad_alloc, std::length_error.
  failed_precondition,  ///< Change the state first; other std::logic_error.
  out_of_range,         ///< std::out_of_range, std::range_error.
  internal,             ///< A defect of bourse.
  unavailable,          ///< The node is gone or not there yet; the call may or may not have run.
  data_loss,            ///< The bytes are not what they claim to be.
};

class CallError;

/// What a call to a node fails with that is not there at the present size of its group.
[[nodiscard]] CallError not_part_of_program(const std::string& node);

/// Name of the code, e.g. "deadline_exceeded".
[[nodiscard]] std::string_view name_of(CallCode code);

/// What a call throws when it has no result, whichever way it went: the same in one thread, between
/// threads and between machines.
class CallError : public std::runtime_error {
 public:
  CallError(CallCode code, std::string message, std::string type = {},
            std::vector<std::string> trace = {});

  [[nodiscard]] CallCode code() const { return code_; }
  /// One sentence: what was tried, on what, why not.
  [[nodiscard]] const std::string& message() const { return message_; }
  /// Type of the exception that a handler threw; empty if it was none.
  [[nodiscard]] const std::string& type() const { return type_; }
  /// Where it happened, innermost first: node, method and process, then each caller.
  [[nodiscard]] const std::vector<std::string>& trace() const { return trace_; }

  /// The same error, seen from one place further out.
  [[nodiscard]] CallError at(std::string place) const;

 private:
  CallCode code_;
  std::string message_;
  std::string type_;
  std::vector<std::string> trace_;
};

/// The exception that is being handled, as a call reports it. Call it in a catch block only.
[[nodiscard]] CallError error_of_current_exception();

/// An error of the rooms below, as a call reports it.
[[nodiscard]] CallError call_error_of(const Error& error);

/// A readable name of a type as std::type_info::name() has it.
[[nodiscard]] std::string readable_type(const char* mangled);

}  // namespace bourse::program
