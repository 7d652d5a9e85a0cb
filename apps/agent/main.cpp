// `bourse agent` as a program of its own. It links a quarter of the libraries of `bourse`, so it
// starts in a quarter of the time, which counts when many cells change at once.
#include <fmt/core.h>

#include <exception>
#include <string_view>

#include "apps/agent/run_agent.h"

namespace {

int run(int count, char** arguments) {
  if (count != 3 || std::string_view(arguments[1]) != "--cell") {
    fmt::print(stderr, "bourse-agent: it is started by the daemon; see 'bourse agent --help'\n");
    return 2;
  }
  const bourse::Result<int> status = bourse::run_agent(arguments[2]);
  if (status) return *status;
  fmt::print(stderr, "bourse-agent: {}\n", status.error().message);
  return bourse::exit_status_of(status.error().code);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bourse-agent: {}\n", error.what());
  }
  return 1;
}
