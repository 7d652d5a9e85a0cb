#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// A regular expression that finds progress in a line of output. In the text a person writes, the
/// groups have names, `(?<samples>[0-9]+)` or `(?P<samples>[0-9]+)`; here they have numbers, as
/// std::regex (ECMAScript) wants them.
struct ProgressPattern {
  std::string expression;            ///< Without names.
  int samples_group = 0;             ///< Done since the job began; 0: there is none.
  int loss_group = 0;                ///< 0: there is none.
  int samples_per_second_group = 0;  ///< 0: there is none.
};

/// Errors: invalid_argument if it is no regular expression, has a named group other than samples,
/// loss and samples_per_second, or none of samples and samples_per_second.
[[nodiscard]] Result<ProgressPattern> parse_progress_pattern(std::string_view text);

}  // namespace bourse
