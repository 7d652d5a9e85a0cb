#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/training/layout.h"

namespace bourse::training {

/// A worker says that it is there.
struct Joining {
  std::string worker;  ///< Its name, as "worker-3"; no other has it.
  std::uint64_t parameters = 0;
  std::uint64_t train_samples = 0;
  std::uint64_t test_samples = 0;
  std::uint32_t slot = 0;  ///< In a ring: as Coordinator::reserve_slot() said.
  std::string address;     ///< In a ring: where others reach it.
};

/// The answer to it.
struct Welcome {
  bool needs_values = false;  ///< The servers have no parameters yet: bring those to start from.
  /// In a ring: the checkpoint to start from, 0 for first values, -1 for those of another member.
  std::int64_t start_step = 0;
};

/// What there is to do.
enum class WorkKind : std::uint8_t {
  train,
  evaluate,
  finish,
  save,    ///< In a ring: write a part of a checkpoint.
  rejoin,  ///< In a ring: the others went on without this one.
};

/// A member of a ring, in one phase.
struct RingMember {
  std::uint32_t slot = 0;
  std::string address;
  MicroRange range;  ///< What it does.
  /// The first member that does not, sends it; if all do, it is that of a checkpoint (of version 0:
  /// first values).
  bool needs_state = false;
};

/// What a worker does next: some microbatches of a batch.
struct Assignment {
  WorkKind kind = WorkKind::finish;
  std::int64_t phase = 0;    ///< Grows with each batch that is handed out; a report names it.
  std::int64_t version = 0;  ///< Of the parameters to use, or a later one.
  std::int64_t step = 0;     ///< That the gradient belongs to.
  std::int64_t epoch = 0;
  std::uint64_t position = 0;  ///< Of the batch in the order of the epoch, or in the test samples.
  std::uint64_t batch = 0;     ///< Its samples, over all workers.
  std::uint32_t microbatches = 1;
  MicroRange range;
  double learning_rate = 0;
  bool is_done = false;          ///< Of finish: all epochs are.
  std::vector<RingMember> ring;  ///< All members, in the order of their shares.
};

/// What a worker has done with one microbatch.
struct MicroReport {
  double loss_sum = 0;
  std::int64_t correct = 0;
  double squared_norm = 0;  ///< Of the gradient of its loss sum.
};

/// What a worker has done since it last asked.
struct Report {
  std::string worker;
  bool is_leaving = false;
  std::int64_t phase = 0;  ///< 0: nothing yet.
  MicroRange range;
  std::vector<MicroReport> microbatches;
  double seconds = 0;             ///< Of computing.
  double exchanging = 0;          ///< Seconds of sending gradients and waiting for those of others.
  std::int64_t norm_version = 0;  ///< Parameters whose last gradient had `squared_norm`; 0: none.
  double squared_norm = 0;
};

}  // namespace bourse::training
