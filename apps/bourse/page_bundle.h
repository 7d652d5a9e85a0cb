#pragma once

#include "bourse/report/comparison.h"

namespace bourse {

/// Script and style of the report page, as they were built into the program; the script is empty if
/// it was built without npm.
[[nodiscard]] PageBundle page_bundle();

}  // namespace bourse
