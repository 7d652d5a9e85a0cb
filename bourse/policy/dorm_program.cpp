#include "bourse/policy/dorm_program.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <utility>

#include "bourse/solver/linear_program.h"

namespace bourse {
namespace {

constexpr double kDormSlack = 1e-9;
/// CBC's tolerances are absolute; utilisations are shares of 1.
constexpr double kScale = 100;
/// So much less does a container of the next app count, relative to its utilisation.
constexpr double kTieBreak = 1e-6;
constexpr double kGap = 1e-7;
/// Only nodes limit the search, so that answers repeat; a root of this size takes milliseconds.
constexpr double kNoTimeLimit = 1e6;

bool fits_room(const std::vector<double>& room, const DormApp& app, int containers) {
  for (std::size_t r = 0; r < room.size(); ++r)
    if (containers * app.demand[r] > room[r] + kDormSlack) return false;
  return true;
}

void take_room(std::vector<double>& room, const DormApp& app, int containers) {
  for (std::size_t r = 0; r < room.size(); ++r) room[r] -= containers * app.demand[r];
}

double loss_of(const DormApp& app, int containers) {
  return std::abs(app.dominant(containers) - app.fair_share);
}

/// Columns of one app: its containers, its loss, and whether it is adjusted.
void add_app(LinearProgram& program, const DormApp& app, std::size_t rank, LinearRow& loss,
             LinearRow& adjusted, std::vector<LinearRow>& capacity) {
  const double worth = kScale * app.utilization() * (1 - kTieBreak * static_cast<double>(rank));
  const std::size_t count = program.add_column({.cost = -worth,
                                                .lower = static_cast<double>(app.min),
                                                .upper = static_cast<double>(app.max),
                                                .integer = true,
                                                .priority = 2});
  const double each = app.dominant(1);
  const std::size_t unfair = program.add_column({});
  program.add_row({.entries = {{unfair, 1}, {count, -each}}, .lower = -app.fair_share});
  program.add_row({.entries = {{unfair, 1}, {count, each}}, .lower = app.fair_share});
  loss.entries.push_back({unfair, 1});
  for (std::size_t r = 0; r < capacity.size(); ++r)
    if (app.demand[r] > 0) capacity[r].entries.push_back({count, app.demand[r]});
  if (app.current == 0) return;
  const std::size_t is_adjusted = program.add_column({.upper = 1, .integer = true, .priority = 1});
  const double now = app.current;
  program.add_row({.entries = {{count, 1}, {is_adjusted, now - app.max}}, .upper = now});
  program.add_row({.entries = {{count, 1}, {is_adjusted, now - app.min}}, .lower = now});
  adjusted.entries.push_back({is_adjusted, 1});
}

}  // namespace

double DormApp::dominant(int containers) const {
  double share = 0;
  for (const double d : demand) share = std::max(share, d);
  return containers * share;
}

double DormApp::utilization() const {
  double sum = 0;
  for (const double d : demand) sum += d;
  return sum;
}

void set_fair_shares(std::vector<DormApp>& apps) {
  if (apps.empty()) return;
  std::vector<double> room(apps.front().demand.size(), 1);
  std::vector<int> counts(apps.size());
  using Entry = std::pair<double, std::size_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue;
  for (std::size_t rank = 0; rank < apps.size(); ++rank) queue.push({0, rank});
  while (!queue.empty()) {
    const std::size_t rank = queue.top().second;
    queue.pop();
    const DormApp& app = apps[rank];
    const int added = counts[rank] == 0 ? app.min : 1;
    if (counts[rank] + added > app.max || !fits_room(room, app, added)) continue;
    take_room(room, app, added);
    counts[rank] += added;
    queue.push({app.dominant(counts[rank]), rank});
  }
  for (std::size_t rank = 0; rank < apps.size(); ++rank)
    apps[rank].fair_share = apps[rank].dominant(counts[rank]);
}

std::optional<std::vector<int>> dorm_program(const std::vector<DormApp>& apps,
                                             const DormLimits& limits, std::int64_t node_limit) {
  LinearProgram program;
  LinearRow loss{.upper = limits.loss};
  LinearRow adjusted{.upper = static_cast<double>(limits.adjustments)};
  std::vector<LinearRow> capacity(limits.room.size());
  std::vector<std::size_t> first_column;
  for (std::size_t rank = 0; rank < apps.size(); ++rank) {
    first_column.push_back(program.columns.size());
    add_app(program, apps[rank], rank, loss, adjusted, capacity);
  }
  for (std::size_t r = 0; r < capacity.size(); ++r) {
    capacity[r].upper = limits.room[r] + kDormSlack;
    program.add_row(std::move(capacity[r]));
  }
  program.add_row(std::move(loss));
  program.add_row(std::move(adjusted));
  const auto solver =
      make_cbc_solver({.gap = kGap, .time_limit_s = kNoTimeLimit, .node_limit = node_limit});
  const Result<SolveOutcome> outcome = solver->solve(program);
  if (!outcome || !outcome->has_solution()) return std::nullopt;
  std::vector<int> counts;
  for (const std::size_t column : first_column)
    counts.push_back(static_cast<int>(std::lround(outcome->solution.values[column])));
  return counts;
}

std::vector<int> dorm_greedy(const std::vector<DormApp>& apps, const DormLimits& limits) {
  std::vector<int> counts;
  std::vector<double> room = limits.room;
  int adjustments = limits.adjustments;
  for (const DormApp& app : apps) {
    counts.push_back(app.current);
    take_room(room, app, app.current);
  }
  for (std::size_t rank = 0; rank < apps.size(); ++rank) {
    if (apps[rank].current > 0 || !fits_room(room, apps[rank], apps[rank].min)) continue;
    counts[rank] = apps[rank].min;
    take_room(room, apps[rank], counts[rank]);
  }
  double loss = 0;
  for (std::size_t rank = 0; rank < apps.size(); ++rank) loss += loss_of(apps[rank], counts[rank]);
  const auto can_grow = [&](std::size_t rank) {
    const DormApp& app = apps[rank];
    const int count = counts[rank];
    if (count == 0 || count == app.max || !fits_room(room, app, 1)) return false;
    if (count == app.current && adjustments == 0) return false;
    const double change = loss_of(app, count + 1) - loss_of(app, count);
    return change <= 0 || loss + change <= limits.loss + kDormSlack;
  };
  while (true) {
    std::size_t best = apps.size();
    for (std::size_t rank = 0; rank < apps.size(); ++rank)
      if (can_grow(rank) &&
          (best == apps.size() || apps[rank].utilization() > apps[best].utilization() + kDormSlack))
        best = rank;
    if (best == apps.size()) return counts;
    if (counts[best] == apps[best].current) --adjustments;
    loss += loss_of(apps[best], counts[best] + 1) - loss_of(apps[best], counts[best]);
    take_room(room, apps[best], 1);
    ++counts[best];
  }
}

}  // namespace bourse
