#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/bourse/worker_forks.h"
#include "bourse/base/error.h"
#include "bourse/world/real_world.h"

namespace bourse {

/// Runs the workers and servers of one training on this machine, with what `bourse serve` would
/// tell them. A worker that dies is replaced while the others go on; when a server dies, or the
/// first worker of a training without servers, all begin anew from the last checkpoint.
class TrainRun {
 public:
  struct Options {
    std::vector<std::string> command;  ///< Program and arguments of every process.
    std::size_t workers = 1;
    std::size_t servers = 1;  ///< 0: the first worker leads, as in a ring.
    std::string folder;       ///< For checkpoints and results.
    std::size_t retries = 0;  ///< Processes that may die.
    /// Workers are forked from one process that has loaded what they need.
    bool forks_workers = false;
    std::function<void(std::string_view line)> on_progress;  ///< A line of JSON.
    std::function<void(std::string_view line)> on_note;      ///< What a process says.
  };
  explicit TrainRun(Options options);
  ~TrainRun();
  TrainRun(const TrainRun&) = delete;
  TrainRun& operator=(const TrainRun&) = delete;

  /// Until the training is over. SIGINT and SIGTERM end it with a checkpoint; SIGUSR1 adds a
  /// worker, SIGUSR2 takes one away. Errors: whatever keeps it from its end, in one sentence.
  [[nodiscard]] Result<void> run();
  /// True if a signal has ended it early.
  [[nodiscard]] bool was_stopped() const { return is_stopping_; }

 private:
  struct Member {
    std::optional<ProcessId> process;  ///< None: forked.
    bool is_server = false;
    std::size_t rank = 0;
    bool is_leader = false;
    bool is_told = false;  ///< To end.
  };

  void start_all();
  [[nodiscard]] bool leads(bool is_server, std::size_t rank) const;
  void start(bool is_server, std::size_t rank);
  [[nodiscard]] Result<std::optional<ProcessId>> start_process(bool is_server, std::size_t rank,
                                                               const std::string& task);
  void prepare_forks();
  [[nodiscard]] std::vector<std::string> common_environment() const;
  [[nodiscard]] std::vector<std::string> variables(bool is_server, std::size_t rank,
                                                   const std::string& task) const;
  [[nodiscard]] std::string progress_pipe(bool is_server) const;
  [[nodiscard]] bool is_forked(bool is_server) const { return forks_ != nullptr && !is_server; }
  void take_output(const std::string& from, OutputStream stream, std::string_view text);
  void ended(const std::string& task, ExitStatus status);
  void failed(const Member& member, const std::string& task, ExitStatus status);
  void end(Error error);
  void finish();
  void signal_one(const std::string& task, const Member& member, int signal);
  void signal_all(int signal);
  void stop();
  void remove_worker();
  void pass_on(std::string& rest, std::string_view text,
               const std::function<void(std::string_view)>& line) const;

  const Options options_;
  RealWorld real_;
  World& world_;
  std::unique_ptr<WorkerForks> forks_;  ///< Null: each worker is a program of its own.
  std::string sockets_;                 ///< Folder of unix sockets.
  std::string token_;
  int epoch_ = 0;
  std::size_t next_worker_ = 0;
  std::size_t failures_ = 0;
  std::map<std::string, Member> members_;  ///< By task.
  bool is_restarting_ = false;
  bool is_stopping_ = false;
  bool is_done_ = false;
  Result<void> result_;
  std::map<std::string, std::string> rests_;  ///< Lines that are not whole yet, by where they come.
};

}  // namespace bourse
