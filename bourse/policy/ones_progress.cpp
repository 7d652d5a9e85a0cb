#include "bourse/policy/ones_progress.h"

#include <algorithm>
#include <cmath>

namespace bourse {
namespace {

double softplus(double x) { return x > 30 ? x : std::log1p(std::exp(x)); }
double softplus_slope(double x) { return 1 / (1 + std::exp(-x)); }

/// The derivative of lgamma; error below 1e-10 for x > 0.
double digamma(double x) {
  double value = 0;
  for (; x < 6; ++x) value -= 1 / x;
  const double r = 1 / (x * x);
  return value + std::log(x) - 0.5 / x -
         r * (1.0 / 12 - r * (1.0 / 120 - r * (1.0 / 252 - r / 240)));
}

/// ln of the gamma function for x > 0 (Stirling after a shift); error below 1e-10.
double log_gamma(double x) {
  double shift = 0;
  for (; x < 8; ++x) shift -= std::log(x);
  const double r = 1 / (x * x);
  return shift + (x - 0.5) * std::log(x) - x + 0.91893853320467274178 +
         (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r / 1680))) / x;
}

/// Gamma(shape >= 1, 1) by Marsaglia and Tsang (2000).
double gamma_draw(double shape, RandomStream& draws) {
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = draws.normal(0, 1);
    const double v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(1 - draws.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

std::array<double, 5> raw_features(const EpochReport& r) {
  return {std::log(r.epoch_samples), r.initial_loss, r.epochs_done, 1 - r.loss / r.initial_loss,
          r.accuracy};
}

}  // namespace

BetaLoss beta_loss(double a, double b, double x) {
  return {log_gamma(a) + log_gamma(b) - log_gamma(a + b) - (a - 1) * std::log(x) -
              (b - 1) * std::log1p(-x),
          digamma(b) - digamma(a + b) - std::log1p(-x)};
}

EpochReport simulated_report(std::uint64_t seed, JobId job, double epoch_samples,
                             double epochs_done, double share) {
  RandomStream shape(seed, Purpose::learning, job.index());
  RandomStream noise(seed, Purpose::learning, job.index(),
                     1 + static_cast<std::uint32_t>(std::min(epochs_done, 1e9)));
  const double initial = shape.uniform(1, 7);
  const double bend = shape.uniform(3, 10);
  const double floor = shape.uniform(0.05, 0.3);
  const double target = shape.uniform(0.25, 0.95);
  // Falls like 1 / (1 + bend x), scaled to end at the floor.
  const double fallen = share * (1 + bend) / (1 + bend * share);
  const auto noisy = [&](double value) { return value * std::exp(noise.normal(0, 0.03)); };
  return {.epoch_samples = epoch_samples,
          .initial_loss = initial,
          .epochs_done = epochs_done,
          .loss = noisy(initial * (1 - (1 - floor) * fallen)),
          .accuracy = noisy(target * fallen)};
}

void ProgressModel::add(const std::vector<FinishedReport>& reports) {
  rows_.insert(rows_.end(), reports.begin(), reports.end());
  seen_rows_ += reports.size();
  if (rows_.size() > options_.history)
    rows_.erase(rows_.begin(), rows_.end() - static_cast<std::ptrdiff_t>(options_.history));
}

void ProgressModel::fit_if_grown() {
  if (rows_.empty() || seen_rows_ * 4 < fitted_rows_ * 5) return;
  fit();
  fitted_rows_ = seen_rows_;
}

ProgressModel::Features ProgressModel::scaled(const EpochReport& report) const {
  Features features = raw_features(report);
  for (std::size_t f = 0; f < kFeatures; ++f)
    features[f] = (features[f] - mean_[f]) / deviation_[f];
  return features;
}

ProgressModel::Forward ProgressModel::run(const Features& features) const {
  Forward out{features, std::vector<double>(options_.hidden), weights_.back()};
  const double* unit = weights_.data();
  const double* output = weights_.data() + options_.hidden * (kFeatures + 1);
  for (std::size_t h = 0; h < options_.hidden; ++h, unit += kFeatures + 1) {
    double sum = unit[kFeatures];
    for (std::size_t f = 0; f < kFeatures; ++f) sum += unit[f] * features[f];
    out.hidden[h] = std::tanh(sum);
    out.raw += output[h] * out.hidden[h];
  }
  return out;
}

void ProgressModel::add_gradient(const FinishedReport& row, std::vector<double>& gradient) const {
  const Forward forward = run(scaled(row.report));
  const double total = row.epochs_total;
  // The last report is of all the work, where the density is 0 or infinite.
  const double x = std::min(row.report.epochs_done / total, 1 - 0.25 / total);
  const double by_raw = beta_loss(row.report.epochs_done, 1 + softplus(forward.raw), x).by_b *
                        softplus_slope(forward.raw);
  const std::size_t output = options_.hidden * (kFeatures + 1);
  gradient.back() += by_raw;
  for (std::size_t h = 0; h < options_.hidden; ++h) {
    gradient[output + h] += by_raw * forward.hidden[h];
    const double by_sum =
        by_raw * weights_[output + h] * (1 - forward.hidden[h] * forward.hidden[h]);
    double* unit = gradient.data() + h * (kFeatures + 1);
    for (std::size_t f = 0; f < kFeatures; ++f) unit[f] += by_sum * forward.features[f];
    unit[kFeatures] += by_sum;
  }
}

void ProgressModel::fit() {
  const auto count = static_cast<double>(rows_.size());
  mean_ = {};
  deviation_ = {};
  for (const FinishedReport& row : rows_)
    for (std::size_t f = 0; f < kFeatures; ++f) mean_[f] += raw_features(row.report)[f] / count;
  for (const FinishedReport& row : rows_)
    for (std::size_t f = 0; f < kFeatures; ++f) {
      const double off = raw_features(row.report)[f] - mean_[f];
      deviation_[f] += off * off / count;
    }
  for (double& d : deviation_) d = std::max(std::sqrt(d), 1e-6);
  RandomStream draws(options_.seed, Purpose::learning, std::uint64_t{1} << 40U);
  weights_.assign(options_.hidden * (kFeatures + 2) + 1, 0);
  for (double& w : weights_) w = draws.uniform(-0.3, 0.3);
  std::vector<double> first(weights_.size(), 0);
  std::vector<double> second(weights_.size(), 0);
  std::vector<double> gradient(weights_.size());
  int step = 0;
  for (int pass = 0; pass < options_.passes; ++pass) {
    for (std::size_t begin = 0; begin < rows_.size(); begin += options_.minibatch) {
      std::ranges::fill(gradient, 0);
      const std::size_t size = std::min(options_.minibatch, rows_.size() - begin);
      for (std::size_t i = 0; i < size; ++i) {
        // Rows far apart in time share a minibatch, which neighbours would make lopsided.
        const std::size_t stride = (rows_.size() + options_.minibatch - 1) / options_.minibatch;
        const std::size_t row = (begin / options_.minibatch + i * stride) % rows_.size();
        add_gradient(rows_[row], gradient);
      }
      ++step;
      const double rate =
          options_.learning_rate * std::sqrt(1 - std::pow(0.999, step)) / (1 - std::pow(0.9, step));
      for (std::size_t w = 0; w < weights_.size(); ++w) {
        const double g = gradient[w] / static_cast<double>(size);
        first[w] += 0.1 * (g - first[w]);
        second[w] += 0.001 * (g * g - second[w]);
        weights_[w] -= rate * first[w] / (std::sqrt(second[w]) + 1e-8);
      }
    }
  }
}

double ProgressModel::epochs_left(const EpochReport& report) const {
  if (weights_.empty()) return report.epochs_done;
  return 1 + softplus(run(scaled(report)).raw);
}

double ProgressModel::sampled_epochs_left(const EpochReport& report, RandomStream& draws) const {
  const double done = gamma_draw(std::max(1.0, report.epochs_done), draws);
  const double left = gamma_draw(std::max(1.0, epochs_left(report)), draws);
  return report.epochs_done * left / done;
}

}  // namespace bourse
