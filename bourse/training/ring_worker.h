#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bourse/program/handle.h"
#include "bourse/training/computation.h"
#include "bourse/training/coordinator.h"
#include "bourse/training/gradient_sum.h"
#include "bourse/training/ring_peers.h"

namespace bourse::training {

/// A worker of a ring: it keeps all parameters, and the state of the optimiser, as all others do.
/// In each step every member sends to each other what this one is to sum: its part of the gradient
/// (reduce-scatter); then every member sends its part of the sum to all (all-gather). These are the
/// bytes of a ring, 2 (n - 1) / n times the parameters for each of n members, in two hops in the
/// place of 2 (n - 1), and the sum goes along the tree of microbatches.
class RingWorker {
 public:
  struct Options {
    std::string name;  ///< No other worker has it.
    std::string run;   ///< Other runs are not talked to.
    /// Where it listens; "tcp:HOST:0" for any port.
    std::string address;
    TrainOptions training;
    program::Handle<Coordinator> coordinator;
    const Dataset* data = nullptr;              ///< Outlives the worker.
    Model* model = nullptr;                     ///< The same.
    const std::atomic<bool>* leaves = nullptr;  ///< Set from outside: it is to leave. Not null.
  };
  explicit RingWorker(Options options);
  ~RingWorker();
  RingWorker(const RingWorker&) = delete;
  RingWorker& operator=(const RingWorker&) = delete;

  enum class Ended : std::uint8_t {
    done,     ///< All epochs are.
    stopped,  ///< The training was ended before.
    left,     ///< As it was told.
  };
  /// Works until the training is over or it is to leave. Throws CallError if the coordinator is
  /// lost, std::runtime_error if a checkpoint cannot be read.
  Ended run();

 private:
  [[nodiscard]] std::optional<Ended> take_part();
  [[nodiscard]] std::optional<Assignment> ask(const Report& report);
  void start_at(std::int64_t step);
  /// False if others have begun anew without this phase: it is given up.
  [[nodiscard]] bool work(const Assignment& work, Report& report);
  [[nodiscard]] bool prepare(const Assignment& work);
  void step_to(std::int64_t version);
  void send_state(const Assignment& work);
  [[nodiscard]] bool receive_state(const Assignment& work);
  [[nodiscard]] bool train(const Assignment& work, Report& report);
  [[nodiscard]] bool gather_sum(const Assignment& work, GradientSum& mine);
  void send(const Assignment& work, std::size_t to, RingBlock block);
  [[nodiscard]] std::optional<RingBlock> receive(const Assignment& work);
  [[nodiscard]] bool finish_sending(const Assignment& work);
  void save(const Assignment& work);

  const Options options_;
  Computation computation_;
  std::unique_ptr<RingPeers> peers_;
  std::uint32_t slot_ = 0;     ///< Of this member.
  std::size_t place_ = 0;      ///< Ours in the ring of this phase.
  std::vector<Range> chunks_;  ///< By place.
  std::vector<program::Future<void>> sends_;
  std::vector<float> values_;
  std::vector<std::vector<float>> state_;  ///< Of the optimiser.
  std::int64_t version_ = -1;              ///< Of both.
  std::vector<float> sum_;                 ///< Of the gradients of the step that is not made yet.
  OptimiserStep next_;                     ///< That step; number 0: there is none.
  double next_norm_ = -1;                  ///< Its squared norm, for the report after it.
  std::int64_t norm_version_ = 0;
  std::future<void> saving_;
};

}  // namespace bourse::training
