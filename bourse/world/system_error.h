#pragma once

#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// What a caller does next when the system refuses with this errno.
[[nodiscard]] ErrorCode code_of_errno(int number);

/// "cannot read '/path': No such file or directory" for `what` = "read" and that errno.
[[nodiscard]] Error system_error(std::string_view what, std::string_view subject, int number);

/// The same for return from a function that returns Result<T>.
[[nodiscard]] tl::unexpected<Error> system_failure(std::string_view what, std::string_view subject,
                                                   int number);

}  // namespace bourse
