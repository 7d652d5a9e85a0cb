#include <optional>

#include "bourse/service/api.h"

namespace bourse {
namespace {

std::optional<OptionView> view_of(const std::optional<PricedOption>& option, const Cluster& cluster,
                                  Seconds origin) {
  if (!option) return std::nullopt;
  OptionView view{.completion = origin + option->completion,
                  .utility = option->utility,
                  .cost = option->cost,
                  .paid = {},
                  .cost_when_idle = option->cost_when_idle,
                  .runs = {}};
  for (std::size_t r = 0; r < option->paid.size(); ++r)
    view.paid.emplace_back(cluster.types[r].name, option->paid[r]);
  for (const PricedOption::Run& run : option->runs) {
    PlanView& plan = view.runs.emplace_back(
        PlanView{.from = origin + run.from, .to = origin + run.to, .placement = {}});
    for (const TaskGroup& group : run.allocation)
      plan.placement.push_back({.machine = cluster.machine_name(group.machine),
                                .workers = group.workers,
                                .servers = group.servers});
  }
  return view;
}

}  // namespace

ExplanationView view_of(const Explanation& explanation, const Cluster& cluster, Seconds origin) {
  ExplanationView view;
  view.is_booked = explanation.is_booked;
  if (explanation.promised < kForever) view.promised = origin + explanation.promised;
  view.best = view_of(explanation.best, cluster, origin);
  view.sooner = view_of(explanation.sooner, cluster, origin);
  view.later = view_of(explanation.later, cluster, origin);
  return view;
}

}  // namespace bourse
