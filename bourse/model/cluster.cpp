#include "bourse/model/cluster.h"

#include <fmt/core.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "bourse/base/text.h"
#include "bourse/model/workload.h"

namespace bourse {
namespace {

constexpr std::string_view kForm = "write MACHINESxGPUS, such as 256x8";

/// A whole number of digits alone; nothing on overflow.
std::optional<std::int64_t> whole_number(std::string_view digits) {
  std::int64_t value = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return std::nullopt;
  const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (code != std::errc{}) return std::nullopt;
  return value;
}

bool looks_like_short_form(std::string_view text) {
  return text.find('x') != std::string_view::npos &&
         text.find_first_not_of("0123456789x") == std::string_view::npos;
}

/// Errors: not_found if the file cannot be opened or read; resource_exhausted above the limit.
Result<std::string> read_text_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream)
    return fail(
        ErrorCode::not_found,
        fmt::format("cannot open cluster '{}': {}; give a YAML file or a short form such as "
                    "256x8",
                    quotable(path, 200), std::strerror(errno)));
  std::string text;
  char block[65536];
  while (stream.read(block, sizeof block) || stream.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > kMaxYamlBytes)
      return fail(ErrorCode::resource_exhausted,
                  fmt::format("{}: is larger than {} MiB", path, kMaxYamlBytes >> 20));
  }
  if (stream.bad())
    return fail(ErrorCode::not_found,
                fmt::format("cannot read cluster '{}'; is it a file?", quotable(path, 200)));
  return text;
}

}  // namespace

ResourceVector Cluster::total() const {
  ResourceVector sum(types.size(), 0);
  std::vector<Amount> count(classes.size(), 0);
  for (const Machine& machine : machines) ++count[machine.class_index];
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (std::size_t r = 0; r < sum.size(); ++r) sum[r] += count[c] * classes[c].capacity[r];
  return sum;
}

std::string Cluster::machine_name(MachineId id) const {
  if (!machine_names.empty()) return machine_names[id.index()];
  return fmt::format("{}-{}", class_of(id).name, id.index());
}

Result<Cluster> parse_cluster_short_form(std::string_view text) {
  const std::string_view whole = trim(text);
  const auto cross = whole.find('x');
  const auto bad = [&](std::string_view what) {
    return invalid(fmt::format("cluster '{}' {}; {}", quotable(whole), what, kForm));
  };
  if (cross == std::string_view::npos) return bad("is not of the short form");
  const auto machines = whole_number(whole.substr(0, cross));
  const auto gpus = whole_number(whole.substr(cross + 1));
  if (!machines || !gpus) return bad("is not two whole numbers");
  if (*machines == 0) return bad("has no machines");
  if (*gpus == 0) return bad("has no GPUs");
  if (*machines > kMaxMachines) return bad(fmt::format("has more than {} machines", kMaxMachines));
  if (*gpus > 1'000'000) return bad("has more than 1000000 GPUs on a machine");
  Cluster cluster;
  BOURSE_TRY_VOID(cluster.types.add("gpu", ResourceKind::count));
  cluster.classes.push_back({.name = "machine", .capacity = {*gpus * kAmountsPerUnit}, .speed = 1});
  cluster.machines.resize(static_cast<std::size_t>(*machines));
  return cluster;
}

Result<Cluster> load_cluster(const std::string& argument) {
  if (looks_like_short_form(argument)) return parse_cluster_short_form(argument);
  BOURSE_TRY(const std::string text, read_text_file(argument));
  return parse_cluster_yaml(text, argument);
}

}  // namespace bourse
