#include "bourse/engine/slurm_doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/engine/slurm_helper.h"

namespace bourse {
namespace {

using Weight = SlurmFinding::Weight;

/// The oldest release whose formats and options are used: sinfo's StateComplete came with it.
constexpr int kOldestYear = 21;
constexpr std::size_t kShownOfOutput = 200;  ///< Bytes of what a program said.

class Examination {
 public:
  explicit Examination(const SlurmFacts& facts) : facts_(facts) {}

  std::vector<SlurmFinding> run() {
    check_version();
    check_partition();
    check_nodes();
    check_selection();
    check_time_limits();
    check_confinement();
    check_scheduling();
    check_helper();
    return std::move(findings_);
  }

 private:
  void add(Weight weight, std::string text, std::string advice = {}) {
    findings_.push_back({weight, std::move(text), std::move(advice)});
  }
  std::string config(std::string_view key) const { return value_of(facts_.config, key); }
  /// Of "300 sec".
  Result<double> seconds(std::string_view key) const {
    const std::string text = config(key);
    return parse_number(text.substr(0, text.find(' ')));
  }
  std::string partition(std::string_view key) const { return value_of(facts_.partition, key); }
  static std::string value_of(const SlurmFacts::Fields& fields, std::string_view key) {
    const auto found = fields.find(key);
    return found == fields.end() ? "" : found->second;
  }
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }

  void check_version() {
    const std::string version = config("SLURM_VERSION");
    const auto year = parse_number(version.substr(0, version.find('.')));
    if (!year || *year < kOldestYear)
      return add(Weight::problem, fmt::format("Slurm is of version '{}'", quotable(version)),
                 "bourse needs 21.08 or newer; it is tested with 22.05");
    add(Weight::fine, fmt::format("Slurm {} answers", version));
  }

  void check_partition() {
    const std::string name = partition("PartitionName");
    if (partition("State") != "UP")
      add(Weight::problem, fmt::format("partition {} is {}", name, partition("State")),
          fmt::format("scontrol update PartitionName={} State=UP", name));
    else
      add(Weight::fine, fmt::format("partition {} is up", name));
    if (has(partition("OverSubscribe"), "EXCLUSIVE"))
      add(Weight::problem, fmt::format("partition {} gives away whole nodes only", name),
          "set OverSubscribe=NO, or workers and servers of different jobs never share a node");
    if (has(partition("OverSubscribe"), "FORCE"))
      add(Weight::problem, fmt::format("partition {} gives processors to several jobs", name),
          "set OverSubscribe=NO, or cells slow each other down without bourse knowing");
    if (partition("RootOnly") == "YES" && facts_.user != "root")
      add(Weight::problem, fmt::format("partition {} is for root only", name),
          "set RootOnly=NO, and AllowAccounts or AllowGroups to whom it is for");
    const std::string preempts = partition("PreemptMode");
    if (!preempts.empty() && preempts != "OFF")
      add(Weight::note, fmt::format("partition {} may be preempted ({})", name, preempts),
          "cells that are preempted start again from their checkpoints");
  }

  void check_nodes() {
    const auto up = std::ranges::count_if(
        facts_.nodes, [](const SlurmNode& node) { return node.trouble().empty(); });
    const auto gpus = std::ranges::count_if(
        facts_.nodes, [](const SlurmNode& node) { return node.gres.contains("gpu"); });
    add(up == 0 ? Weight::problem : Weight::fine,
        fmt::format("{} of {} nodes can be used, {} have GPUs", up, facts_.nodes.size(), gpus),
        up == 0 ? "`sinfo -R` says why" : "");
    if (gpus == 0)
      add(Weight::note, "Slurm knows of no GPUs",
          "if there are some, name them in gres.conf and in Gres= of the nodes");
  }

  void check_selection() {
    const std::string type = config("SelectType");
    if (!has(type, "cons_tres"))
      return add(Weight::problem, fmt::format("SelectType is {}", type),
                 "set SelectType=select/cons_tres, so that cells get parts of nodes and GPUs");
    const std::string parameters = config("SelectTypeParameters");
    if (!has(parameters, "MEMORY") && !has(parameters, "Memory"))
      add(Weight::note,
          fmt::format("memory is not handed out (SelectTypeParameters={})", parameters),
          "set CR_Core_Memory, or jobs of others may take the memory of cells");
    else
      add(Weight::fine, "parts of nodes, GPUs and memory are handed out");
  }

  void check_time_limits() {
    const auto longest = parse_slurm_time(partition("MaxTime"));
    if (longest && *longest && **longest < facts_.time_limit)
      add(Weight::problem,
          fmt::format("jobs may take {}, and cells ask for {}", human(**longest),
                      human(facts_.time_limit)),
          fmt::format("give `bourse serve` --cell-time {}s or less", (*longest)->value));
    const std::string slurm_user = config("SlurmUser");
    const bool may_extend =
        facts_.is_operator || facts_.user == "root" || slurm_user.starts_with(facts_.user + "(");
    if (may_extend)
      add(Weight::fine, fmt::format("{} may extend the time limits of cells", facts_.user));
    else
      add(Weight::note, fmt::format("{} may not extend the time limits of cells", facts_.user),
          fmt::format("`sacctmgr modify user {} set adminlevel=operator`, or give `bourse serve` a "
                      "--cell-time as long as the partition allows; cells are stopped and started "
                      "again at their limit",
                      facts_.user));
  }

  void check_confinement() {
    if (has(config("ProctrackType"), "cgroup"))
      add(Weight::fine, "processes of cells are held together by cgroups");
    else
      add(Weight::note, fmt::format("ProctrackType is {}", config("ProctrackType")),
          "proctrack/cgroup finds every process of a cell; others may miss some");
    if (!has(config("TaskPlugin"), "cgroup"))
      add(Weight::note, fmt::format("TaskPlugin is {}", config("TaskPlugin")),
          "with task/cgroup and Constrain... in cgroup.conf a cell cannot take more than it "
          "asked for");
  }

  void check_scheduling() {
    if (has(config("SchedulerParameters"), "defer"))
      add(Weight::note, "SchedulerParameters has defer",
          "cells then wait for the next round of the scheduler");
    // Slurm's default, unless it is said otherwise.
    double delay = 3;
    constexpr std::string_view kDelay = "batch_sched_delay=";
    const std::string parameters = config("SchedulerParameters");
    for (const std::string_view part : split(parameters, ','))
      if (trim(part).starts_with(kDelay))
        delay = parse_number(trim(part).substr(kDelay.size())).value_or(delay);
    if (delay > 0)
      add(Weight::note, fmt::format("new jobs may wait {} s before Slurm looks at them", delay),
          "with SchedulerParameters=batch_sched_delay=0 cells start so much sooner where no other "
          "job has just ended");
    if (const auto age = seconds("MinJobAge"); age && *age < 60)
      add(Weight::note, fmt::format("MinJobAge is {}", config("MinJobAge")),
          "with 300 s Slurm still knows why a cell has ended when bourse asks");
    if (const auto wait = seconds("MessageTimeout"); wait && *wait < 10)
      add(Weight::note, fmt::format("MessageTimeout is {}", config("MessageTimeout")),
          "Slurm gives up a cell that a busy node is slower to start, and bourse starts it again; "
          "10 s is what Slurm has unless it is set");
    if (const auto kill = seconds("SlurmdTimeout"); kill && *kill > 120)
      add(Weight::note, fmt::format("SlurmdTimeout is {}", config("SlurmdTimeout")),
          "a node that was lost is offered to bourse for so long; it sets the node aside itself, "
          "for a minute at first");
  }

  void check_helper() {
    if (facts_.helper.empty())
      return add(Weight::note, "bourse-slurm-helper is not used, Slurm is asked by its commands",
                 "with it cells change faster and lost nodes are told at once; it is built where "
                 "libslurm-dev of this site is");
    // "22.05" of "22.05.8": another release cannot talk to this one for sure.
    const auto release = [](std::string_view version) {
      return std::string(version.substr(0, version.find('.', version.find('.') + 1)));
    };
    constexpr std::string_view kMark = ", Slurm ";
    const std::size_t at = facts_.helper_said.rfind(kMark);
    if (at == std::string::npos)
      return add(
          Weight::problem,
          fmt::format("{} does not run: {}", facts_.helper,
                      quotable(trim(facts_.helper_said), kShownOfOutput)),
          "build it against the libslurm of this site, or give `bourse serve` --helper none");
    if (!has(facts_.helper_said, fmt::format("protocol {},", kSlurmHelperProtocol)))
      return add(Weight::problem, fmt::format("{} is of another version of bourse", facts_.helper),
                 "build it from the sources of this one, or give `bourse serve` --helper none");
    const std::string version(trim(facts_.helper_said.substr(at + kMark.size())));
    if (release(version) != release(config("SLURM_VERSION")))
      return add(
          Weight::problem,
          fmt::format("{} is built for Slurm {}", facts_.helper, quotable(version)),
          "build it against the libslurm of this site, or give `bourse serve` --helper none");
    add(Weight::fine, fmt::format("bourse-slurm-helper is built for Slurm {}", quotable(version)));
  }

  const SlurmFacts& facts_;
  std::vector<SlurmFinding> findings_;
};

}  // namespace

SlurmFacts::Fields parse_slurm_config(std::string_view text) {
  SlurmFacts::Fields fields;
  for (const std::string_view line : split(text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    fields.emplace(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
  }
  return fields;
}

std::vector<SlurmFinding> examine(const SlurmFacts& facts) { return Examination(facts).run(); }

}  // namespace bourse
