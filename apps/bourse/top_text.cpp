#include "apps/bourse/top_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "apps/bourse/view_text.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

constexpr std::size_t kBarWidth = 22;
constexpr std::size_t kMostMachines = 16;  ///< Beyond, only the sums are shown.

/// "3 up, 1 draining".
std::string states_text(const MachineList& list) {
  std::map<std::string, int> counts;
  for (const MachineView& machine : list.machines) ++counts[machine.state];
  std::string out;
  for (const std::string state : {"up", "draining", "drained", "down"})
    if (counts[state] > 0)
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", counts[state], state);
  return out.empty() ? "none" : out;
}

std::string phases_text(const JobList& list) {
  std::map<JobPhase, int> counts;
  for (const JobView& job : list.jobs) ++counts[job.phase];
  std::string out;
  for (const auto& [phase, count] : counts)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count, name_of(phase));
  return out.empty() ? "none" : out;
}

/// A line a resource: how much of the machines that are not down is held, and its price.
std::string resources_text(const TopView& view) {
  std::string out;
  for (std::size_t r = 0; r < view.machines.types.size(); ++r) {
    double used = 0;
    double capacity = 0;
    for (const MachineView& machine : view.machines.machines) {
      if (machine.state == "down") continue;
      used += static_cast<double>(machine.used[r]);
      capacity += static_cast<double>(machine.capacity[r]);
    }
    const double share = capacity > 0 ? used / capacity : 0;
    const std::string& name = view.machines.types[r].name;
    std::string price;
    for (const ResourcePrice& each : view.prices.prices)
      if (each.resource == name) price = fmt::format("  price {:.3g}", each.price);
    out += fmt::format("{:<8} {} {:>4.0f}%{}\n", shortened(name, 8), bar(share, kBarWidth),
                       100 * share, price);
  }
  return out;
}

}  // namespace

std::string bar(double share, std::size_t columns) {
  const std::size_t inside = columns < 2 ? 0 : columns - 2;
  const auto filled = static_cast<std::size_t>(
      std::lround(std::clamp(share, 0.0, 1.0) * static_cast<double>(inside)));
  return "[" + std::string(filled, '#') + std::string(inside - filled, '.') + "]";
}

std::string top_text(const TopView& view, Seconds now, std::size_t width) {
  std::string out = fmt::format("bourse  policy {}  machines: {}  jobs: {}\n\n", view.prices.policy,
                                states_text(view.machines), phases_text(view.live));
  out += resources_text(view) + "\n";
  if (view.machines.machines.size() <= kMostMachines)
    out += machines_text(view.machines, width) + "\n";
  out += jobs_text(view.live, now, width);
  if (!view.ended.jobs.empty()) out += "\nended\n" + jobs_text(view.ended, now, width);
  return out;
}

std::string top_json(const TopView& view) {
  return fmt::format(R"({{"machines": {}, "prices": {}, "live": {}, "ended": {}}})",
                     to_json(view.machines), to_json(view.prices), to_json(view.live),
                     to_json(view.ended));
}

}  // namespace bourse
