#include "bourse/simulation/perturb.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "bourse/base/random.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

Result<Outage> parse_outage(std::string_view line, std::size_t machine_count) {
  const std::vector<std::string_view> fields = split(line, ',');
  if (fields.size() != 3)
    return invalid(fmt::format("has {} fields; an outage has 3: machine,down,up", fields.size()));
  Outage outage;
  const Result<double> machine = parse_number(fields[0]);
  if (!machine || *machine < 0 || *machine != std::floor(*machine) ||
      *machine >= static_cast<double>(machine_count))
    return invalid(fmt::format("field 'machine': '{}' is not a machine number from 0 to {}",
                               quotable(fields[0]), machine_count - 1));
  outage.machine = MachineId(static_cast<std::size_t>(*machine));
  const Result<Seconds> from = parse_seconds(fields[1]);
  if (!from) return invalid(fmt::format("field 'down': {}", from.error().message));
  outage.from = *from;
  outage.to = kForever;
  if (!trim(fields[2]).empty()) {
    const Result<Seconds> to = parse_seconds(fields[2]);
    if (!to) return invalid(fmt::format("field 'up': {}", to.error().message));
    outage.to = *to;
  }
  if (outage.to <= outage.from) return invalid("field 'up': must be later than 'down'");
  return outage;
}

}  // namespace

Instance jittered(Instance instance, Seconds jitter, std::uint64_t seed) {
  if (jitter <= Seconds(0)) return instance;
  for (std::size_t i = 0; i < instance.jobs.size(); ++i) {
    RandomStream draws(seed, Purpose::jitter, i);
    const Seconds moved =
        instance.jobs[i].arrival + Seconds(draws.uniform(-jitter.value, jitter.value));
    instance.jobs[i].arrival = std::max(Seconds(0), moved);
  }
  return instance;
}

std::vector<Outage> random_outages(std::size_t machine_count, Seconds up_mean, Seconds down_mean,
                                   Seconds until, std::uint64_t seed) {
  std::vector<Outage> outages;
  for (std::size_t machine = 0; machine < machine_count; ++machine) {
    RandomStream draws(seed, Purpose::failure, machine);
    Seconds now{0};
    while (true) {
      const Seconds from = now + Seconds(draws.exponential(up_mean.value));
      if (from >= until) break;
      now = from + Seconds(std::max(1e-3, draws.exponential(down_mean.value)));
      outages.push_back({MachineId(machine), from, now});
    }
  }
  return outages;
}

Result<std::vector<Outage>> parse_outages(std::string_view text, std::string_view file,
                                          std::size_t machine_count) {
  if (trim(text).empty())
    return invalid(fmt::format("{}: is empty; the first line must be 'machine,down,up'", file));
  std::vector<Outage> outages;
  std::size_t number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty()) continue;
    if (number == 1) {
      if (line != "machine,down,up")
        return invalid(fmt::format("{}:1: the header is '{}'; it must be 'machine,down,up'", file,
                                   quotable(line)));
      continue;
    }
    Result<Outage> outage = parse_outage(line, machine_count);
    if (!outage) return invalid(fmt::format("{}:{}: {}", file, number, outage.error().message));
    outages.push_back(*outage);
  }
  std::ranges::stable_sort(outages, {},
                           [](const Outage& o) { return std::tuple(o.machine, o.from); });
  for (std::size_t i = 1; i < outages.size(); ++i)
    if (outages[i].machine == outages[i - 1].machine && outages[i].from <= outages[i - 1].to)
      return invalid(
          fmt::format("{}: two outages of machine {} overlap", file, outages[i].machine.value));
  return outages;
}

}  // namespace bourse
