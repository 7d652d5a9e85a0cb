#include "bourse/world/simulated_world.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <csignal>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// A script that runs.
class ScriptRun {
 public:
  ScriptRun(SimulatedProcess& process, const ProcessScript& script,
            const std::vector<std::vector<std::string>>& children) {
    if (script.ignores_terminate) process.on_signal(SIGTERM, [] {});
    process.write(OutputStream::standard_output, script.output);
    process.write(OutputStream::standard_error, script.error_output);
    process.write_to_fifo(process.variable("FIFO"), script.fifo_output);
    for (const std::vector<std::string>& command : children)
      (void)process.spawn({.command = command, .environment = process.options().environment});
    if (script.duration == kForever) return;
    process.world().clock.call_in(script.duration,
                                  [&process, code = script.code] { process.exit(code); });
  }
};

}  // namespace

SimulatedWorld::SimulatedWorld(SimulatedWorldOptions options) : ground_{.options = options} {
  // The generator of SQLite is seeded once in a process, unless it is told.
  const int seed = static_cast<int>(options.seed % 1'000'000'007) + 1;
  sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, seed, nullptr);
}

SimulatedWorld::~SimulatedWorld() = default;

SimulatedHost& SimulatedWorld::add_host(const std::string& name) {
  BOURSE_CHECK(!hosts_.contains(name));
  auto host = std::make_unique<SimulatedHost>(ground_, name, hosts_.size());
  return *hosts_.emplace(name, std::move(host)).first->second;
}

void SimulatedWorld::add_program(const std::string& name, SimulatedProgram program) {
  ground_.programs[name] = std::move(program);
}

std::vector<std::string> SimulatedWorld::add_script(const ProcessScript& script) {
  std::vector<std::vector<std::string>> children;
  for (const ProcessScript& child : script.children) children.push_back(add_script(child));
  const std::string name = fmt::format("script-{}", ++script_count_);
  add_program(name, [script, children](SimulatedProcess& process) {
    return std::make_shared<ScriptRun>(process, script, children);
  });
  return {name};
}

bool SimulatedWorld::run_until(const std::function<bool()>& holds, Seconds longest) {
  const Seconds limit = now() + longest;
  while (!holds()) {
    if (step(limit)) continue;
    ground_.schedule.advance_to(limit);
    return holds();
  }
  return true;
}

void SimulatedWorld::run_for(Seconds time) {
  const Seconds limit = now() + time;
  while (step(limit)) continue;
  ground_.schedule.advance_to(limit);
}

}  // namespace bourse
