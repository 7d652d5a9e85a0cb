#include "bourse/program/host_launcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <utility>
#include <vector>

#include "bourse/world/address.h"

namespace bourse::program {
namespace {

/// A task that has not been heard of for so long is lost.
constexpr Seconds kSilence{10};
constexpr Seconds kLook{1};
/// How long tasks may take to hear that they are released.
constexpr Nanoseconds kFarewell = std::chrono::seconds(2);

}  // namespace

HostLauncher::HostLauncher(World& world, std::shared_ptr<ProgramGraph> graph, Events events,
                           std::unique_ptr<UnitLauncher> local)
    : world_(world),
      graph_(std::move(graph)),
      events_(std::move(events)),
      local_(std::move(local)),
      units_(hosted_units(*graph_)) {
  look_for_silence();
}

HostLauncher::~HostLauncher() { world_.clock.cancel(silence_timer_); }

bool HostLauncher::is_hosted(std::uint32_t unit) const {
  const auto has = [&](const std::vector<std::uint32_t>& units) {
    return std::ranges::find(units, unit) != units.end();
  };
  return has(units_.workers) || has(units_.servers);
}

/// kNoNode if there is nothing to do for the task. The server of rank 0 is the launcher.
std::uint32_t HostLauncher::unit_for(const HostPlace& place) const {
  if (!place.is_worker)
    return place.rank >= 1 && place.rank <= units_.servers.size() ? units_.servers[place.rank - 1]
                                                                  : kNoNode;
  const auto free = std::ranges::find_if(
      units_.workers, [&](std::uint32_t unit) { return !host_of_.contains(unit); });
  return free == units_.workers.end() ? kNoNode : *free;
}

void HostLauncher::join(std::uint32_t number, const HostPlace& place) {
  Host& host = hosts_[number];
  host = {.place = place,
          .task = Handle<TaskHost>(HandleCore(graph_, host_node(number))),
          .unit = unit_for(place),
          .last_beat = world_.clock.now()};
  if (host.unit == kNoNode || host_of_.contains(host.unit)) {
    host.unit = kNoNode;
    return release(number);
  }
  host_of_[host.unit] = number;
  events_.on_place(host.unit);
}

void HostLauncher::leave(std::uint32_t number) {
  const auto at = hosts_.find(number);
  if (at == hosts_.end() || std::exchange(at->second.is_leaving, true)) return;
  const std::uint32_t unit = at->second.unit;
  events_.on_place_lost(unit);
  if (!running_.contains(unit)) release(number);
}

void HostLauncher::beat(std::uint32_t number) {
  const auto at = hosts_.find(number);
  if (at != hosts_.end()) at->second.last_beat = world_.clock.now();
}

void HostLauncher::look_for_silence() {
  silence_timer_ = world_.clock.call_in(kLook, [this] {
    look_for_silence();
    std::vector<std::uint32_t> lost;
    for (const auto& [number, host] : hosts_)
      if (world_.clock.now() - host.last_beat > kSilence) lost.push_back(number);
    for (const std::uint32_t number : lost) {
      const std::uint32_t unit = hosts_[number].unit;
      hosts_.erase(number);
      host_of_.erase(unit);
      if (!running_.contains(unit)) continue;
      output(unit, true,
             fmt::format("the task that runs it has been silent for {} s\n", kSilence.value));
      ended(unit, {.signal = SIGKILL});
    }
  });
}

void HostLauncher::output(std::uint32_t unit, bool is_error, std::string_view text) {
  if (running_.contains(unit))
    events_.on_output(unit, is_error ? OutputStream::standard_error : OutputStream::standard_output,
                      text);
}

void HostLauncher::ended(std::uint32_t unit, ExitStatus status) {
  if (running_.erase(unit) == 0) return;
  events_.on_end(unit, status);
  const auto at = host_of_.find(unit);
  if (at != host_of_.end() && hosts_[at->second].is_leaving) release(at->second);
}

bool HostLauncher::has_place(std::uint32_t unit) const {
  return !is_hosted(unit) || host_of_.contains(unit);
}

HostLauncher::Host* HostLauncher::host_of(std::uint32_t unit) {
  const auto at = host_of_.find(unit);
  return at == host_of_.end() ? nullptr : &hosts_[at->second];
}

Result<void> HostLauncher::start(const UnitStart& start) {
  if (!is_hosted(start.order.unit)) return local_->start(start);
  Host* const host = host_of(start.order.unit);
  if (host == nullptr)
    return fail(ErrorCode::unavailable, "the task of the job that ran it is gone");
  UnitOrder order = start.order;
  order.listen = tcp_address(host->place.host, 0).text;
  host->task.post<&TaskHost::start>(order);
  running_.insert(order.unit);
  return {};
}

void HostLauncher::signal(std::uint32_t unit, int signal) {
  if (Host* const host = host_of(unit)) host->task.post<&TaskHost::signal>(unit, signal);
}

void HostLauncher::ask(std::uint32_t unit) {
  if (is_hosted(unit))
    signal(unit, SIGTERM);
  else
    local_->ask(unit);
}

void HostLauncher::kill(std::uint32_t unit) {
  if (is_hosted(unit))
    signal(unit, SIGKILL);
  else
    local_->kill(unit);
}

void HostLauncher::release(std::uint32_t number) {
  const auto at = hosts_.find(number);
  host_of_.erase(at->second.unit);
  at->second.task.post<&TaskHost::release>();
  hosts_.erase(at);
}

/// The answers are waited for: what is on its way is lost when we end.
void HostLauncher::clean_up(std::function<void()> on_done) {
  std::vector<Future<void>> told;
  for (const auto& [number, host] : hosts_) {
    told.push_back(host.task.timeout(kFarewell).async<&TaskHost::release>());
  }
  for (const Future<void>& one : told) (void)one.wait_for(kFarewell);
  hosts_.clear();
  host_of_.clear();
  local_->clean_up(std::move(on_done));
}

}  // namespace bourse::program
