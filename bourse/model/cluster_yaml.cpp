#include "bourse/model/cluster_yaml.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr std::string_view kClusterKeys[] = {"machines"};
constexpr std::string_view kMachineKeys[] = {"class", "count", "rack",
                                             "racks", "speed", "resources"};
/// Sums of all machines stay below this, so that they fit an Amount with room to spare.
constexpr Amount kMaxTotal = Amount{1} << 61;

/// Reads the entries of `machines` one after the other into a cluster.
class ClusterReader {
 public:
  Result<void> add(YamlField entry) {
    BOURSE_TRY_VOID(entry.expect_keys(kMachineKeys));
    BOURSE_TRY(const YamlField count_field, entry.required("count"));
    BOURSE_TRY(const int count, count_field.whole(1, int{kMaxMachines}));
    if (cluster_.machines.size() + static_cast<std::size_t>(count) >
        static_cast<std::size_t>(kMaxMachines))
      return count_field.error(fmt::format("the cluster has more than {} machines", kMaxMachines));
    BOURSE_TRY(const std::uint32_t class_index, class_of(entry));
    BOURSE_TRY_VOID(add_to_totals(entry, class_index, count));
    return add_machines(entry, class_index, count);
  }

  Cluster finish() && {
    for (MachineClass& each : cluster_.classes) each.capacity.resize(cluster_.types.size(), 0);
    return std::move(cluster_);
  }

 private:
  Result<MachineClass> read_class(YamlField entry) {
    MachineClass machine_class{.name = "machine", .capacity = {}, .speed = 1};
    if (const auto field = entry.find("class")) {
      BOURSE_TRY(const std::string_view name, field->text());
      machine_class.name = std::string(name);
    }
    if (const auto field = entry.find("speed")) {
      BOURSE_TRY(machine_class.speed, field->positive());
      if (machine_class.speed < 1e-6 || machine_class.speed > 1e6)
        return field->error(fmt::format("'{}' is not between 1e-6 and 1e6", field->value().text));
    }
    BOURSE_TRY(const YamlField resources, entry.required("resources"));
    BOURSE_TRY(machine_class.capacity, read_resources(resources, cluster_.types, Rounding::down));
    if (std::ranges::all_of(machine_class.capacity, [](Amount a) { return a == 0; }))
      return resources.error("has nothing above 0; a machine needs a resource, such as gpu: 8");
    return machine_class;
  }

  /// Entries that say the same share a class. A name stands for one class; machines without one are
  /// told apart by a number.
  Result<std::uint32_t> class_of(YamlField entry) {
    BOURSE_TRY(MachineClass found, read_class(entry));
    const auto trimmed = [](ResourceVector amounts) {
      while (!amounts.empty() && amounts.back() == 0) amounts.pop_back();
      return amounts;
    };
    const bool named = entry.find("class").has_value();
    const std::string stem = found.name;
    for (int number = 2;; ++number) {
      const auto [it, fresh] =
          class_index_.emplace(found.name, static_cast<std::uint32_t>(cluster_.classes.size()));
      if (fresh) {
        cluster_.classes.push_back(std::move(found));
        return it->second;
      }
      const MachineClass& known = cluster_.classes[it->second];
      if (known.speed == found.speed && trimmed(known.capacity) == trimmed(found.capacity))
        return it->second;
      if (named)
        return entry.error_in("class", fmt::format("'{}' is also the class of other machines with "
                                                   "other resources or speed; use another name",
                                                   quotable(found.name)));
      if (number > 1000) return entry.error("is one class too many without a name; name them");
      found.name = fmt::format("{}-{}", stem, number);
    }
  }

  Result<void> add_to_totals(YamlField entry, std::uint32_t class_index, int count) {
    const ResourceVector& capacity = cluster_.classes[class_index].capacity;
    totals_.resize(cluster_.types.size(), 0);
    for (std::size_t r = 0; r < capacity.size(); ++r) {
      if (capacity[r] > (kMaxTotal - totals_[r]) / count)
        return entry.error_in(
            "resources", fmt::format("all machines together have more '{}' than can be counted",
                                     cluster_.types[r].name));
      totals_[r] += capacity[r] * count;
    }
    return {};
  }

  Result<void> add_machines(YamlField entry, std::uint32_t class_index, int count) {
    const auto rack_field = entry.find("rack");
    const auto racks_field = entry.find("racks");
    if (rack_field && racks_field) return rack_field->error("give rack or racks, not both");
    if (rack_field) {
      BOURSE_TRY(const std::string_view name, rack_field->text());
      const auto [it, fresh] = rack_index_.emplace(std::string(name), rack_count_);
      if (fresh) ++rack_count_;
      append(class_index, count, it->second, 1);
      return {};
    }
    int racks = 1;
    if (racks_field) {
      BOURSE_TRY(racks, racks_field->whole(1, int{kMaxMachines}));
      if (racks > count)
        return racks_field->error(fmt::format("{} machines cannot fill {} racks", count, racks));
    }
    append(class_index, count, rack_count_, racks);
    rack_count_ += static_cast<std::uint32_t>(racks);
    return {};
  }

  void append(std::uint32_t class_index, int count, std::uint32_t first_rack, int racks) {
    for (std::int64_t i = 0; i < count; ++i)
      cluster_.machines.push_back(
          {.class_index = class_index,
           .rack = first_rack + static_cast<std::uint32_t>(i * racks / count)});
    cluster_.rack_count =
        std::max(cluster_.rack_count, first_rack + static_cast<std::uint32_t>(racks));
  }

  Cluster cluster_;
  ResourceVector totals_;
  std::map<std::string, std::uint32_t, std::less<>> class_index_;
  std::map<std::string, std::uint32_t, std::less<>> rack_index_;
  std::uint32_t rack_count_ = 0;
};

/// Machines [begin, end) of one class.
struct Run {
  std::size_t begin;
  std::size_t end;
};

std::vector<Run> runs_of_class(const Cluster& cluster) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < cluster.machines.size(); ++i) {
    if (i == 0 || cluster.machines[i].class_index != cluster.machines[i - 1].class_index)
      runs.push_back({i, i});
    runs.back().end = i + 1;
  }
  return runs;
}

/// The number of racks if `racks: n` says where the machines of the run are, else 0: the racks are
/// new, evenly filled one after the other, and no other run has machines in them.
std::uint32_t even_racks(const Cluster& cluster, Run run, std::uint32_t first_new,
                         const std::vector<std::uint32_t>& machines_in) {
  const std::uint32_t last = cluster.machines[run.end - 1].rack;
  if (last < first_new) return 0;
  const std::uint64_t racks = last - first_new + 1;
  const std::uint64_t count = run.end - run.begin;
  std::uint64_t inside = 0;
  for (std::uint64_t i = 0; i < count; ++i)
    if (cluster.machines[run.begin + i].rack != first_new + i * racks / count) return 0;
  for (std::uint32_t rack = first_new; rack <= last; ++rack) inside += machines_in[rack];
  return inside == count ? static_cast<std::uint32_t>(racks) : 0;
}

/// Says where the entries of the machines go.
struct EntryWriter {
  const Cluster& cluster;
  std::string margin;
  std::string out;

  void write(Run run, std::string_view rack_line) {
    const MachineClass& each = cluster.classes[cluster.machines[run.begin].class_index];
    out += fmt::format("{}  - class: {}\n", margin, yaml_text(each.name));
    out += fmt::format("{}    count: {}\n", margin, run.end - run.begin);
    if (!rack_line.empty()) out += fmt::format("{}    {}\n", margin, rack_line);
    if (each.speed != 1) out += fmt::format("{}    speed: {}\n", margin, number_text(each.speed));
    out += fmt::format("{}    resources: {}\n", margin,
                       resources_yaml(cluster.types, each.capacity, true));
  }
};

}  // namespace

Result<ResourceVector> read_resources(YamlField field, ResourceTypes& types, Rounding rounding) {
  BOURSE_TRY(const std::vector<YamlField> entries, field.fields());
  ResourceVector amounts(types.size(), 0);
  for (const YamlField& entry : entries) {
    const std::string& name = entry.value().key;
    if (trim(name).empty() || name.size() > 100 || !is_one_line(name))
      return entry.error("the name of a resource is one line of 1 to 100 bytes");
    BOURSE_TRY(const std::string_view text, entry.text());
    const auto parsed = parse_amount(trim(text), rounding);
    if (!parsed) return entry.error(parsed.error().message);
    const auto known = types.find(name);
    ResourceKind kind = parsed->kind;
    if (known && parsed->amount == 0) kind = types[*known].kind;  // 0 needs no unit
    const auto index = types.add(name, kind);
    if (!index) return entry.error(index.error().message);
    if (types.size() > kMaxResourceTypes)
      return entry.error(
          fmt::format("is more than the {} kinds of resource of a file", kMaxResourceTypes));
    amounts.resize(types.size(), 0);
    amounts[*index] = parsed->amount;
  }
  return amounts;
}

std::string resources_yaml(const ResourceTypes& types, std::span<const Amount> amounts, bool all) {
  std::string out = "{";
  for (std::size_t r = 0; r < amounts.size(); ++r) {
    if (amounts[r] == 0 && !all) continue;
    out += fmt::format("{}{}: {}", out.size() > 1 ? ", " : "", yaml_text(types[r].name),
                       amount_text(amounts[r], types[r].kind));
  }
  return out + '}';
}

Result<Cluster> read_cluster(YamlField field) {
  if (field.is_scalar()) {
    auto cluster = parse_cluster_short_form(field.value().text);
    if (!cluster) return field.error(cluster.error().message);
    return cluster;
  }
  BOURSE_TRY_VOID(field.expect_keys(kClusterKeys));
  BOURSE_TRY(const YamlField machines, field.required("machines"));
  BOURSE_TRY(const std::vector<YamlField> entries, machines.list());
  ClusterReader reader;
  for (const YamlField& entry : entries) BOURSE_TRY_VOID(reader.add(entry));
  return std::move(reader).finish();
}

Result<Cluster> parse_cluster_yaml(std::string_view text, std::string_view file) {
  BOURSE_TRY(const YamlDocument document, parse_yaml(text, file));
  return read_cluster(document.root());
}

std::string cluster_yaml(const Cluster& cluster, int indent) {
  EntryWriter writer{
      .cluster = cluster, .margin = std::string(static_cast<std::size_t>(indent), ' '), .out = {}};
  writer.out = writer.margin + "machines:\n";
  std::vector<std::uint32_t> machines_in(cluster.rack_count, 0);
  for (const Machine& machine : cluster.machines) ++machines_in[machine.rack];
  std::uint32_t first_new = 0;  // racks are numbered in the order in which they appear
  for (const Run run : runs_of_class(cluster)) {
    if (const std::uint32_t racks = even_racks(cluster, run, first_new, machines_in); racks > 0) {
      writer.write(run, racks > 1 ? fmt::format("racks: {}", racks) : "");
      first_new += racks;
      continue;
    }
    for (std::size_t i = run.begin; i < run.end;) {
      const std::uint32_t rack = cluster.machines[i].rack;
      std::size_t end = i;
      while (end < run.end && cluster.machines[end].rack == rack) ++end;
      writer.write({i, end}, fmt::format("rack: rack-{}", rack));
      first_new = std::max(first_new, rack + 1);
      i = end;
    }
  }
  return std::move(writer.out);
}

}  // namespace bourse
