#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "bourse/program/task_host.h"
#include "bourse/program/unit_launcher.h"

namespace bourse::program {

/// Starts the processes of a program where the tasks of its job are: workers and parameter servers
/// at the tasks that join, all others here. A task that leaves takes its place with it.
class HostLauncher final : public UnitLauncher {
 public:
  /// `local` starts what runs here.
  HostLauncher(World& world, std::shared_ptr<ProgramGraph> graph, Events events,
               std::unique_ptr<UnitLauncher> local);
  ~HostLauncher() override;

  /// A task offers itself; is told to end; has given a sign of life.
  void join(std::uint32_t host, const HostPlace& place);
  void leave(std::uint32_t host);
  void beat(std::uint32_t host);
  /// What its process does.
  void output(std::uint32_t unit, bool is_error, std::string_view text);
  void ended(std::uint32_t unit, ExitStatus status);

  [[nodiscard]] bool has_place(std::uint32_t unit) const override;
  [[nodiscard]] Result<void> start(const UnitStart& start) override;
  void ask(std::uint32_t unit) override;
  void kill(std::uint32_t unit) override;
  void clean_up(std::function<void()> on_done) override;

 private:
  struct Host {
    HostPlace place;
    Handle<TaskHost> task;
    std::uint32_t unit = kNoNode;
    bool is_leaving = false;
    Seconds last_beat{};
  };

  [[nodiscard]] bool is_hosted(std::uint32_t unit) const;
  [[nodiscard]] std::uint32_t unit_for(const HostPlace& place) const;
  [[nodiscard]] Host* host_of(std::uint32_t unit);
  void signal(std::uint32_t unit, int signal);
  void release(std::uint32_t host);
  void look_for_silence();

  World& world_;
  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  Events events_;
  std::unique_ptr<UnitLauncher> local_;
  HostedUnits units_;
  std::map<std::uint32_t, Host> hosts_;
  std::map<std::uint32_t, std::uint32_t> host_of_;  ///< By unit.
  std::set<std::uint32_t> running_;                 ///< Units at hosts.
  TimerId silence_timer_ = 0;
};

}  // namespace bourse::program
