#include <fmt/core.h>

#include <algorithm>

#include "bourse/base/units.h"
#include "bourse/report/explain_report.h"

namespace bourse {
namespace {

/// Runs of a schedule that are written out; a job may move many times.
constexpr std::size_t kMaxRuns = 12;
/// Machines of one run that are written out.
constexpr std::size_t kMaxMachines = 6;

std::string tasks_text(const TaskCounts& tasks) {
  std::string text = fmt::format("{} worker{}", tasks.workers, tasks.workers == 1 ? "" : "s");
  if (tasks.servers > 0)
    text += fmt::format(", {} server{}", tasks.servers, tasks.servers == 1 ? "" : "s");
  return text;
}

std::string run_text(const PricedOption::Run& run) {
  std::string text = fmt::format("    {} to {}: {} on machine", human(run.from), human(run.to),
                                 tasks_text(tasks_of(run.allocation)));
  if (run.allocation.size() > 1) text += "s";
  for (std::size_t i = 0; i < std::min(run.allocation.size(), kMaxMachines); ++i)
    text += fmt::format(" {}", run.allocation[i].machine.index());
  if (run.allocation.size() > kMaxMachines)
    text += fmt::format(" and {} more", run.allocation.size() - kMaxMachines);
  return text + "\n";
}

std::string paid_text(const Cluster& cluster, const PricedOption& option) {
  std::string text;
  for (std::size_t r = 0; r < option.paid.size(); ++r)
    text += fmt::format("{}{} {:.4g}", r == 0 ? "" : ", ", cluster.types[r].name, option.paid[r]);
  return text;
}

std::string option_text(const PricedOption& option) {
  return fmt::format("done by {}, worth {:.4g}, costs {:.4g}, payoff {:.4g}",
                     human(option.completion), option.utility, option.cost, option.payoff());
}

std::string more_text(const Cluster& cluster, const Explanation& said) {
  if (!said.best) return "  no schedule completes it, whatever it pays\n";
  const PricedOption& best = *said.best;
  std::string text =
      fmt::format("  {}: {}\n", said.is_booked ? "booked" : "best schedule", option_text(best));
  if (said.is_booked) text += fmt::format("  promised by {}\n", human(said.promised));
  text += fmt::format("  {}: {}\n", said.is_booked ? "pays for" : "would pay for",
                      paid_text(cluster, best));
  text += fmt::format("  the same at the lowest prices: {:.4g}\n", best.cost_when_idle);
  for (std::size_t i = 0; i < std::min(best.runs.size(), kMaxRuns); ++i)
    text += run_text(best.runs[i]);
  if (best.runs.size() > kMaxRuns)
    text += fmt::format("    and {} more\n", best.runs.size() - kMaxRuns);
  text += said.sooner ? "  best sooner: " + option_text(*said.sooner) + "\n"
                      : std::string("  sooner: there is no room, or not enough time\n");
  text += said.later ? "  if it started a slot later: " + option_text(*said.later) + "\n"
                     : std::string("  a slot later: no schedule completes it any more\n");
  return text;
}

}  // namespace

std::string explain_text(const ReportHeader& header, const ExplainedJob& job,
                         std::span<const RunReport> runs, std::span<const RunDetail> details) {
  std::string text;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const JobRecord& record = details[i].jobs[job.id.index()].record;
    const double most = utility_at(job.spec->utility, Seconds(0));
    text += fmt::format("{}{} (job {}) under {}, seed {}\n", i == 0 ? "" : "\n", job.spec->name,
                        job.id.index(), runs[i].policy, runs[i].seed);
    text += fmt::format("{}: arrives, worth {:.4g} if it were done at once\n",
                        human(details[i].jobs[job.id.index()].arrival), most);
    for (const RecordedExplanation& said : details[i].explained) {
      text += fmt::format("{}: {}\n", human(said.time), reason_text(said.reason));
      if (said.more) text += more_text(*header.cluster, *said.more);
    }
    if (details[i].explained.empty()) text += "the policy gave no reason for it\n";
    if (record.finish < kForever)
      text += fmt::format("{}: done, worth {:.4g}\n", human(record.finish), record.utility);
    else
      text +=
          fmt::format("in the end: {}, ran {}\n", name_of(record.status), human(record.executed));
  }
  return text;
}

}  // namespace bourse
