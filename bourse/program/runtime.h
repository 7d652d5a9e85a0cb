#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "bourse/program/channel.h"
#include "bourse/program/directory.h"
#include "bourse/program/edge_counts.h"
#include "bourse/program/node_host.h"
#include "bourse/program/program_graph.h"
#include "bourse/program/reactor.h"
#include "bourse/program/run_options.h"
#include "bourse/program/server.h"

namespace bourse::program {

/// The node of the process that launched the program, and the unit it counts as.
inline constexpr std::uint32_t kControlNode = kNoNode - 1;
inline constexpr std::uint32_t kControlUnit = kNoNode - 1;

/// The node by which tasks of a job join (host_launcher.h), in the same process; and below it the
/// nodes of these tasks.
inline constexpr std::uint32_t kHostDeskNode = kControlNode - 1;
inline constexpr std::uint32_t kLowestHostNode = kHostDeskNode - 1'000'000;

/// Null if the options say nothing of TLS. Throws CallError.
[[nodiscard]] std::shared_ptr<const TlsContext> tls_of(const RunOptions& options);

/// The part of a running program that is in this process: its nodes, and the ways to all others.
class Runtime : public std::enable_shared_from_this<Runtime> {
 public:
  struct Options {
    bool forces_wire = false;  ///< Calls within the process go by socket too.
    Nanoseconds connect_timeout = std::chrono::seconds(30);
    Nanoseconds call_timeout{};  ///< 0: none.
    Agreement agreement;
    std::uint32_t incarnation = 0;
  };

  Runtime(std::shared_ptr<ProgramGraph> graph, Options options,
          std::shared_ptr<Directory> directory);
  ~Runtime();

  [[nodiscard]] ProgramGraph& graph() const { return *graph_; }
  [[nodiscard]] const std::shared_ptr<ProgramGraph>& shared_graph() const { return graph_; }
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const std::shared_ptr<Reactor>& reactor() const { return reactor_; }
  [[nodiscard]] Directory& directory() const { return *directory_; }
  /// Counts what is called from here.
  [[nodiscard]] EdgeTable& edges() { return edges_; }

  /// Makes the place of a node that runs here. Before any call.
  NodeHost& add_host(const NodeSpec& spec);
  /// Null if the node does not run here.
  [[nodiscard]] NodeHost* host(std::uint32_t node) const;
  /// The way to the process of a node.
  [[nodiscard]] std::shared_ptr<Channel> channel_to(std::uint32_t node);
  /// Answers calls from other processes. Errors: as listen_at().
  [[nodiscard]] Result<Address> serve(const Address& address);

  [[nodiscard]] std::stop_token stop_token() const { return stopping_.get_token(); }
  /// What a node does that wants the program to stop; set before any call.
  void on_stop_request(std::function<void()> callback) { on_stop_request_ = std::move(callback); }
  void request_stop() const { on_stop_request_(); }
  /// Tells the nodes of this process.
  void begin_stop() { stopping_.request_stop(); }

  /// Refuses calls, waits for handlers until `until`, and ends all connections and threads. Returns
  /// the names of nodes whose handlers still run; nothing is ended then.
  [[nodiscard]] std::vector<std::string> shut_down(Deadline until);

 private:
  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  const Options options_;
  std::shared_ptr<Directory> directory_;  ///< Owned by us and by channels.
  std::shared_ptr<Reactor> reactor_;      ///< The same.
  EdgeTable edges_;
  std::stop_source stopping_;
  std::function<void()> on_stop_request_;
  std::map<std::uint32_t, std::unique_ptr<NodeHost>> hosts_;
  std::vector<NodeHost*> by_node_;
  std::unique_ptr<Server> server_;

  std::mutex mutex_;  ///< Guards what follows.
  std::map<std::uint32_t, std::shared_ptr<Channel>> channels_;
  bool is_shut_down_ = false;
};

}  // namespace bourse::program
