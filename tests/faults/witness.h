#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bourse/engine/cell.h"
#include "bourse/service/service.h"

namespace bourse::faults {

/// What a submitted job may come to.
struct Promised {
  bool may_fail = false;       ///< Its tasks fail by themselves.
  bool may_decline = false;    ///< Its completion may be worth nothing in the end.
  bool was_cancelled = false;  ///< Somebody asked for it.
};

/// A task that runs.
struct RunningTask {
  std::string task;  ///< "worker-0".
  CellId cell;
};

/// Sees what tasks do and what the daemon says of them, and notes the first thing that must not be.
class Witness {
 public:
  struct Options {
    std::function<Seconds()> now;
    bool is_told = false;  ///< Prints what happens.
    int capacity = 2;      ///< Tasks that a machine holds.
    Seconds lease{4};
    Seconds longest_grace{2};
  };
  explicit Witness(Options options) : options_(std::move(options)) {}

  /// A line of the trace.
  void say(const std::string& sentence) const;
  void violate(const std::string& sentence);
  [[nodiscard]] const std::optional<std::string>& violation() const { return violation_; }

  // From tasks.
  void began(const RunningTask& task);
  void ended(const RunningTask& task);
  /// A process that a task left to itself; `by` +1 or -1.
  void child(JobNumber job, int by) { children_[job] += by; }
  /// All work of the job is done and saved.
  void completed(JobNumber job);

  // From who submits.
  /// A submission is under way. It may come to a job even if who asked is not told so.
  void tries(Promised promised) { tried_ = promised; }
  void accepted(JobNumber job, Promised promised);
  void cancelled(JobNumber job) { jobs_[job].promised.was_cancelled = true; }
  void daemon_is(bool alive);
  [[nodiscard]] bool have_all_ended() const;
  [[nodiscard]] std::size_t accepted_count() const { return jobs_.size(); }
  [[nodiscard]] std::vector<JobNumber> living() const;

  /// When a daemon has started.
  void look_at_all(Service& service);
  /// After every commit: at the jobs that changed, as the journal has them.
  void look(Service& service, const std::function<std::optional<JobView>(JobNumber)>& journaled);
  /// After every event.
  void tick();
  /// The whole history of every job is legal, and broken promises have reasons.
  void look_back(Service& service);

 private:
  struct Seen {
    Promised promised;
    JobPhase phase = JobPhase::waiting;
    std::uint32_t epoch = 0;
    bool is_complete = false;
  };
  struct Deadline {
    Seconds at{0};
    JobNumber job = 0;
  };
  [[nodiscard]] Seconds patience() const;
  [[nodiscard]] int processes_of(JobNumber job) const;
  void look_at(const JobView& job);
  void look_back_at(const JobDetail& job);

  Options options_;
  std::optional<std::string> violation_;
  Promised tried_;
  std::map<JobNumber, Seen> jobs_;
  std::map<JobNumber, std::vector<RunningTask>> running_;
  std::map<JobNumber, int> children_;
  std::map<MachineId, int> on_machine_;
  std::deque<Deadline> deadlines_;     ///< By which nothing of a job that ended may be left.
  std::optional<Seconds> dead_since_;  ///< No daemon is alive.
  std::uint64_t told_ = 0;             ///< Last change that was looked at.
};

}  // namespace bourse::faults
