#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bourse/program/handle.h"
#include "bourse/training/checkpoint.h"
#include "bourse/training/messages.h"
#include "bourse/training/noise_scale.h"
#include "bourse/training/parameter_server.h"
#include "bourse/training/train_options.h"
#include "bourse/training/training_curve.h"

namespace bourse::training {

/// How a training stands, for people and for the scheduler.
struct TrainProgress {
  std::int64_t samples = 0;
  std::int64_t total_samples = 0;
  double loss = -1;
  double accuracy = -1;
  double noise_scale = -1;
  double samples_per_second = 0;
  std::size_t workers = 0;
  bool is_checkpointed = false;  ///< These samples survive a restart.
};

/// The node that hands out the work. It knows where the training is in its data, who is there, and
/// what each does; workers come and go as they like. A batch that is handed out is done when all of
/// its microbatches are, whoever did them: those of a worker that leaves or dies go to others. So
/// every sample counts once per epoch, whatever happens to workers.
///
/// Between two batches nothing is under way: then parameters are saved and speeds are looked at.
/// Methods may be called from several threads.
class Coordinator {
 public:
  struct Options {
    TrainOptions training;
    std::vector<program::Handle<ParameterServer>> servers;
    /// Called one at a time, at most a few times a second, from any thread.
    std::function<void(const TrainProgress&)> on_progress;
    std::function<void(const std::string&)> on_note;  ///< One sentence for the log.
  };
  explicit Coordinator(Options options);
  ~Coordinator();
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;

  /// Brings the servers to the newest checkpoint that is whole, if there is one. Workers wait until
  /// then. Throws std::runtime_error.
  void start();
  /// Ends the training between two batches, with a checkpoint.
  void stop();
  /// Waits until the training is over and all workers have been told; false if it takes longer.
  bool wait_until_over(double seconds);
  /// Waits until the last checkpoint is written.
  void finish_checkpoints();
  /// True if all epochs are done.
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] std::vector<CurvePoint> curve() const;

  // What workers call.

  [[nodiscard]] Welcome join(const Joining& joining);
  /// The worker has brought the values to start from.
  void values_loaded();
  /// Stays under way as long as the worker lives: its end is how we learn of its death.
  void attend(const std::string& worker);
  /// Takes what was done and waits for what to do next.
  [[nodiscard]] Assignment next(const Report& report);
  /// What the worker has and has not reported goes to others.
  void leave(const std::string& worker);

 private:
  struct Member {
    std::deque<MicroRange> waiting;  ///< For it to ask.
    std::optional<MicroRange> work;  ///< What it does now.
    double speed = 0;                ///< Microbatches per second; 0: unknown.
    std::int64_t clock = 0;          ///< Of SyncMode::stale: pushes it has made, or as good as.
  };
  /// A batch that is handed out.
  struct Phase {
    Assignment work;
    std::vector<bool> done;
    std::vector<MicroReport> reports;
    std::size_t left = 0;
  };

  /// Gradients of the microbatches of a step.
  struct SmallNorm {
    double small = 0;  ///< Samples of a microbatch.
    double norm = 0;   ///< Mean squared norm of their mean gradients.
    double big = 0;    ///< Samples of the batch.
  };

  void open_phase();
  void open_train_phase();
  void hand_out();
  [[nodiscard]] double rate_at(double samples, double batch) const;
  void take(const Report& report);
  void close_phase(std::unique_lock<std::mutex>& lock);
  void close_train_phase();
  void remove(const std::string& worker);
  [[nodiscard]] std::optional<Assignment> work_for(const std::string& worker);
  void observe_norm(const Report& report);
  [[nodiscard]] bool is_checkpoint_due() const;
  void begin_checkpoint(std::unique_lock<std::mutex>& lock);
  void finish_checkpoint(const Manifest& manifest);
  void try_to_stop(std::unique_lock<std::mutex>& lock);
  void end();
  [[nodiscard]] bool is_too_far_ahead(const Member& member) const;
  void tell_progress(bool is_checkpointed);
  [[nodiscard]] std::string training_name() const;
  bool restore(std::int64_t step);
  void save_curve() const;

  const Options options_;
  mutable std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable_any changed_;
  std::map<std::string, Member> members_;
  std::deque<MicroRange> unassigned_;
  Phase phase_;
  Cursor cursor_;
  std::uint64_t train_samples_ = 0;  ///< 0 until the first worker has joined.
  std::uint64_t test_samples_ = 0;
  std::uint64_t parameters_ = 0;
  bool is_ready_ = false;       ///< start() has returned.
  bool has_values_ = false;     ///< The servers have parameters.
  bool is_open_ = false;        ///< A batch is handed out.
  bool is_saving_ = false;      ///< The servers copy what goes into a checkpoint.
  bool must_evaluate_ = false;  ///< An epoch has just ended.
  bool is_stopping_ = false;
  bool is_over_ = false;
  bool is_done_ = false;
  std::string problem_;  ///< Why it cannot go on; empty: it can.
  NoiseScale noise_;
  std::map<std::int64_t, SmallNorm> small_norms_;  ///< By version, until the large one is known.
  std::vector<CurvePoint> curve_;
  double last_checkpoint_ = 0;  ///< Monotonic seconds.
  std::int64_t last_checkpoint_step_ = 0;
  double last_told_ = 0;
  std::int64_t last_told_samples_ = 0;
  double speed_ = 0;
  std::jthread checkpointing_;  ///< Waits for the servers' files.
};

}  // namespace bourse::training
