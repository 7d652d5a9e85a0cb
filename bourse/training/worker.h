#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bourse/program/handle.h"
#include "bourse/training/coordinator.h"
#include "bourse/training/model.h"

namespace bourse::training {

/// Computes gradients of what the coordinator hands out, and pushes them to the servers.
class Worker {
 public:
  struct Options {
    std::string name;  ///< No other worker has it.
    TrainOptions training;
    std::vector<program::Handle<ParameterServer>> servers;
    program::Handle<Coordinator> coordinator;
    const Dataset* data = nullptr;              ///< Outlives the worker.
    Model* model = nullptr;                     ///< The same.
    const std::atomic<bool>* leaves = nullptr;  ///< Set from outside: it is to leave. Not null.
  };
  explicit Worker(Options options);

  /// Works until the training is over or it is to leave. Throws CallError if the servers are lost.
  void run();

 private:
  void bring_first_values();
  [[nodiscard]] Assignment ask(const Report& report);
  void work(const Assignment& work, Report& report);
  void train(const Assignment& work, Report& report);
  void evaluate(const Assignment& work, Report& report);
  /// The gradient of a node of the tree, in floats; reports its microbatches.
  [[nodiscard]] program::Buffer node_gradient(const Assignment& work, MicroRange node,
                                              Report& report);
  void load_examples(const Assignment& work, Range samples);
  void push(const Assignment& work, MicroRange node, const program::Buffer& gradient,
            std::vector<program::Future<void>>& pushes);
  void begin_pull(std::int64_t version);
  void finish_pull(std::int64_t version, Report& report);

  const Options options_;
  std::size_t parameters_ = 0;
  std::vector<Range> ranges_;  ///< Of the servers.
  std::vector<float> values_;
  std::int64_t version_ = -1;  ///< Of values_.
  std::vector<program::Future<Pulled>> pulls_;
  std::int64_t pulled_version_ = -1;  ///< That pulls_ ask for.
  std::int64_t epoch_ = -1;           ///< Of order_.
  std::vector<std::uint32_t> order_;
  Examples examples_;
};

}  // namespace bourse::training
