#pragma once

namespace CLI {
class App;
}

namespace bourse {

/// From now on the help of the app and of commands added later fits 100 columns: one option a
/// paragraph, its description indented below or beside it.
void use_our_help(CLI::App& app);

}  // namespace bourse
