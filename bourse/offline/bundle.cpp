#include "bourse/offline/bundle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace bourse {
namespace {

constexpr double kSeriousShare = 0.1;  ///< Of the promised gain that moves the best point.
constexpr double kGoodShare = 0.5;     ///< Of the promised gain after which t grows.
constexpr int kSetRounds = 10;         ///< Guesses of which coordinates end at 0.
constexpr int kFarLooks = 5;           ///< Times that t grows before a small promise is believed.
constexpr double kFarther = 4;         ///< By this factor each.
constexpr int kPairSteps = 400;        ///< Moves of weight from one piece to another, a guess.

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// value - error + slope * (y - centre) never exceeds the function.
struct Cut {
  Vector slope;
  double error = 0;   ///< Below the value at the centre; >= 0.
  double weight = 0;  ///< In the last model's optimum; these sum to 1.
};

class Bundle {
 public:
  Bundle(const ConvexFunction& function, const BundleOptions& options, Vector start)
      : function_(function), options_(options), centre_(std::move(start)) {}

  BundleResult minimize(const std::function<double(std::span<const double>, double)>& lower);

 private:
  double evaluate(const Vector& point, Vector& slope);
  void solve_model();
  void solve_weights(const Vector& matrix, const Vector& linear);
  void set_aggregate();
  void move_to(const Vector& point, double value);
  void make_room();
  void step(double value, Vector slope);
  void look(const std::function<double(std::span<const double>, double)>& lower);
  [[nodiscard]] double allowed() const { return options_.gap * std::abs(result_.value); }
  [[nodiscard]] bool is_settled() const { return promise_ <= 0.1 * allowed(); }
  [[nodiscard]] bool is_proven() const { return result_.value - result_.lower <= allowed(); }

  const ConvexFunction& function_;
  const BundleOptions& options_;
  BundleResult result_;
  Vector centre_;
  double value_ = 0;  ///< At the centre.
  double t_ = 1;
  std::vector<Cut> cuts_;
  Vector aggregate_;            ///< Weighted mean of the slopes.
  double aggregate_error_ = 0;  ///< Likewise.
  Vector trial_;
  double promise_ = 0;  ///< Gain of the trial point if the model were exact.
  int null_steps_ = 0;
};

double Bundle::evaluate(const Vector& point, Vector& slope) {
  slope.assign(point.size(), 0);
  const double value = function_(point, slope);
  ++result_.evaluations;
  result_.value = std::min(result_.value, value);
  result_.history.push_back(result_.value);
  return value;
}

/// Minimises t/2 w'Mw + linear'w over weights >= 0 that sum to 1, by moving weight between the two
/// pieces that gain most.
void Bundle::solve_weights(const Vector& matrix, const Vector& linear) {
  const std::size_t n = cuts_.size();
  Vector gradient = linear;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < n; ++k) gradient[i] += t_ * matrix[i * n + k] * cuts_[k].weight;
  for (int step = 0; step < kPairSteps; ++step) {
    std::size_t to = 0;
    std::size_t from = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (gradient[i] < gradient[to]) to = i;
      if (cuts_[i].weight > 0 && (from == n || gradient[i] > gradient[from])) from = i;
    }
    const double slope = gradient[from] - gradient[to];
    if (from == to || slope <= 1e-9 * (1e-12 + std::abs(gradient[to]))) return;
    const double curve =
        t_ * (matrix[from * n + from] - 2 * matrix[from * n + to] + matrix[to * n + to]);
    double moved = cuts_[from].weight;
    if (curve * moved > slope) moved = slope / curve;
    if (moved == cuts_[from].weight)
      cuts_[from].weight = 0;
    else
      cuts_[from].weight -= moved;
    cuts_[to].weight += moved;
    for (std::size_t i = 0; i < n; ++i)
      gradient[i] += t_ * moved * (matrix[i * n + to] - matrix[i * n + from]);
  }
}

void Bundle::set_aggregate() {
  aggregate_.assign(centre_.size(), 0);
  aggregate_error_ = 0;
  for (const Cut& cut : cuts_) {
    if (cut.weight <= 0) continue;
    aggregate_error_ += cut.weight * cut.error;
    for (std::size_t j = 0; j < centre_.size(); ++j) aggregate_[j] += cut.weight * cut.slope[j];
  }
}

/// Finds the trial point: centre - t * aggregate, cut off at 0. Which coordinates end at 0 is
/// guessed from the last aggregate and corrected; any weights give a direction that is worth a try,
/// so a guess that does not settle costs steps and no correctness.
void Bundle::solve_model() {
  const std::size_t n = cuts_.size();
  const std::size_t dimensions = centre_.size();
  std::vector<char> is_free(dimensions, 1);
  Vector matrix(n * n);
  Vector linear(n);
  Vector rows;  // Of each slope the free coordinates, one row after the other.
  for (int round = 0; round < kSetRounds; ++round) {
    set_aggregate();
    bool changed = round == 0;
    for (std::size_t j = 0; j < dimensions; ++j) {
      const char now = centre_[j] - t_ * aggregate_[j] > 0 ? 1 : 0;
      changed = changed || now != is_free[j];
      is_free[j] = now;
    }
    if (!changed) break;
    rows.clear();
    for (std::size_t i = 0; i < n; ++i) {
      linear[i] = cuts_[i].error;
      for (std::size_t j = 0; j < dimensions; ++j) {
        if (is_free[j] == 0)
          linear[i] += centre_[j] * cuts_[i].slope[j];
        else
          rows.push_back(cuts_[i].slope[j]);
      }
      const std::size_t width = rows.size() / (i + 1);
      const double* const row = rows.data() + i * width;
      for (std::size_t k = 0; k <= i; ++k)
        matrix[i * n + k] = matrix[k * n + i] =
            std::inner_product(row, row + width, rows.data() + k * width, 0.0);
    }
    solve_weights(matrix, linear);
  }
  set_aggregate();
  trial_ = centre_;
  for (std::size_t j = 0; j < dimensions; ++j)
    trial_[j] = std::max(0.0, centre_[j] - t_ * aggregate_[j]);
  double highest = -std::numeric_limits<double>::infinity();
  for (const Cut& cut : cuts_) {
    double change = -cut.error;
    for (std::size_t j = 0; j < dimensions; ++j) change += cut.slope[j] * (trial_[j] - centre_[j]);
    highest = std::max(highest, change);
  }
  promise_ = -highest;
}

void Bundle::move_to(const Vector& point, double value) {
  for (Cut& cut : cuts_) {
    double change = 0;
    for (std::size_t j = 0; j < point.size(); ++j) change += cut.slope[j] * (point[j] - centre_[j]);
    cut.error = std::max(0.0, value - (value_ - cut.error + change));
  }
  centre_ = point;
  value_ = value;
}

/// Drops pieces that the last model did not use; when all were used, joins them into one.
void Bundle::make_room() {
  if (cuts_.size() < options_.max_cuts) return;
  const auto idle = std::ranges::find_if(cuts_, [](const Cut& cut) { return cut.weight <= 0; });
  if (idle != cuts_.end()) {
    cuts_.erase(idle);
    return;
  }
  std::ranges::stable_sort(cuts_, {}, [](const Cut& cut) { return -cut.weight; });
  cuts_.resize(options_.max_cuts - 2);
  for (Cut& cut : cuts_) cut.weight = 0;
  cuts_.push_back({aggregate_, aggregate_error_, 1});
}

/// Learns from the value at the trial point.
void Bundle::step(double value, Vector slope) {
  make_room();
  const double gain = value_ - value;
  if (gain >= kSeriousShare * promise_) {
    if (gain >= kGoodShare * promise_)
      t_ *= std::clamp(0.5 / std::max(1e-3, 1 - gain / promise_), 1.0, 5.0);
    move_to(trial_, value);
    cuts_.push_back({std::move(slope), 0, 0});
    null_steps_ = 0;
    return;
  }
  double error = value_ - value;
  for (std::size_t j = 0; j < trial_.size(); ++j) error -= slope[j] * (centre_[j] - trial_[j]);
  error = std::max(0.0, error);
  ++null_steps_;
  if (null_steps_ > 3 && error > 2 * promise_)
    t_ *= std::clamp(0.5 / (1 + -gain / promise_), 0.2, 1.0);
  cuts_.push_back({std::move(slope), error, 0});
}

void Bundle::look(const std::function<double(std::span<const double>, double)>& lower) {
  solve_model();
  result_.aggregate = aggregate_;
  const double model = value_ - aggregate_error_ - dot(aggregate_, centre_);
  if (lower) result_.lower = std::max(result_.lower, lower(aggregate_, model));
}

BundleResult Bundle::minimize(const std::function<double(std::span<const double>, double)>& lower) {
  result_.value = std::numeric_limits<double>::infinity();
  Vector slope;
  value_ = evaluate(centre_, slope);
  result_.point = centre_;
  const double length = dot(slope, slope);
  t_ = length > 0 ? 0.3 * std::abs(value_) / length : 1;
  cuts_.push_back({slope, 0, 1});
  while (true) {
    look(lower);
    // A small promise may be due to a small t: only one that stays small far away counts.
    for (int more = 0; is_settled() && !is_proven() && more < kFarLooks; ++more) {
      t_ *= kFarther;
      look(lower);
    }
    result_.converged = is_settled() || is_proven();
    if (result_.converged || result_.evaluations >= options_.max_evaluations) break;
    if (options_.progress && !options_.progress(result_.evaluations, result_.value)) break;
    const double value = evaluate(trial_, slope);
    if (value <= result_.value) result_.point = trial_;
    step(value, std::move(slope));
    slope = {};
  }
  return std::move(result_);
}

}  // namespace

BundleResult minimize_nonnegative(
    const ConvexFunction& function, std::vector<double> start, const BundleOptions& options,
    const std::function<double(std::span<const double>, double)>& lower_bound) {
  return Bundle(function, options, std::move(start)).minimize(lower_bound);
}

}  // namespace bourse
