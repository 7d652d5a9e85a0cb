#pragma once

#include <condition_variable>
#include <cstdint>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bourse/program/buffer.h"
#include "bourse/training/checkpoint.h"
#include "bourse/training/gradient_sum.h"
#include "bourse/training/train_options.h"

namespace bourse::training {

/// The gradient of one node of the tree of microbatches, for the parameters of one server.
struct Push {
  std::int64_t step = 0;
  MicroRange node;
  double learning_rate = 0;
  double scale = 0;  ///< 1 / samples that the sum is over.
  program::Buffer gradient;
};

/// The parameters of one server.
struct Pulled {
  std::int64_t version = 0;  ///< Steps that are in it.
  double squared_norm = 0;   ///< Of the mean gradient of the last step, this server's part.
  program::Buffer values;
};

/// Values to start from.
struct Loaded {
  std::uint64_t parameters = 0;  ///< Length of the whole flat vector.
  program::Buffer values;        ///< The part of this server.
};

/// A node that keeps a range of the parameters and the state of the optimiser for it. In
/// synchronous mode it makes a step once the gradients of all microbatches are there; else with
/// every push. Methods may be called from several threads; what cannot be done throws
/// std::invalid_argument, std::runtime_error or, while the program stops, CallError.
class ParameterServer {
 public:
  struct Options {
    std::size_t index = 0;  ///< Of `count` servers.
    std::size_t count = 1;
    TrainOptions training;
  };
  explicit ParameterServer(Options options);

  /// Sets version 0. Nothing happens if there are parameters already.
  void load(const Loaded& loaded);
  /// Takes parameters and state from a checkpoint.
  void restore(const std::string& folder, std::int64_t step);
  /// Adds a gradient. One of a step that is done already is left out.
  void push(const Push& push);
  /// Waits until there is this version, or a later one. In synchronous mode the version before the
  /// last is kept: who takes the place of a worker that was lost when its gradients had made the
  /// step does the same again.
  [[nodiscard]] Pulled pull(std::int64_t version);
  /// Copies what there is, then writes it into a checkpoint in the background.
  void snapshot(const std::string& folder, std::int64_t step);
  /// Waits until the last snapshot is written.
  [[nodiscard]] SliceFile written();
  /// The training is over.
  void end();
  /// True once it is; for the process that the server lives in.
  bool wait_for_end(double seconds);

 private:
  void make_step(const Push& push, const program::Buffer& gradient);

  const Options options_;
  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable_any changed_;
  std::uint64_t parameters_ = 0;  ///< 0: nothing is loaded yet.
  std::int64_t version_ = 0;
  double squared_norm_ = 0;
  StateSlice slice_;
  std::optional<Pulled> before_;  ///< The version before; synchronous mode only.
  GradientSum sum_;
  std::shared_future<Result<SliceFile>> writing_;
  bool has_ended_ = false;
};

}  // namespace bourse::training
