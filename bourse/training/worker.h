#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bourse/program/handle.h"
#include "bourse/training/computation.h"
#include "bourse/training/coordinator.h"

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
  void push(const Assignment& work, MicroRange node, const program::Buffer& gradient,
            std::vector<program::Future<void>>& pushes);
  void begin_pull(std::int64_t version);
  void finish_pull(std::int64_t version, Report& report);

  const Options options_;
  Computation computation_;
  std::vector<Range> ranges_;  ///< Of the servers.
  std::vector<float> values_;
  std::int64_t version_ = -1;  ///< Of values_.
  std::vector<program::Future<Pulled>> pulls_;
  std::int64_t pulled_version_ = -1;  ///< That pulls_ ask for.
};

}  // namespace bourse::training
