#include "bourse/engine/host.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "bourse/base/check.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr int kMaxCpus = 8192;

/// The digits at the front; empty if there are none.
template <class Number>
std::optional<Number> leading_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

/// What stands after "name:" in lines as /proc has them; empty if it is not there.
std::string_view after_name(std::string_view text, std::string_view name) {
  for (const std::string_view line : split(text, '\n'))
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':'))
      return trim(line.substr(name.size() + 1));
  return {};
}

int count_gpus(Files& files) {
  if (const auto gpus = files.list("/proc/driver/nvidia/gpus"); gpus && !gpus->empty())
    return static_cast<int>(gpus->size());
  const auto devices = files.list("/dev");
  if (!devices) return 0;
  constexpr std::string_view prefix = "nvidia";
  return static_cast<int>(std::ranges::count_if(*devices, [&](const std::string& name) {
    return name.starts_with(prefix) && name.size() > prefix.size() &&
           std::ranges::all_of(name.substr(prefix.size()),
                               [](char c) { return c >= '0' && c <= '9'; });
  }));
}

void add_resource(Cluster& cluster, std::string_view name, ResourceKind kind, Amount amount) {
  BOURSE_CHECK(cluster.types.add(name, kind).has_value());
  cluster.classes[0].capacity.push_back(std::min(amount, kMaxAmount));
}

}  // namespace

std::vector<int> parse_cpu_list(std::string_view text) {
  std::vector<int> cpus;
  for (const std::string_view part : split(trim(text), ',')) {
    const auto first = leading_number<int>(part);
    if (!first || *first < 0) continue;
    const std::size_t dash = part.find('-');
    const auto last =
        dash == std::string_view::npos ? first : leading_number<int>(part.substr(dash + 1));
    for (int cpu = *first; last && cpu <= std::min(*last, kMaxCpus); ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

Host read_host(Files& files) {
  Host host;
  if (const auto name = files.read("/proc/sys/kernel/hostname")) host.name = trim(*name);
  if (const auto status = files.read("/proc/self/status"))
    if (auto cpus = parse_cpu_list(after_name(*status, "Cpus_allowed_list")); !cpus.empty())
      host.cpus = std::move(cpus);
  if (const auto memory = files.read("/proc/meminfo"))
    host.memory = leading_number<std::uint64_t>(after_name(*memory, "MemTotal")).value_or(0) << 10;
  host.gpu_count = count_gpus(files);
  return host;
}

Cluster cluster_of(const Host& host) {
  Cluster cluster;
  cluster.classes.push_back({.name = "local"});
  cluster.machines.push_back({});
  if (host.gpu_count > 0)
    add_resource(cluster, "gpu", ResourceKind::count, host.gpu_count * kAmountsPerUnit);
  add_resource(cluster, "cpu", ResourceKind::count,
               static_cast<Amount>(host.cpus.size()) * kAmountsPerUnit);
  if (host.memory > 0)
    add_resource(cluster, "memory", ResourceKind::bytes,
                 static_cast<Amount>(host.memory >> 20) * kAmountsPerUnit);
  return cluster;
}

}  // namespace bourse
