#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/base/random.h"

namespace bourse {

/// What a job reports at the end of an epoch, and what follows for its length once it is known.
struct EpochReport {
  double epoch_samples = 1;  ///< D.
  double initial_loss = 1;
  double epochs_done = 1;  ///< >= 1: before that nothing is known.
  double loss = 1;
  double accuracy = 0;
};

/// A report and the epochs that the job took in the end.
struct FinishedReport {
  EpochReport report;
  double epochs_total = 1;  ///< >= epochs_done.
};

/// The loss and accuracy that a job reports after `epochs_done` epochs, with `share` of its work
/// behind it: a curve of its own with noise, in place of the logs of a real job. Draws are
/// addressed by seed, job and epoch.
[[nodiscard]] EpochReport simulated_report(std::uint64_t seed, JobId job, double epoch_samples,
                                           double epochs_done, double share);

struct ProgressOptions {
  std::size_t hidden = 64;  ///< tanh units.
  int passes = 200;         ///< Over the history, for one fit.
  std::size_t minibatch = 8;
  double learning_rate = 1e-2;  ///< Of Adam.
  std::size_t history = 500;    ///< Most reports that a fit looks at, the latest.
  std::uint64_t seed = 1;
};

/// Epochs that are left, by Beta regression: the share of the work that is done after e epochs is
/// Beta(e, b), b = 1 + softplus(network(features)); then the mean of the share is e / (e + b), so b
/// is the number of epochs left. Features are ln D, the initial loss, the epochs done, 1 - loss /
/// initial loss and the accuracy, each standardised over the history, in training as in use.
/// Every fit starts anew, the network and the moments of Adam alike. Until there is a history, b is
/// e: half of the work is done. Deterministic. Cost of a fit: passes x history x hidden.
/// Source: Bian et al., ONES, SC'21, and its artifact.
class ProgressModel {
 public:
  explicit ProgressModel(ProgressOptions options) : options_(options) {}

  /// Adds the reports of a job that has finished.
  void add(const std::vector<FinishedReport>& reports);
  /// Fits when the history has grown by a quarter since the last fit.
  void fit_if_grown();

  [[nodiscard]] double epochs_left(const EpochReport& report) const;
  /// Epochs left if the share done is a draw of Beta(e, b) in place of its mean.
  [[nodiscard]] double sampled_epochs_left(const EpochReport& report, RandomStream& draws) const;

 private:
  static constexpr std::size_t kFeatures = 5;
  using Features = std::array<double, kFeatures>;
  struct Forward {
    Features features;
    std::vector<double> hidden;
    double raw = 0;  ///< Before softplus.
  };

  void fit();
  [[nodiscard]] Features scaled(const EpochReport& report) const;
  [[nodiscard]] Forward run(const Features& features) const;
  void add_gradient(const FinishedReport& row, std::vector<double>& gradient) const;

  ProgressOptions options_;
  std::vector<FinishedReport> rows_;
  std::size_t fitted_rows_ = 0;
  std::size_t seen_rows_ = 0;
  Features mean_{};
  Features deviation_{};
  std::vector<double>
      weights_;  ///< Of each hidden unit: features, bias; then output weights, bias.
};

/// -log of the density of Beta(a, b) at x in (0, 1), and its derivative by b.
struct BetaLoss {
  double value = 0;
  double by_b = 0;
};
[[nodiscard]] BetaLoss beta_loss(double a, double b, double x);

}  // namespace bourse
