#include "bourse/base/error.h"

namespace bourse {

std::string_view name_of(ErrorCode code) {
  using enum ErrorCode;
  switch (code) {
    case invalid_argument:
      return "invalid_argument";
    case not_found:
      return "not_found";
    case already_exists:
      return "already_exists";
    case failed_precondition:
      return "failed_precondition";
    case unauthenticated:
      return "unauthenticated";
    case permission_denied:
      return "permission_denied";
    case resource_exhausted:
      return "resource_exhausted";
    case unavailable:
      return "unavailable";
    case deadline_exceeded:
      return "deadline_exceeded";
    case data_corrupted:
      return "data_corrupted";
    case internal:
      return "internal";
  }
  return "internal";
}

int exit_status_of(ErrorCode code) { return code == ErrorCode::internal ? 70 : 1; }

}  // namespace bourse
