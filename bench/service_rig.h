#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "bourse/engine/engine.h"
#include "bourse/service/service.h"
#include "bourse/world/real_world.h"
#include "bourse/world/timer_queue.h"

namespace bourse {

/// Goes on by itself, and may leap ahead. Calls come when it is told to look at them.
class LeapClock final : public Clock {
 public:
  explicit LeapClock(Clock& clock) : clock_(clock) {}

  [[nodiscard]] Seconds now() const override { return clock_.now() + ahead_; }
  [[nodiscard]] Seconds unix_time() const override { return clock_.unix_time() + ahead_; }
  TimerId call_at(Seconds when, std::function<void()> callback) override {
    return timers_.add(when, std::move(callback));
  }
  void cancel(TimerId timer) override { timers_.cancel(timer); }

  /// Leaps, then calls what is due, and what that makes due at once.
  void leap(Seconds by);

 private:
  Clock& clock_;
  Seconds ahead_{0};
  TimerQueue timers_;
};

/// Does at once, and on paper only, what a service asks for: what is measured is the service.
class PaperEngine final : public Engine {
 public:
  PaperEngine(Clock& clock, Cluster cluster) : clock_(clock), cluster_(std::move(cluster)) {}

  [[nodiscard]] const Cluster& cluster() const override { return cluster_; }
  void listen(EngineListener& listener) override { listener_ = &listener; }
  void start(const CellSpec& cell) override;
  void adopt(const CellSpec& cell) override { cells_[cell.id] = 1; }
  void adopted_all() override {}
  void stop(CellId cell, bool is_urgent) override;
  void acknowledge(CellId /*cell*/, std::uint64_t /*number*/) override {}
  [[nodiscard]] std::string host_of(MachineId /*machine*/) const override { return "127.0.0.1"; }
  [[nodiscard]] std::vector<CellStatus> cells() const override { return {}; }
  [[nodiscard]] std::string confinement() const override { return "none"; }

  /// The tasks of the n-th cell, counted around, of those that run have all returned 0; or they
  /// report progress. Requires that a cell runs.
  void complete(std::size_t n) { tell_ended(nth(n), CellEnd::completed); }
  void report(std::size_t n);

 private:
  [[nodiscard]] CellId nth(std::size_t n) const;
  void tell_ended(CellId cell, CellEnd end);

  Clock& clock_;
  Cluster cluster_;
  EngineListener* listener_ = nullptr;
  std::map<CellId, std::uint64_t> cells_;  ///< And the number of their last event.
};

/// A directory for the state of a daemon, in $TMPDIR or /tmp; removed in the end. If kVariable
/// names that of another process it lies in there and goes with it: ext4 takes its time to make a
/// file for minutes after many were removed, so no case may remove what others would have to pay
/// for.
class ScratchDirectory {
 public:
  static constexpr const char* kVariable = "BOURSE_BENCH_SCRATCH";
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool is_within_another_ = false;
};

/// A service with pd-ors as `bourse serve` has it, on machines that are paper.
class PaperService {
 public:
  /// Errors: as Service::open.
  [[nodiscard]] static Result<std::unique_ptr<PaperService>> open(const std::string& directory,
                                                                  const std::string& cluster);

  RealWorld real;
  LeapClock clock{real.world().clock};
  std::unique_ptr<PaperEngine> engine;
  std::unique_ptr<Service> service;
};

/// The n-th of many jobs that differ: 1 to 8 GPUs, 1 to 20 hours, deadlines and values.
[[nodiscard]] std::string job_text(std::size_t n);

}  // namespace bourse
