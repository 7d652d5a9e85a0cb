#pragma once

#include <map>
#include <memory>

#include "bourse/world/event_loop.h"
#include "bourse/world/processes.h"
#include "bourse/world/signal_watch.h"

namespace bourse {

/// Processes of this machine. Ends of our own are heard of by pidfd, so that nobody else's SIGCHLD
/// or waitpid() is in the way, until adopt_orphans() waits for every child there is.
class RealProcesses final : public Processes {
 public:
  explicit RealProcesses(EventLoop& loop);
  ~RealProcesses() override;

  [[nodiscard]] Result<ProcessId> spawn(ProcessOptions options) override;
  void signal(ProcessId process, int signal) override;
  [[nodiscard]] bool is_alive(ProcessId process) const override;
  [[nodiscard]] std::vector<ProcessId> descendants(ProcessId process) const override;
  [[nodiscard]] std::vector<ProcessId> with_variable(std::string_view variable) const override;
  [[nodiscard]] ProcessId self() const override { return self_; }
  void adopt_orphans() override;

 private:
  class Child;

  void reap_all();
  void ended(std::int32_t pid, ExitStatus status);

  EventLoop& loop_;
  ProcessId self_;
  std::map<std::int32_t, std::unique_ptr<Child>> children_;
  std::unique_ptr<SignalWatch> child_signal_;  ///< Once orphans are adopted.
};

}  // namespace bourse
