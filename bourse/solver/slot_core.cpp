#include "bourse/solver/slot_core.h"

#include <algorithm>
#include <cmath>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// Entries of the basis are whole numbers, so what is not 0 in its inverse is far above this.
constexpr double kZero = 1e-10;
/// Shares within this of a whole number are that number.
constexpr double kShareSlack = 1e-7;
/// (W, S) within this of the end of the way is there: the end may lie on the brim of what fits.
constexpr double kNearly = 1e-9;
/// Changes of basis without a step forward before the rule by index (Bland) rules out cycles.
constexpr int kPatience = 40;

int whole_below(double share) { return static_cast<int>(std::floor(share + kShareSlack)); }

}  // namespace

void SlotCore::clear() {
  classes_.clear();
  key_.clear();
  edge_workers_.clear();
  edge_servers_.clear();
  edge_cost_.clear();
  mixed_ = {Mixed{}, Mixed{.owner = kServerSurplus, .workers = 0, .servers = -1}};
  base_workers_ = base_servers_ = 0;
  lambda_ = nu_ = 0;
  at_workers_ = at_servers_ = 0;
}

void SlotCore::add(const CoreClass& added) {
  BOURSE_CHECK(!added.corners.empty());
  BOURSE_CHECK(added.machines > 0);
  classes_.push_back(added);
  key_.push_back(0);
  const std::size_t edges = 2 * classes_.size();
  edge_workers_.resize(edges);
  edge_servers_.resize(edges);
  edge_cost_.resize(edges);
  set_key(static_cast<int>(classes_.size()) - 1, 0);
}

SlotCore::Mixed SlotCore::mixed(int owner, int corner) const {
  const CoreClass& of = classes_[static_cast<std::size_t>(owner)];
  const TaskPoint to = of.corners[static_cast<std::size_t>(corner)];
  const TaskPoint from =
      of.corners[static_cast<std::size_t>(key_[static_cast<std::size_t>(owner)])];
  const double workers = to.workers - from.workers;
  const double servers = to.servers - from.servers;
  const double cost = of.worker_price * workers + of.server_price * servers;
  return {owner, corner, workers, servers, cost, 0};
}

/// Makes a corner the key of its class, and brings what depends on the key up to date.
void SlotCore::set_key(int owner, int corner) {
  const auto at = static_cast<std::size_t>(owner);
  const CoreClass& of = classes_[at];
  const TaskPoint old = of.corners[static_cast<std::size_t>(key_[at])];
  const TaskPoint now = of.corners[static_cast<std::size_t>(corner)];
  base_workers_ += static_cast<double>(of.machines) * (now.workers - old.workers);
  base_servers_ += static_cast<double>(of.machines) * (now.servers - old.servers);
  key_[at] = corner;
  const int count = static_cast<int>(of.corners.size());
  for (const int side : {0, 1}) {
    const Mixed edge = mixed(owner, (corner + (side == 0 ? 1 : count - 1)) % count);
    const std::size_t e = 2 * at + static_cast<std::size_t>(side);
    edge_workers_[e] = edge.workers;
    edge_servers_[e] = edge.servers;
    edge_cost_[e] = edge.cost;
  }
}

double SlotCore::determinant() const {
  return mixed_[0].workers * mixed_[1].servers - mixed_[1].workers * mixed_[0].servers;
}

void SlotCore::compute_shares() {
  const double workers = at_workers_ - base_workers_;
  const double servers = at_servers_ - base_servers_;
  const double det = determinant();
  const auto& [a, b] = mixed_;
  const double first = (b.servers * workers - b.workers * servers) / det;
  const double second = (a.workers * servers - a.servers * workers) / det;
  mixed_[0].share = std::max(0.0, first);
  mixed_[1].share = std::max(0.0, second);
}

void SlotCore::compute_multipliers() {
  const double det = determinant();
  const auto& [a, b] = mixed_;
  lambda_ = std::max(0.0, (a.cost * b.servers - b.cost * a.servers) / det);
  nu_ = std::max(0.0, (a.workers * b.cost - b.workers * a.cost) / det);
}

double SlotCore::key_share(int owner) const {
  double share = classes_[static_cast<std::size_t>(owner)].machines;
  for (const Mixed& m : mixed_)
    if (m.owner == owner) share -= m.share;
  return std::max(0.0, share);
}

/// How far (W, S) can move in a direction before a share reaches 0; `at` of 1 or more is no stop.
SlotCore::Stop SlotCore::first_stop(double step_workers, double step_servers) const {
  const double det = determinant();
  const auto& [a, b] = mixed_;
  const std::array<double, 2> rate{(b.servers * step_workers - b.workers * step_servers) / det,
                                   (a.workers * step_servers - a.servers * step_workers) / det};
  Stop stop{.at = kNoLimit};
  const auto consider = [&](double share, double change, int slot, int key_of) {
    if (change >= -kZero) return;
    const double at = share / -change;
    if (at < stop.at) stop = {at, slot, key_of};
  };
  for (const int i : {0, 1}) {
    const Mixed& m = mixed_[static_cast<std::size_t>(i)];
    consider(m.share, rate[static_cast<std::size_t>(i)], i, -1);
    if (m.owner < 0) continue;
    const bool both = a.owner == b.owner;
    const double change = both ? -(rate[0] + rate[1]) : -rate[static_cast<std::size_t>(i)];
    // If both mixed corners are of the class, the one with the larger share becomes the key.
    const int heir = both ? (a.share >= b.share ? 0 : 1) : i;
    consider(key_share(m.owner), change, heir, m.owner);
  }
  return stop;
}

/// The key of the class and one of its mixed corners change roles; the solution stays the same.
void SlotCore::swap_key(int owner, int slot) {
  const auto i = static_cast<std::size_t>(slot);
  const int old_key = key_[static_cast<std::size_t>(owner)];
  set_key(owner, mixed_[i].corner);
  mixed_[i] = mixed(owner, old_key);
  if (mixed_[1 - i].owner == owner) mixed_[1 - i] = mixed(owner, mixed_[1 - i].corner);
  compute_shares();
}

/// The corner that ties first when the multipliers move along the tie that is left. Only neighbours
/// of a key can: a polygon's corner with a better value than the key has a neighbour of the key
/// that is better too.
SlotCore::Entering SlotCore::find_entering(int leaving, bool by_index) const {
  const double det = determinant();
  const Mixed& stays = mixed_[static_cast<std::size_t>(1 - leaving)];
  const double sign = leaving == 0 ? 1 : -1;
  const double row_workers = sign * stays.servers / det;
  const double row_servers = -sign * stays.workers / det;
  Entering best;
  const auto consider = [&](double pivot, double reduced_cost, int owner, int corner) {
    const double step = std::max(0.0, reduced_cost) / -pivot;
    const bool better = by_index ? step < best.step * (1 - 1e-9)
                                 : step < best.step || (step == best.step && pivot < best.pivot);
    if (better) best = {owner, corner, step, pivot, true};
  };
  if (row_workers > kZero) consider(-row_workers, lambda_, kWorkerSurplus, 0);
  if (row_servers > kZero) consider(-row_servers, nu_, kServerSurplus, 0);
  for (std::size_t e = 0; e < edge_cost_.size(); ++e) {
    const double pivot = row_workers * edge_workers_[e] + row_servers * edge_servers_[e];
    if (pivot >= -kZero) continue;
    const double reduced = edge_cost_[e] - lambda_ * edge_workers_[e] - nu_ * edge_servers_[e];
    consider(pivot, reduced, static_cast<int>(e / 2), static_cast<int>(e % 2));
  }
  if (best.owner >= 0) {  // Until now the side: the neighbour before or after the key.
    const auto at = static_cast<std::size_t>(best.owner);
    const int count = static_cast<int>(classes_[at].corners.size());
    best.corner = (key_[at] + (best.corner == 0 ? 1 : count - 1)) % count;
  }
  return best;
}

SlotCore::Outcome SlotCore::move_to(int workers, int servers, double most_lambda, double most_nu) {
  double go_workers = workers - at_workers_;
  double go_servers = servers - at_servers_;
  double left = std::max(std::abs(go_workers), std::abs(go_servers));
  const int most_changes = 100 * (static_cast<int>(classes_.size()) + 20);
  int idle = 0;
  if (left > 0) {
    go_workers /= left;
    go_servers /= left;
  }
  for (int changes = 0; changes < most_changes; ++changes) {
    compute_shares();
    Stop stop = first_stop(go_workers, go_servers);
    if (stop.at >= left - kNearly) {
      at_workers_ = workers;
      at_servers_ = servers;
      compute_shares();
      return Outcome::reached;
    }
    idle = stop.at > 0 ? 0 : idle + 1;
    left -= stop.at;
    at_workers_ += stop.at * go_workers;
    at_servers_ += stop.at * go_servers;
    compute_shares();
    if (stop.key_of >= 0) swap_key(stop.key_of, stop.slot);
    const Entering entering = find_entering(stop.slot, idle > kPatience);
    const bool is_limited = most_lambda < kNoLimit || most_nu < kNoLimit;
    if (!entering.found) return is_limited ? Outcome::beyond : Outcome::infeasible;
    const Mixed left_out = mixed_[static_cast<std::size_t>(stop.slot)];
    Mixed& changed = mixed_[static_cast<std::size_t>(stop.slot)];
    if (entering.owner == kWorkerSurplus)
      changed = {.owner = kWorkerSurplus, .workers = -1, .servers = 0};
    else if (entering.owner == kServerSurplus)
      changed = {.owner = kServerSurplus, .workers = 0, .servers = -1};
    else
      changed = mixed(entering.owner, entering.corner);
    compute_multipliers();
    if (lambda_ > most_lambda || nu_ > most_nu) {
      changed = left_out;
      compute_multipliers();
      return Outcome::beyond;
    }
  }
  return Outcome::stalled;
}

double SlotCore::bound() const {
  double cost = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    if (key_[c] == 0) continue;
    const TaskPoint key = classes_[c].corners[static_cast<std::size_t>(key_[c])];
    cost += classes_[c].machines *
            (classes_[c].worker_price * key.workers + classes_[c].server_price * key.servers);
  }
  for (const Mixed& m : mixed_) cost += m.share * m.cost;
  return std::max(0.0, cost);
}

/// The whole part of the basic solution and what is off it.
struct SlotCore::Whole {
  std::vector<CorePart> parts;  ///< By class; a part may hold nothing.
  std::array<Off, 2> off{};     ///< One machine each.
  int off_count = 0;
  int missing_workers = 0;  ///< What the machines off a corner have to hold.
  int missing_servers = 0;
  double cost = 0;  ///< Of the parts.

  [[nodiscard]] double price(const CoreClass& of, TaskPoint tasks) const {
    return of.worker_price * tasks.workers + of.server_price * tasks.servers;
  }
};

SlotCore::Whole SlotCore::whole_parts() const {
  Whole whole;
  std::int64_t workers = 0;
  std::int64_t servers = 0;
  const auto add = [&](std::size_t c, int corner, double share) {
    const int machines = whole_below(share);
    const TaskPoint tasks = classes_[c].corners[static_cast<std::size_t>(corner)];
    if (machines > 0) {
      whole.parts.push_back({static_cast<std::uint32_t>(c), machines, tasks});
      whole.cost += machines * whole.price(classes_[c], tasks);
      workers += std::int64_t{machines} * tasks.workers;
      servers += std::int64_t{machines} * tasks.servers;
    }
    return machines;
  };
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const bool is_mixed =
        std::ranges::any_of(mixed_, [&](const Mixed& m) { return m.owner == static_cast<int>(c); });
    if (!is_mixed) {
      if (key_[c] != 0) add(c, key_[c], classes_[c].machines);
      continue;
    }
    const double share = key_share(static_cast<int>(c));
    const TaskPoint key = classes_[c].corners[static_cast<std::size_t>(key_[c])];
    int left = classes_[c].machines - add(c, key_[c], share);
    double part = std::max(0.0, share - whole_below(share));
    Off off{.class_index = static_cast<std::uint32_t>(c),
            .workers = part * key.workers,
            .servers = part * key.servers};
    for (const Mixed& m : mixed_) {
      if (m.owner != static_cast<int>(c)) continue;
      left -= add(c, m.corner, m.share);
      part = std::max(0.0, m.share - whole_below(m.share));
      const TaskPoint corner = classes_[c].corners[static_cast<std::size_t>(m.corner)];
      off.workers += part * corner.workers;
      off.servers += part * corner.servers;
    }
    off.workers /= std::max(1, left);
    off.servers /= std::max(1, left);
    for (; left > 0 && whole.off_count < 2; --left)
      whole.off[static_cast<std::size_t>(whole.off_count++)] = off;
  }
  whole.missing_workers = static_cast<int>(std::lround(at_workers_) - workers);
  whole.missing_servers = static_cast<int>(std::lround(at_servers_) - servers);
  return whole;
}

int SlotCore::machines_off() const { return whole_parts().off_count; }

/// The cheapest way to hold what is missing on the machines that are off a corner.
bool SlotCore::hold_on_two(Whole& whole, double& cost) const {
  const int workers = std::max(0, whole.missing_workers);
  const int servers = std::max(0, whole.missing_servers);
  if (whole.off_count == 0 || workers + servers == 0) {
    cost = whole.cost;
    return workers + servers == 0;
  }
  const CoreClass& one = classes_[whole.off[0].class_index];
  const bool has_two = whole.off_count == 2;
  const CoreClass& two = classes_[whole.off[has_two ? 1 : 0].class_index];
  double best = kNoLimit;
  std::array<TaskPoint, 2> tasks{};
  for (int s = has_two ? 0 : servers; s <= servers; ++s) {
    const int most_one = workers_beside(demand_, one.residual, s, workers);
    if (most_one < 0) break;
    const int most_two = has_two ? workers_beside(demand_, two.residual, servers - s, workers) : 0;
    if (most_two < 0 || most_one + most_two < workers) continue;
    const int on_one = one.worker_price <= two.worker_price ? most_one : workers - most_two;
    const std::array<TaskPoint, 2> held{TaskPoint{on_one, s},
                                        TaskPoint{workers - on_one, servers - s}};
    const double price = whole.price(one, held[0]) + (has_two ? whole.price(two, held[1]) : 0.0);
    if (price >= best) continue;
    best = price;
    tasks = held;
  }
  if (best == kNoLimit) return false;
  cost = whole.cost + best;
  for (std::size_t i = 0; i < static_cast<std::size_t>(whole.off_count); ++i)
    whole.parts.push_back({whole.off[i].class_index, 1, tasks[i]});
  return true;
}

/// Rounds the machines off a corner down and puts what is then missing where there is room for one
/// more task, servers first.
bool SlotCore::hold_elsewhere(Whole& whole, double& cost) const {
  cost = whole.cost;
  for (int i = 0; i < whole.off_count; ++i) {
    const Off& off = whole.off[static_cast<std::size_t>(i)];
    const TaskPoint tasks{whole_below(off.workers), whole_below(off.servers)};
    whole.parts.push_back({off.class_index, 1, tasks});
    whole.missing_workers -= tasks.workers;
    whole.missing_servers -= tasks.servers;
    cost += whole.price(classes_[off.class_index], tasks);
  }
  // Machines that hold their key and that key is nothing are not in the parts yet.
  for (std::size_t c = 0; c < classes_.size(); ++c)
    if (key_[c] == 0 && whole_below(key_share(static_cast<int>(c))) > 0)
      whole.parts.push_back({static_cast<std::uint32_t>(c),
                             whole_below(key_share(static_cast<int>(c))), TaskPoint{}});
  const auto add_one = [&](TaskPoint task) {
    CorePart* best = nullptr;
    double best_price = kNoLimit;
    for (CorePart& part : whole.parts) {
      const CoreClass& of = classes_[part.class_index];
      const double price = whole.price(of, task);
      if (part.machines == 0 || price >= best_price) continue;
      const int wanted = part.tasks.workers + task.workers;
      if (workers_beside(demand_, of.residual, part.tasks.servers + task.servers, wanted) < wanted)
        continue;
      best = &part;
      best_price = price;
    }
    if (best == nullptr) return false;
    CorePart more{best->class_index,
                  1,
                  {best->tasks.workers + task.workers, best->tasks.servers + task.servers}};
    --best->machines;
    whole.parts.push_back(more);
    cost += best_price;
    return true;
  };
  for (; whole.missing_servers > 0; --whole.missing_servers)
    if (!add_one({0, 1})) return false;
  for (; whole.missing_workers > 0; --whole.missing_workers)
    if (!add_one({1, 0})) return false;
  return true;
}

std::optional<std::vector<CorePart>> SlotCore::round(double& cost) const {
  Whole on_two = whole_parts();
  Whole elsewhere = on_two;
  // Room on a corner is not cheaper than the multipliers, else that machine would hold more.
  double least = on_two.cost;
  double least_worker = lambda_;
  double least_server = nu_;
  int workers = on_two.missing_workers;
  int servers = on_two.missing_servers;
  for (int i = 0; i < on_two.off_count; ++i) {
    const Off& off = on_two.off[static_cast<std::size_t>(i)];
    const TaskPoint down{whole_below(off.workers), whole_below(off.servers)};
    least += on_two.price(classes_[off.class_index], down);
    least_worker = std::min(least_worker, classes_[off.class_index].worker_price);
    least_server = std::min(least_server, classes_[off.class_index].server_price);
    workers -= down.workers;
    servers -= down.servers;
  }
  least += std::max(0, workers) * least_worker + std::max(0, servers) * least_server;
  double cost_elsewhere = kNoLimit;
  bool found = hold_on_two(on_two, cost);
  if (!found || cost > least * (1 + 1e-12)) {
    if (hold_elsewhere(elsewhere, cost_elsewhere) && (!found || cost_elsewhere < cost)) {
      cost = cost_elsewhere;
      on_two = std::move(elsewhere);
      found = true;
    }
  }
  if (!found) return std::nullopt;
  std::erase_if(on_two.parts, [](const CorePart& part) {
    return part.machines == 0 || part.tasks == TaskPoint{};
  });
  return std::move(on_two.parts);
}

}  // namespace bourse
