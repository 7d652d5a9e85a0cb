#pragma once

// The parts of CLI11 that headers name, so that only .cpp files read the whole of it.
namespace CLI {  // NOLINT(readability-identifier-naming): the library's own name.
class App;
class Option;
}  // namespace CLI
