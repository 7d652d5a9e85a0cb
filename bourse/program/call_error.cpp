#include "bourse/program/call_error.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <typeinfo>
#include <utility>

namespace bourse::program {
namespace {

constexpr std::array<std::string_view, 11> kNames = {
    "cancelled",           "unknown",      "invalid_argument",
    "deadline_exceeded",   "not_found",    "resource_exhausted",
    "failed_precondition", "out_of_range", "internal",
    "unavailable",         "data_loss"};

std::string rendered(CallCode code, const std::string& message, const std::string& type,
                     const std::vector<std::string>& trace) {
  std::string text = fmt::format("{}: {}", name_of(code), message);
  if (!type.empty()) text += fmt::format(" [{}]", type);
  for (const std::string& place : trace) text += "\n  at " + place;
  return text;
}

CallError error_of(CallCode code, const std::exception& thrown) {
  return {code, thrown.what(), readable_type(typeid(thrown).name())};
}

}  // namespace

std::string_view name_of(CallCode code) {
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "unknown";
}

CallError::CallError(CallCode code, std::string message, std::string type,
                     std::vector<std::string> trace)
    : std::runtime_error(rendered(code, message, type, trace)),
      code_(code),
      message_(std::move(message)),
      type_(std::move(type)),
      trace_(std::move(trace)) {}

CallError CallError::at(std::string place) const {
  std::vector<std::string> trace = trace_;
  trace.push_back(std::move(place));
  return {code_, message_, type_, std::move(trace)};
}

CallError error_of_current_exception() {
  try {
    throw;
  } catch (const CallError& error) {
    return error;
  } catch (const std::invalid_argument& error) {
    return error_of(CallCode::invalid_argument, error);
  } catch (const std::domain_error& error) {
    return error_of(CallCode::invalid_argument, error);
  } catch (const std::out_of_range& error) {
    return error_of(CallCode::out_of_range, error);
  } catch (const std::range_error& error) {
    return error_of(CallCode::out_of_range, error);
  } catch (const std::length_error& error) {
    return error_of(CallCode::resource_exhausted, error);
  } catch (const std::bad_alloc& error) {
    return error_of(CallCode::resource_exhausted, error);
  } catch (const std::logic_error& error) {
    return error_of(CallCode::failed_precondition, error);
  } catch (const std::exception& error) {
    return error_of(CallCode::unknown, error);
  } catch (...) {
    return {CallCode::unknown, "something that is no std::exception was thrown"};
  }
}

CallError call_error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument:
      return {CallCode::invalid_argument, error.message};
    case ErrorCode::not_found:
      return {CallCode::not_found, error.message};
    case ErrorCode::already_exists:
    case ErrorCode::failed_precondition:
    case ErrorCode::unauthenticated:
    case ErrorCode::permission_denied:
      return {CallCode::failed_precondition, error.message};
    case ErrorCode::resource_exhausted:
      return {CallCode::resource_exhausted, error.message};
    case ErrorCode::unavailable:
      return {CallCode::unavailable, error.message};
    case ErrorCode::deadline_exceeded:
      return {CallCode::deadline_exceeded, error.message};
    case ErrorCode::data_corrupted:
      return {CallCode::data_loss, error.message};
    case ErrorCode::internal:
      break;
  }
  return {CallCode::internal, error.message};
}

std::string readable_type(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  return name ? name.get() : mangled;
}

CallError not_part_of_program(const std::string& node) {
  return {CallCode::unavailable, node + " is no part of the program at its present size"};
}

}  // namespace bourse::program
