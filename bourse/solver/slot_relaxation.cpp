#include <ClpSimplex.hpp>
#include <CoinPackedMatrix.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/solver/slot_problem.h"

// Why classes give the same optimum. Let P be the set of (w, s) that fit on one machine of a class
// of k machines. P is convex, so the mean of what its members hold is in P, and the class total is
// in k P = {(w, s): (w / k, s / k) in P}. Conversely a total in k P is k copies of a point in P.
// Members have equal prices, so the cost depends on the total only.
//
// Why covers are equalities here. Every P contains, with a point, all smaller ones, and prices are
// not negative: dropping what exceeds W and S breaks nothing and costs nothing.

namespace bourse {
namespace {

constexpr int kPlenty = 1 << 30;  ///< Tasks without demand fit this often: no bound.
constexpr double kSlack = 1e-9;   ///< Relative slack in comparisons of the simplex's numbers.

/// worker_share * w + server_share * s <= 1 on each machine of a class.
struct ShareRow {
  double worker_share = 0;
  double server_share = 0;
};

/// Machines in one state.
struct StateClass {
  std::vector<std::uint32_t> members;  ///< Increasing.
  double worker_price = 0;
  double server_price = 0;
  double most_workers = 0;  ///< Whole tasks that fit on one member, each role alone.
  double most_servers = 0;
  std::vector<ShareRow> rows;  ///< Only those that can bind.

  /// True if (w, s) fits on `count` members together.
  [[nodiscard]] bool carries(double workers, double servers, double count) const {
    if (workers > count * most_workers + kSlack || servers > count * most_servers + kSlack)
      return false;
    return std::ranges::all_of(rows, [&](const ShareRow& row) {
      return row.worker_share * workers + row.server_share * servers <= count * (1 + kSlack);
    });
  }
};

double unless_plenty(int count) {
  return count == kPlenty ? std::numeric_limits<double>::infinity() : count;
}

/// The rows of one machine that can bind: those that couple both roles, are not implied by the two
/// bounds and are not dominated by another row.
std::vector<ShareRow> binding_rows(const SlotDemand& demand, std::span<const std::int64_t> residual,
                                   double most_workers, double most_servers) {
  std::vector<ShareRow> rows;
  if (most_workers == 0 || most_servers == 0) return rows;
  for (std::size_t r = 0; r < residual.size(); ++r) {
    if (demand.worker[r] <= 0 || demand.server[r] <= 0) continue;
    const auto room = static_cast<double>(residual[r]);
    const ShareRow row{static_cast<double>(demand.worker[r]) / room,
                       static_cast<double>(demand.server[r]) / room};
    if (row.worker_share * most_workers + row.server_share * most_servers <= 1) continue;
    const auto dominates = [](const ShareRow& a, const ShareRow& b) {
      return a.worker_share >= b.worker_share && a.server_share >= b.server_share;
    };
    if (std::ranges::any_of(rows, [&](const ShareRow& other) { return dominates(other, row); }))
      continue;
    std::erase_if(rows, [&](const ShareRow& other) { return dominates(row, other); });
    rows.push_back(row);
  }
  return rows;
}

std::vector<StateClass> classes_of(const SlotMachines& machines, const SlotDemand& demand) {
  using State = std::tuple<double, double, std::vector<std::int64_t>>;
  std::map<State, std::size_t> index;
  std::vector<StateClass> classes;
  for (std::size_t h = 0; h < machines.size(); ++h) {
    const auto residual = machines.residual_of(h);
    const int workers = tasks_that_fit(demand.worker, residual, kPlenty);
    const int servers = tasks_that_fit(demand.server, residual, kPlenty);
    if (workers == 0 && servers == 0) continue;
    State state{machines.worker_price[h], machines.server_price[h],
                std::vector<std::int64_t>(residual.begin(), residual.end())};
    const auto [at, is_new] = index.try_emplace(std::move(state), classes.size());
    if (is_new) {
      StateClass& added = classes.emplace_back();
      added.worker_price = machines.worker_price[h];
      added.server_price = machines.server_price[h];
      added.most_workers = unless_plenty(workers);
      added.most_servers = unless_plenty(servers);
      added.rows = binding_rows(demand, residual, added.most_workers, added.most_servers);
    }
    classes[at->second].members.push_back(static_cast<std::uint32_t>(h));
  }
  return classes;
}

/// The next member's part of a class total that `left` members still have to carry: whole tasks
/// near the largest multiple of the total that fits on one member, if the others can carry what
/// remains; else that multiple itself, which they always can.
std::pair<double, double> next_part(const StateClass& state, double workers, double servers,
                                    double left) {
  if (left <= 1 || state.carries(workers, servers, 1)) return {workers, servers};
  double scale = 1;
  if (workers > 0) scale = std::min(scale, state.most_workers / workers);
  if (servers > 0) scale = std::min(scale, state.most_servers / servers);
  for (const ShareRow& row : state.rows)
    scale = std::min(scale, 1 / (row.worker_share * workers + row.server_share * servers));
  const double w = scale * workers;
  const double s = scale * servers;
  const double fewer_w = std::floor(w + kSlack);
  const double fewer_s = std::floor(s + kSlack);
  const std::array<std::pair<double, double>, 3> whole{
      std::pair{fewer_w + 1, fewer_s}, {fewer_w, fewer_s + 1}, {fewer_w, fewer_s}};
  for (const auto& [whole_w, whole_s] : whole)
    if (whole_w <= workers + kSlack && whole_s <= servers + kSlack &&
        state.carries(whole_w, whole_s, 1) &&
        state.carries(workers - whole_w, servers - whole_s, left - 1))
      return {std::min(whole_w, workers), std::min(whole_s, servers)};
  return {w, s};
}

void spread(const StateClass& state, double workers, double servers, FractionalPlacement& out) {
  auto left = static_cast<double>(state.members.size());
  for (const std::uint32_t member : state.members) {
    if (workers <= 0 && servers <= 0) return;
    const auto [w, s] = next_part(state, workers, servers, left);
    out.workers[member] = w;
    out.servers[member] = s;
    workers = std::max(0.0, workers - w);
    servers = std::max(0.0, servers - s);
    left -= 1;
  }
}

}  // namespace

struct SlotRelaxation::Model {
  std::size_t machine_count = 0;
  std::vector<StateClass> classes;  ///< Columns 2 c (workers) and 2 c + 1 (servers).
  double most_workers = 0;          ///< Over all machines, each role alone.
  double most_servers = 0;
  ClpSimplex simplex;  ///< Rows 0 and 1 are the covers.

  bool solve(int workers, int servers);
  void load();
};

/// Fills the simplex. Costs are scaled so that the largest is 1e4: tolerances are absolute there,
/// and prices may be as small as 1e-30.
void SlotRelaxation::Model::load() {
  double largest = 0;
  for (const StateClass& state : classes)
    largest = std::max({largest, state.worker_price, state.server_price});
  const double scale = largest > 0 ? 1e4 / largest : 1;
  std::vector<int> rows, columns;
  std::vector<double> values, cost, upper, row_lower{0, 0}, row_upper{0, 0};
  const auto enter = [&](int row, int column, double value) {
    rows.push_back(row);
    columns.push_back(column);
    values.push_back(value);
  };
  const auto finite = [](double bound) { return std::isinf(bound) ? COIN_DBL_MAX : bound; };
  for (const StateClass& state : classes) {
    const auto count = static_cast<double>(state.members.size());
    const int column = static_cast<int>(cost.size());
    enter(0, column, 1);
    enter(1, column + 1, 1);
    cost.insert(cost.end(), {state.worker_price * scale, state.server_price * scale});
    upper.insert(upper.end(),
                 {finite(count * state.most_workers), finite(count * state.most_servers)});
    for (const ShareRow& row : state.rows) {
      const int at = static_cast<int>(row_lower.size());
      enter(at, column, row.worker_share);
      enter(at, column + 1, row.server_share);
      row_lower.push_back(-COIN_DBL_MAX);
      row_upper.push_back(count);
    }
    most_workers += count * state.most_workers;
    most_servers += count * state.most_servers;
  }
  CoinPackedMatrix matrix(true, rows.data(), columns.data(), values.data(),
                          static_cast<CoinBigIndex>(values.size()));
  matrix.setDimensions(static_cast<int>(row_lower.size()), static_cast<int>(cost.size()));
  const std::vector<double> lower(cost.size());
  simplex.setLogLevel(0);
  simplex.loadProblem(matrix, lower.data(), upper.data(), cost.data(), row_lower.data(),
                      row_upper.data());
  simplex.setPrimalTolerance(1e-9);
  simplex.setDualTolerance(1e-9);
}

bool SlotRelaxation::Model::solve(int workers, int servers) {
  BOURSE_CHECK(workers >= 0 && servers >= 0);
  if (workers > most_workers || servers > most_servers) return false;
  if (classes.empty()) return workers == 0 && servers == 0;
  simplex.setRowBounds(0, workers, workers);
  simplex.setRowBounds(1, servers, servers);
  simplex.dual();
  if (simplex.status() != 0 && !simplex.isProvenPrimalInfeasible()) simplex.primal();
  return simplex.status() == 0;
}

SlotRelaxation::SlotRelaxation(const SlotMachines& machines, const SlotDemand& demand)
    : model_(std::make_unique<Model>()) {
  BOURSE_CHECK(machines.server_price.size() == machines.size());
  BOURSE_CHECK(machines.residual.size() == machines.size() * machines.resource_count);
  BOURSE_CHECK(demand.worker.size() == machines.resource_count);
  BOURSE_CHECK(demand.server.size() == machines.resource_count);
  model_->machine_count = machines.size();
  model_->classes = classes_of(machines, demand);
  model_->load();
}

SlotRelaxation::~SlotRelaxation() = default;
SlotRelaxation::SlotRelaxation(SlotRelaxation&&) noexcept = default;
SlotRelaxation& SlotRelaxation::operator=(SlotRelaxation&&) noexcept = default;

std::size_t SlotRelaxation::class_count() const { return model_->classes.size(); }

std::optional<double> SlotRelaxation::cost(int workers, int servers) {
  if (!model_->solve(workers, servers)) return std::nullopt;
  double cost = 0;
  const double* value = model_->simplex.primalColumnSolution();
  for (const StateClass& state : model_->classes) {
    cost += state.worker_price * std::max(0.0, value[0]);
    cost += state.server_price * std::max(0.0, value[1]);
    value += 2;
  }
  return cost;
}

std::optional<FractionalPlacement> SlotRelaxation::solve(int workers, int servers) {
  const std::optional<double> total = cost(workers, servers);
  if (!total) return std::nullopt;
  FractionalPlacement out;
  out.workers.assign(model_->machine_count, 0);
  out.servers.assign(model_->machine_count, 0);
  out.cost = *total;
  const double* value = model_->simplex.primalColumnSolution();
  for (const StateClass& state : model_->classes) {
    spread(state, std::max(0.0, value[0]), std::max(0.0, value[1]), out);
    value += 2;
  }
  return out;
}

}  // namespace bourse
