#pragma once

#include "apps/bourse/cli_forward.h"

namespace bourse {

/// From now on the help of the app and of commands added later fits 100 columns: one option a
/// paragraph, its description indented below or beside it.
void use_our_help(CLI::App& app);

}  // namespace bourse
