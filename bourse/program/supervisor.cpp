#include "bourse/program/supervisor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "bourse/program/channel.h"
#include "bourse/program/context.h"
#include "bourse/program/directory.h"

namespace bourse::program {
namespace {

Seconds seconds_of(std::chrono::nanoseconds span) {
  return Seconds(std::chrono::duration<double>(span).count());
}

/// What all nodes of a unit need together.
NodeResources sum_of_resources(const std::vector<const NodeSpec*>& nodes) {
  NodeResources sum{.cpus = 0, .gpus = 0, .memory_mib = 0, .custom = {}};
  for (const NodeSpec* const node : nodes) {
    sum.cpus += node->options.resources.cpus;
    sum.gpus += node->options.resources.gpus;
    sum.memory_mib += node->options.resources.memory_mib;
  }
  return sum;
}

}  // namespace

Supervisor::Supervisor(World& world, RunState& state, DirectoryTable& directory, Options options)
    : world_(world), state_(state), directory_(directory), options_(std::move(options)) {
  UnitLauncher::Events events{
      .on_output =
          [this](std::uint32_t unit, OutputStream stream, std::string_view text) {
            const bool is_error = stream == OutputStream::standard_error;
            (is_error ? units_[unit].errors : units_[unit].output)->add(text);
          },
      .on_end = [this](std::uint32_t unit, ExitStatus status) { unit_ended(unit, status); },
      .on_place = [this](std::uint32_t unit) { add(unit); },
      .on_place_lost = [this](std::uint32_t unit) { remove(unit); }};
  launcher_ = options_.make_launcher
                  ? options_.make_launcher(world, std::move(events))
                  : std::make_unique<LocalLauncher>(
                        world, options_.folder, LocalLauncher::Asking::alone, std::move(events));
  for (const NodeSpec& node : state_.graph().nodes) {
    if (node.unit == options_.unit_here) continue;
    Unit& unit = units_[node.unit];
    if (unit.name.empty() || node.options.restart.max > unit.options.restart.max) {
      unit.options = node.options;
      unit.label = node.label;
    }
    unit.name = state_.graph().unit_name(node.unit);
    unit.is_wanted = !node.is_spare;
    if (node.is_spare) directory_.set_absent(node.unit, true);
  }
}

Supervisor::~Supervisor() {
  world_.clock.cancel(grace_timer_);
  world_.clock.cancel(silence_timer_);
  for (auto& [number, unit] : units_) world_.clock.cancel(unit.timer);
}

void Supervisor::start() {
  for (auto& [number, unit] : units_) {
    if (is_stopping_) break;
    if (unit.is_wanted && launcher_->has_place(number)) start_unit(number);
  }
  if (options_.silence > Nanoseconds(0)) look_for_silence();
  end_if_none_lives();
}

/// Ends processes that are there and do not answer. Looks that find nothing are counted, not time:
/// all of us may have been stopped for a while.
void Supervisor::look_for_silence() {
  silence_timer_ = world_.clock.call_in(seconds_of(options_.silence / kSilenceChecks),
                                        [this] { look_for_silence(); });
  for (auto& [number, unit] : units_) {
    if (!unit.is_alive || !unit.has_beaten || unit.looks_in_vain++ != kSilenceChecks) continue;
    unit.message =
        fmt::format("nothing was heard from it for {} s", seconds_of(options_.silence).value);
    launcher_->kill(number);
  }
}

void Supervisor::unit_beat(std::uint32_t unit) {
  const auto entry = units_.find(unit);
  if (entry == units_.end()) return;
  entry->second.has_beaten = true;
  entry->second.looks_in_vain = 0;
}

void Supervisor::add(std::uint32_t number) {
  Unit& unit = units_[number];
  if (is_stopping_ || (unit.is_wanted && unit.was_started)) return;
  if (!unit.is_wanted) {
    unit.is_wanted = true;
    directory_.set_absent(number, false);
    state_.unit_joined(number);
  }
  if (unit.was_started) ++unit.incarnation;
  if (!unit.is_alive) start_unit(number);  // else once it has ended
}

void Supervisor::remove(std::uint32_t number) {
  Unit& unit = units_[number];
  if (is_stopping_ || !std::exchange(unit.is_wanted, false)) return;
  directory_.set_absent(number, true);
  state_.unit_left(number);
  world_.clock.cancel(unit.timer);
  unit.timer = 0;
  unit.is_recalled = false;
  if (!unit.is_alive) return;
  unit.is_leaving = true;
  launcher_->ask(number);
  unit.timer = world_.clock.call_in(seconds_of(options_.grace), [this, number] {
    units_[number].timer = 0;
    write_line(OutputStream::standard_error, units_[number].name,
               "did not leave in time and was killed");
    launcher_->kill(number);
  });
}

void Supervisor::scale(const std::string& label, std::size_t count) {
  const std::vector<std::uint32_t> units = state_.graph().units_of(label);
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i < count)
      add(units[i]);
    else
      remove(units[i]);
  }
}

void Supervisor::start_unit(std::uint32_t number) {
  Unit& unit = units_[number];
  world_.clock.cancel(std::exchange(unit.timer, 0));
  if (is_stopping_) return;
  unit.was_started = true;
  unit.failed_node.clear();
  unit.message.clear();
  unit.was_ready = false;
  unit.has_beaten = false;
  unit.looks_in_vain = 0;
  const auto line_of = [this, name = unit.name](OutputStream stream) {
    return [this, name, stream](std::string_view line) { write_line(stream, name, line); };
  };
  unit.output = std::make_unique<OutputLines>(line_of(OutputStream::standard_output));
  unit.errors = std::make_unique<OutputLines>(line_of(OutputStream::standard_error));
  UnitStart start{.order = options_.order,
                  .arguments = options_.arguments,
                  .resources = sum_of_resources(state_.graph().nodes_of_unit(number))};
  start.order.unit = number;
  start.order.incarnation = unit.incarnation;
  start.order.listen =
      options_.uses_tcp ? fmt::format("tcp:{}:0", options_.tcp_host)
                        : fmt::format("unix:{}/{}.{}", options_.folder, number, unit.incarnation);
  if (const Result<void> started = launcher_->start(start); !started)
    return give_up({.node = unit.name, .message = started.error().message, .last_lines = {}});
  unit.is_alive = true;
}

void Supervisor::unit_ready(std::uint32_t unit) {
  if (const auto entry = units_.find(unit); entry != units_.end()) entry->second.was_ready = true;
  state_.unit_ready(unit);
}

void Supervisor::unit_failed(std::uint32_t unit, const std::string& node,
                             const std::string& message) {
  units_[unit].failed_node = node;
  units_[unit].message = message;
}

NodeFailure Supervisor::failure_of(const Unit& unit, ExitStatus status) {
  NodeFailure failure{.node = unit.failed_node.empty() ? unit.name : unit.failed_node,
                      .exit_code = status.code,
                      .signal = status.signal,
                      .message = unit.message,
                      .restarts = static_cast<int>(unit.incarnation),
                      .last_lines = unit.errors->last()};
  if (status.is_success() && failure.message.empty())
    failure.message = "its process ended before the program did";
  if (failure.last_lines.empty()) failure.last_lines = unit.output->last();
  return failure;
}

void Supervisor::unit_ended(std::uint32_t number, ExitStatus status) {
  Unit& unit = units_[number];
  unit.is_alive = false;
  unit.output->finish();
  unit.errors->finish();
  if (unit.is_wanted) directory_.remove_unit(number);
  if (is_stopping_) {
    const bool was_told = status.signal == SIGKILL || status.signal == SIGTERM;
    if (!status.is_success() && !was_told) state_.failed(failure_of(unit, status));
    return end_if_none_lives();
  }
  if (std::exchange(unit.is_recalled, false)) return;  // its start is due already
  if (std::exchange(unit.is_leaving, false)) {
    world_.clock.cancel(std::exchange(unit.timer, 0));
    if (unit.is_wanted) start_unit(number);
    return;
  }
  NodeFailure failure = failure_of(unit, status);
  if (!restart(number)) give_up(std::move(failure));
}

void Supervisor::give_up(NodeFailure failure) {
  state_.failed(std::move(failure));
  stop();
}

Supervisor::Budget& Supervisor::budget_of(const Unit& unit, std::uint32_t number) {
  switch (unit.options.restart.scope) {
    case RestartScope::group:
      return budgets_["group " + unit.label];
    case RestartScope::program:
      return budgets_["program"];
    case RestartScope::node:
      break;
  }
  return budgets_[fmt::format("unit {}", number)];
}

bool Supervisor::is_together(const Unit& failed, const Unit& other, RestartScope scope) {
  if (&failed == &other || scope == RestartScope::program) return true;
  return scope == RestartScope::group && failed.label == other.label;
}

/// Starts a unit again, and what goes with it. False if it may not be.
bool Supervisor::restart(std::uint32_t number) {
  const Unit& failed = units_[number];
  const Restart& policy = failed.options.restart;
  if (!failed.was_ready) return false;  // it would fail the same way again
  Budget& budget = budget_of(failed, number);
  const Seconds now = world_.clock.now();
  if (budget.used > 0 && now - budget.last >= seconds_of(policy.healthy_after)) budget = {};
  if (budget.used >= policy.max) return false;
  ++budget.used;
  budget.last = now;
  const Seconds delay =
      seconds_of(policy.backoff) * static_cast<double>(1 << std::min(budget.in_a_row, 20));
  ++budget.in_a_row;
  write_line(OutputStream::standard_error, failed.name,
             fmt::format("is started again ({} of {})", budget.used, policy.max));
  for (auto& [other_number, other] : units_) {
    if (!other.is_wanted || !is_together(failed, other, policy.scope)) continue;
    if (other.is_alive) {
      other.is_recalled = true;
      directory_.remove_unit(other_number);
      launcher_->kill(other_number);
    }
    start_later(other_number, delay);
  }
  return true;
}

void Supervisor::start_later(std::uint32_t number, Seconds delay) {
  Unit& unit = units_[number];
  ++unit.incarnation;
  state_.unit_restarts(number);
  world_.clock.cancel(unit.timer);
  unit.timer = world_.clock.call_in(delay, [this, number] {
    // What was killed may take a moment to go.
    if (units_[number].is_alive) {
      --units_[number].incarnation;
      return start_later(number, Seconds(0.01));
    }
    start_unit(number);
  });
}

void Supervisor::stop() {
  if (std::exchange(is_stopping_, true)) return;
  directory_.begin_stop();
  const bool has_grace = options_.grace > Nanoseconds(0);
  for (auto& [number, unit] : units_) {
    world_.clock.cancel(std::exchange(unit.timer, 0));
    if (!unit.is_alive) continue;
    if (has_grace)
      launcher_->ask(number);
    else
      launcher_->kill(number);
  }
  if (has_grace)
    grace_timer_ = world_.clock.call_in(seconds_of(options_.grace), [this] { name_the_late(); });
  end_if_none_lives();
}

void Supervisor::name_the_late() {
  for (auto& [number, unit] : units_) {
    if (!unit.is_alive) continue;
    const std::string why =
        fmt::format("it did not stop within {} s and was killed", seconds_of(options_.grace).value);
    write_line(OutputStream::standard_error, unit.name, why);
    state_.failed({.node = unit.name, .message = why, .last_lines = {}});
  }
  kill();
}

void Supervisor::kill() {
  stop();
  for (auto& [number, unit] : units_)
    if (unit.is_alive) launcher_->kill(number);
}

void Supervisor::end_if_none_lives() {
  if (!is_stopping_ || has_ended_) return;
  if (std::ranges::any_of(units_, [](const auto& entry) { return entry.second.is_alive; })) return;
  has_ended_ = true;
  launcher_->clean_up(options_.on_end);
}

void Supervisor::write_line(OutputStream stream, const std::string& unit,
                            std::string_view line) const {
  if (options_.on_line) return options_.on_line(unit, line);
  const std::string text = fmt::format("[{}] {}\n", unit, line);
  // One write, so that lines of others do not come between.
  (void)!::write(stream == OutputStream::standard_error ? STDERR_FILENO : STDOUT_FILENO,
                 text.data(), text.size());
}

}  // namespace bourse::program
