#include "apps/bourse/compare_grid.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "apps/bourse/bounds.h"
#include "apps/bourse/files.h"
#include "apps/bourse/fingerprint.h"
#include "bourse/base/units.h"
#include "bourse/simulation/variants.h"

namespace bourse {
namespace {

/// More runs than this are a mistake on the command line.
constexpr std::size_t kMaxCells = 100'000;
constexpr Seconds kJitter{0.1};
constexpr std::string_view kSeedMark = "{seed}";

/// "philly-10000" for "traces/philly-10000.csv.gz".
std::string short_name(const std::string& path) {
  std::string name = std::filesystem::path(path).filename().string();
  for (const std::string_view ending : {".gz", ".csv", ".json", ".yaml", ".yml", ".swf"})
    if (name.ends_with(ending) && name.size() > ending.size())
      name.resize(name.size() - ending.size());
  return name;
}

std::string with_seed(std::string path, std::uint64_t seed) {
  if (const std::size_t at = path.find(kSeedMark); at != std::string::npos)
    path.replace(at, kSeedMark.size(), std::to_string(seed));
  return path;
}

/// The fingerprint of a file, or of a cluster in short form.
Result<std::string> identity_of(const std::string& path) {
  if (path.empty()) return std::string();
  if (!std::filesystem::exists(path)) return "text " + path;
  return file_fingerprint(path);
}

/// All that a loaded instance depends on.
Result<std::string> facts_of(const LoadOptions& source) {
  KeyText key;
  for (const std::string& file : {source.workload, source.cluster, source.elastic}) {
    BOURSE_TRY(const std::string identity, identity_of(file));
    key.add("file", identity);
  }
  key.add("format", std::to_string(source.format));
  key.add("skip-unfit", source.skip_unfit ? "1" : "0");
  key.add("utility-seed", std::to_string(source.utility_seed));
  key.add("restart-cost", source.restart_cost ? number_text(source.restart_cost->value) : "");
  key.add("horizon", source.horizon ? number_text(source.horizon->value) : "");
  return key.text();
}

/// The groups of a workload that was loaded, or the whole.
std::vector<GroupInstance> parts_of(Instance instance, bool split) {
  if (split) return by_group(instance);
  std::vector<GroupInstance> whole;
  whole.push_back({"", std::move(instance)});
  return whole;
}

/// Reads one workload for one seed and adds it, or the seed, to `workloads` from `first` on.
Result<void> add_seed(const LoadOptions& source, const std::string& name, bool split,
                      std::size_t first, std::vector<ComparedWorkload>& workloads) {
  BOURSE_TRY(Loaded loaded, load(source));
  BOURSE_TRY(const std::string facts, facts_of(source));
  for (GroupInstance& part : parts_of(std::move(loaded.instance), split)) {
    const std::string part_name =
        split ? fmt::format("{} / {}", name, part.group.empty() ? "(none)" : part.group) : name;
    auto at = std::find_if(workloads.begin() + static_cast<std::ptrdiff_t>(first), workloads.end(),
                           [&](const ComparedWorkload& w) { return w.name == part_name; });
    if (at == workloads.end()) {
      at = workloads.insert(at, ComparedWorkload{.name = part_name});
      at->about.format = loaded.format;
      at->about.skipped = loaded.skipped;
      at->about.assumptions = loaded.assumptions;
    }
    KeyText key;
    key.add("source", facts);
    key.add("group", split ? part.group : "");
    key.add("split", split ? "1" : "0");
    at->by_seed.push_back(std::move(part.instance));
    at->facts.push_back(key.text());
  }
  return {};
}

Result<void> add_workload(const CompareOptions& options, std::size_t index,
                          std::vector<ComparedWorkload>& workloads) {
  const std::string& path = options.workloads[index];
  LoadOptions source = options.source;
  if (!options.clusters.empty())
    source.cluster = options.clusters[options.clusters.size() == 1 ? 0 : index];
  std::string name = short_name(path);
  const bool is_taken = std::ranges::any_of(workloads, [&](const ComparedWorkload& w) {
    return w.name == name || w.name.starts_with(name + " / ");
  });
  if (is_taken) name = path;
  const bool per_seed = path.find(kSeedMark) != std::string::npos;
  const std::size_t first = workloads.size();
  for (std::uint64_t s = 0; s < (per_seed ? options.seeds : 1); ++s) {
    source.workload = with_seed(path, options.seed + s);
    BOURSE_TRY_VOID(add_seed(source, name, options.split_by == 1, first, workloads));
  }
  for (std::size_t w = first; per_seed && w < workloads.size(); ++w)
    if (workloads[w].by_seed.size() != options.seeds)
      return invalid(fmt::format("'{}': group '{}' is not in the workload of every seed", path,
                                 workloads[w].name));
  return {};
}

/// Load 1 comes first where it is asked for: it is the workload as it is.
std::vector<double> ordered_loads(const CompareOptions& options) {
  std::vector<double> loads = options.loads;
  if (loads.empty()) loads.push_back(1);
  std::ranges::stable_partition(loads, [](double load) { return load == 1; });
  return loads;
}

Result<void> check_clusters(const CompareOptions& options) {
  const std::size_t count = options.clusters.size();
  if (count <= 1 || count == options.workloads.size()) return {};
  return fail(ErrorCode::failed_precondition,
              fmt::format("option --cluster: {} clusters for {} workloads; say one for all, or one "
                          "for each",
                          count, options.workloads.size()));
}

}  // namespace

Seconds jitter_of(const CompareOptions& options, const Instance& instance) {
  if (options.disturbance.jitter) return *options.disturbance.jitter;
  return instance.slot > Seconds(0) ? Seconds(0) : kJitter;
}

Result<Grid> make_grid(const CompareOptions& options, std::vector<PolicyChoice> policies) {
  BOURSE_TRY_VOID(check_clusters(options));
  Grid grid{.options = &options, .policies = std::move(policies)};
  for (std::size_t i = 0; i < options.workloads.size(); ++i) {
    const std::string& path = options.workloads[i];
    if (std::ranges::count(options.workloads, path) > 1)
      return fail(ErrorCode::failed_precondition,
                  fmt::format("option --workload: '{}' stands there twice", path));
    BOURSE_TRY_VOID(add_workload(options, i, grid.workloads));
  }
  const std::vector<double> loads = ordered_loads(options);
  for (std::size_t w = 0; w < grid.workloads.size(); ++w) {
    const Cluster& cluster = grid.workloads[w].by_seed.front().cluster;
    for (const double load : loads) grid.sections.push_back({w, load, 1, cluster});
    for (const int scale : options.scales)
      grid.sections.push_back({w, loads.front(), scale, enlarged(cluster, scale)});
  }
  for (std::size_t s = 0; s < grid.sections.size(); ++s) {
    const std::size_t seeds = grid.sections[s].scale > 1 ? 1 : options.seeds;
    for (std::size_t p = 0; p < grid.policies.size(); ++p)
      for (std::size_t seed = 0; seed < seeds; ++seed) grid.cells.push_back({s, p, seed});
    if (grid.cells.size() > kMaxCells)
      return fail(ErrorCode::failed_precondition,
                  fmt::format("these are more than {} runs; ask for fewer policies, workloads, "
                              "loads or seeds",
                              kMaxCells));
  }
  for (const ComparedWorkload& workload : grid.workloads)
    BOURSE_TRY_VOID(failures_of(options.disturbance, workload.by_seed.front()));
  return grid;
}

std::string key_of(const Grid& grid, const GridCell& cell) {
  const CompareOptions& options = *grid.options;
  const GridSection& section = grid.sections[cell.section];
  const ComparedWorkload& workload = grid.workloads[section.workload];
  const PolicyChoice& policy = grid.policies[cell.policy];
  const DisturbanceOptions& noise = options.disturbance;
  KeyText key;
  key.add("workload", workload.facts[workload.at(cell.seed_index)]);
  key.add("load", number_text(section.load));
  key.add("scale", std::to_string(section.scale));
  key.add("policy", policy.name);
  for (const auto& [name, value] : policy.settings) key.add("set " + name, value);
  key.add("seed", std::to_string(options.seed + cell.seed_index));
  key.add("details", cell.seed_index == 0 ? "1" : "0");
  key.add("bound", options.bound ? "1" : "0");
  key.add("jitter", number_text(jitter_of(options, workload.by_seed.front()).value));
  key.add("belief-error", number_text(noise.belief_error));
  key.add("failures", identity_of(noise.failures).value_or(noise.failures));
  for (const auto& duration : {noise.mtbf, noise.repair, noise.checkpoint_every})
    key.add("duration", duration ? number_text(duration->value) : "");
  return fingerprint(key.text());
}

std::string title_of(const Grid& grid, const GridCell& cell) {
  const GridSection& section = grid.sections[cell.section];
  std::string out = fmt::format("{} on {}", grid.policies[cell.policy].name,
                                grid.workloads[section.workload].name);
  if (section.load != 1) out += fmt::format(", load {}", number_text(section.load));
  if (section.scale != 1) out += fmt::format(", {} times as large", section.scale);
  return out + fmt::format(", seed {}", grid.options->seed + cell.seed_index);
}

Result<CellResult> run_cell(const Grid& grid, const GridCell& cell,
                            const std::function<void(double)>& on_progress) {
  const CompareOptions& options = *grid.options;
  const GridSection& section = grid.sections[cell.section];
  const ComparedWorkload& workload = grid.workloads[section.workload];
  const Instance& base = workload.by_seed[workload.at(cell.seed_index)];
  const Instance instance = enlarged(at_load(base, section.load), section.scale);
  BOURSE_TRY(FailureModel failures, failures_of(options.disturbance, instance));
  // Who was where is drawn for one seed only.
  const bool is_drawn = cell.seed_index == 0 && section.scale == 1;
  RunRecorder recorder(instance, {.spans = is_drawn ? std::size_t{12'000} : std::size_t{0}});
  const RunPlan plan{.instance = &instance,
                     .policies = {grid.policies[cell.policy]},
                     .first_seed = options.seed + cell.seed_index,
                     .seed_count = 1,
                     .jitter = jitter_of(options, instance),
                     .belief_error = options.disturbance.belief_error,
                     .checkpoint_every = options.disturbance.checkpoint_every.value_or(Seconds(0)),
                     .failures = std::move(failures),
                     .keep_details = true,
                     .observer = &recorder,
                     .thread_count = 1};
  BOURSE_TRY(RunResults results, run_all(plan, on_progress));
  if (options.bound) add_bounds(plan, {}, results.runs, [](double) {});
  return cell_of(instance, results.runs.front(), results.details.front().jobs,
                 std::move(recorder).recording());
}

}  // namespace bourse
