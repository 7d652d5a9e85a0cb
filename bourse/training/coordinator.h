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
  std::int64_t samples = 0;  ///< What was trained on is worth so many, at the base batch.
  std::int64_t total_samples = 0;
  std::int64_t trained = 0;  ///< Samples that were trained on.
  std::int64_t batch = 0;    ///< In force.
  double loss = -1;
  double accuracy = -1;
  double noise_scale = -1;
  double samples_per_second = 0;   ///< That are trained on.
  double compute_per_sample = 0;   ///< Seconds of one worker, for one of `samples`; 0: unknown.
  double exchange_per_sample = 0;  ///< Seconds of each worker, for one of `samples` of them all.
  std::size_t workers = 0;
  bool is_checkpointed = false;  ///< These samples survive a restart.
};

/// The node that hands out the work. It knows where the training is in its data, who is there, and
/// what each does; workers come and go as they like. A batch that is handed out is done when all of
/// its microbatches are, whoever did them: those of a worker that leaves or dies go to others. So
/// every sample counts once per epoch, whatever happens to workers. What a worker does not finish
/// in twenty times the usual time of a batch, and a second at least, is done by another one too.
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
  /// The global batch of the steps that are not begun yet, >= 1.
  void set_batch(std::int64_t batch);
  /// Waits until the training is over; false if it takes longer.
  bool wait_until_over(double seconds);
  /// Waits until all workers have left; false if it takes longer.
  bool wait_until_alone(double seconds);
  /// Waits until the last checkpoint is written.
  void finish_checkpoints();
  /// This process cannot go on: wait_until_over() returns.
  void give_up();
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
  /// What the worker has and has not reported goes to others. False if it must stay: in a ring, as
  /// long as nobody else has the parameters.
  [[nodiscard]] bool leave(const std::string& worker);

  // What members of a ring call besides (coordinator_ring.cpp).

  /// A slot that nobody has.
  [[nodiscard]] std::uint32_t reserve_slot();
  /// False once others have begun anew without this phase. Asked by members that have waited for
  /// others for a while; who neither asks nor reports for long is left out.
  [[nodiscard]] bool is_current(const std::string& worker, std::int64_t phase);
  /// A part of the checkpoint of this step is on the disk.
  void saved(std::int64_t step, std::uint32_t part, const SliceFile& file);

 private:
  struct Member {
    std::deque<MicroRange> waiting;  ///< For it to ask.
    std::optional<MicroRange> work;  ///< What it does now.
    double speed = 0;                ///< Microbatches per second; 0: unknown.
    std::int64_t phase = 0;          ///< Of `work`.
    bool is_doubled = false;         ///< Another one does `work` too.
    std::int64_t clock = 0;          ///< Of SyncMode::stale: pushes it has made, or as good as.
    std::uint32_t slot = 0;          ///< In a ring.
    std::string address;             ///< The same.
    std::int64_t version = -1;       ///< In a ring: of the parameters it has; -1: none.
    bool has_next = false;           ///< In a ring: it can make the version after that, too.
    std::int64_t stalled_phase = 0;  ///< In a ring: the last in which it asked is_current().
  };
  /// A batch that is handed out.
  struct Phase {
    Assignment work;
    std::vector<bool> done;
    std::vector<MicroReport> reports;
    std::size_t left = 0;
    double opened = 0;             ///< Monotonic seconds.
    std::size_t members_left = 0;  ///< Of a ring, that have not reported.
    bool is_taken = false;         ///< Some worker has got a part of it.
    double worth = 0;              ///< In samples at the base batch.
    double computing = 0;          ///< Seconds of all workers.
    double exchanging = 0;         ///< The same.
  };

  /// A checkpoint that the members of a ring write.
  struct Saving {
    Manifest manifest;
    std::vector<SliceFile> files;  ///< By part.
    std::size_t left = 0;          ///< Files that are not there yet.
  };

  void open_phase();
  void open_train_phase();
  void hand_out();
  [[nodiscard]] static std::vector<MicroRange> shares_of(std::uint32_t microbatches,
                                                         std::vector<double> speeds);
  [[nodiscard]] double base_batch() const;
  [[nodiscard]] double worth_of(double batch) const;
  [[nodiscard]] double rate_of(double batch) const;
  [[nodiscard]] bool has_trained_all() const;
  void take(const Report& report);
  void close_phase(std::unique_lock<std::mutex>& lock);
  void close_train_phase();
  void remove(const std::string& worker);
  [[nodiscard]] std::optional<MicroRange> overdue_work(const std::string& idle);
  [[nodiscard]] bool must_finish_step(const std::string& worker) const;
  [[nodiscard]] std::optional<Assignment> work_for(const std::string& worker);
  void observe_norm(const Report& report);
  void settle_norms();
  [[nodiscard]] bool is_checkpoint_due() const;
  void begin_checkpoint(std::unique_lock<std::mutex>& lock);
  void finish_checkpoint(const Manifest& begun);
  void conclude_checkpoint(const Manifest& manifest);
  [[nodiscard]] Manifest new_manifest() const;
  [[nodiscard]] bool wants_checkpoint() const;
  [[nodiscard]] bool is_ring() const { return options_.training.mode == SyncMode::ring; }
  [[nodiscard]] bool is_phase_complete() const;
  [[nodiscard]] bool is_phase_untouched() const;
  [[nodiscard]] bool is_readable(const Manifest& manifest) const;
  [[nodiscard]] std::optional<Manifest> manifest_of(std::int64_t step) const;
  [[nodiscard]] bool has_state(const Member& member) const;
  [[nodiscard]] bool is_state_lost() const;
  [[nodiscard]] bool must_stay(const std::string& worker) const;
  void fall_back();
  void join_ring(Member& member);
  void hand_out_to_ring();
  void open_save_phase();
  void begin_again();
  void try_to_stop(std::unique_lock<std::mutex>& lock);
  void end();
  [[nodiscard]] bool is_too_far_ahead(const Member& member) const;
  void tell_progress(bool is_checkpointed);
  [[nodiscard]] std::string training_name() const;
  bool restore(const Manifest& manifest);
  void go_on_from(const Manifest& manifest);
  void save_curve() const;

  const Options options_;
  mutable std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable_any changed_;
  std::map<std::string, Member> members_;
  std::deque<MicroRange> unassigned_;
  Phase phase_;
  Cursor cursor_;
  std::int64_t batch_;               ///< Of the next step.
  std::uint64_t train_samples_ = 0;  ///< 0 until the first worker has joined.
  std::uint64_t test_samples_ = 0;
  std::uint64_t parameters_ = 0;
  bool is_ready_ = false;       ///< start() has returned.
  bool has_values_ = false;     ///< The servers have parameters.
  bool is_open_ = false;        ///< A batch is handed out.
  bool is_saving_ = false;      ///< The servers copy what goes into a checkpoint.
  bool must_evaluate_ = false;  ///< An epoch has just ended.
  bool must_save_ = false;      ///< In a ring: the next phase writes a checkpoint.
  bool is_stopping_ = false;
  bool is_over_ = false;
  bool is_done_ = false;
  NoiseScale noise_;
  std::map<std::int64_t, NormPair> norms_;  ///< By version, until they are in noise_.
  std::vector<CurvePoint> curve_;
  std::optional<Saving> saving_;  ///< In a ring, until it is written.
  int concluding_ = 0;            ///< In a ring: checkpoints whose manifest is being written.
  std::uint32_t next_slot_ = 0;   ///< In a ring.
  std::int64_t start_step_ = 0;   ///< Where this run began.
  double usual_seconds_ = 0;      ///< Of a training phase; a moving mean.
  double begun_ = 0;              ///< Monotonic seconds, less those of runs before this one.
  double last_checkpoint_ = 0;    ///< Monotonic seconds.
  std::int64_t last_checkpoint_step_ = 0;
  double last_told_ = 0;
  std::int64_t last_told_samples_ = 0;
  double last_told_progress_ = 0;
  double computed_ = 0;   ///< Seconds of all workers, since told.
  double exchanged_ = 0;  ///< Seconds of a worker, on the mean, since told.
  double speed_ = 0;
  std::jthread checkpointing_;  ///< Waits for the servers' files.
};

}  // namespace bourse::training
