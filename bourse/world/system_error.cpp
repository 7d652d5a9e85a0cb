#include "bourse/world/system_error.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "bourse/base/text.h"

namespace bourse {

ErrorCode code_of_errno(int number) {
  switch (number) {
    case ENOENT:
      return ErrorCode::not_found;
    case EEXIST:
    case EADDRINUSE:
      return ErrorCode::already_exists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorCode::resource_exhausted;
    case EACCES:
    case EPERM:
    case EISDIR:
    case ENOTDIR:
    case EROFS:
    case ENOTEMPTY:
    case ELOOP:
    case ENAMETOOLONG:
    case EBUSY:
    case ENOEXEC:
    case EADDRNOTAVAIL:
    case EINVAL:
    case E2BIG:
      return ErrorCode::failed_precondition;
    case ETIMEDOUT:
      return ErrorCode::deadline_exceeded;
    default:
      return ErrorCode::unavailable;
  }
}

Error system_error(std::string_view what, std::string_view subject, int number) {
  const char* const description = strerrordesc_np(number);
  return {code_of_errno(number), fmt::format("cannot {} '{}': {}", what, quotable(subject, 200),
                                             description ? description : "unknown error")};
}

tl::unexpected<Error> system_failure(std::string_view what, std::string_view subject, int number) {
  return tl::unexpected<Error>(system_error(what, subject, number));
}

}  // namespace bourse
