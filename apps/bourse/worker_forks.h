#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/world/world.h"

namespace bourse {

/// Workers of a training as forks of one process, the fork server (apps/train/fork_server.h): what
/// all of them need is loaded and kept once. It is started with the first worker, and again should
/// it die, which ends its workers.
class WorkerForks {
 public:
  struct Options {
    std::vector<std::string> command;      ///< The fork server's, and so that of every worker.
    std::vector<std::string> environment;  ///< What all have in common: "NAME=value", all of it.
    std::string socket;                    ///< Path of unix sockets; a number is added.
    std::string fifo;                      ///< A named pipe for workers; empty: none.
    std::function<void(OutputStream, std::string_view)> on_output;  ///< Of all workers together.
    std::function<void(const std::string& task, ExitStatus)> on_end;
  };
  WorkerForks(World& world, Options options);
  ~WorkerForks();
  WorkerForks(const WorkerForks&) = delete;
  WorkerForks& operator=(const WorkerForks&) = delete;

  /// Starts a worker; its end is told, whatever becomes of it. `variables` are added to the
  /// environment. Requires that no worker of this name lives. Errors: as Processes::spawn() and
  /// Network::listen(), if there is no fork server yet.
  [[nodiscard]] Result<void> start(const std::string& task,
                                   const std::vector<std::string>& variables);
  /// Now, or as soon as it is there.
  void signal(const std::string& task, int signal);
  /// Ends the fork server; then all that its workers wrote has been passed on. Requires that none
  /// lives.
  void finish(std::function<void()> on_done);

 private:
  struct Worker {
    std::optional<ProcessId> process;  ///< None: it is not there yet.
    int signal = 0;                    ///< To send when it is.
  };

  [[nodiscard]] Result<void> start_server();
  void on_accept(std::unique_ptr<Connection> connection);
  void on_data(std::string_view bytes);
  void hear(std::string_view line);
  void on_server_end(ExitStatus status);

  World& world_;
  const Options options_;
  int servers_ = 0;                  ///< That were started.
  std::optional<ProcessId> server_;  ///< The one that lives.
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Connection> connection_;
  std::string orders_;  ///< For when it has connected.
  std::string rest_;    ///< Of a line that is not whole yet.
  std::map<std::string, Worker> workers_;
  std::function<void()> on_done_;
};

}  // namespace bourse
