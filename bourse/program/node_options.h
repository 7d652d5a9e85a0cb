#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bourse::program {

/// What a node needs of its machine. Told to the scheduler; a launcher of this machine does not
/// hold a node to it.
struct NodeResources {
  double cpus = 1;
  int gpus = 0;
  std::int64_t memory_mib = 0;  ///< 0: unknown.
  std::vector<std::pair<std::string, double>> custom;
};

/// Which nodes are started again together when one fails.
enum class RestartScope : std::uint8_t { node, group, program };

/// Whether a node that failed is started again; only one that had become ready is. Needs processes:
/// a node that is a thread ends the program.
struct Restart {
  int max = 0;  ///< Times in the life of the program, all nodes of the scope together.
  std::chrono::milliseconds backoff{100};  ///< Before the first; twice as long before each next.
  RestartScope scope = RestartScope::node;
  /// After so long without a failure the count and the back-off begin anew.
  std::chrono::milliseconds healthy_after{60'000};
};

/// How calls of a batched method are put together.
struct BatchOptions {
  std::size_t max = 32;                  ///< Calls in a batch, at most.
  std::chrono::milliseconds timeout{5};  ///< The oldest call waits no longer for others.
  bool pads = false;  ///< Fill each batch up to `max` with copies of its first call.
};

/// What the scheduler should know a node as.
enum class NodeRole : std::uint8_t { other, worker, parameter_server };

/// How a node, or each node of a group, is run.
struct NodeOptions {
  NodeResources resources;
  Restart restart;
  BatchOptions batch;
  /// Handlers that run at a time. 1: no handler needs a lock.
  std::uint32_t concurrency = 1;
  /// Calls that may wait for their turn; more are refused.
  std::size_t queue_limit = 100'000;
  bool is_daemon = false;  ///< The program does not wait for the end of its run().
  bool calls_run = true;   ///< False: run() is not called; tests call the methods instead.
  NodeRole role = NodeRole::other;
  /// Fewest and most nodes of its group; 0: as many as were added. If they differ, the group is
  /// elastic: Running::scale(), or the scheduler that the program is a job of, has nodes leave and
  /// join while it runs. Nodes beyond those that were added are copies of the last one.
  int min_replicas = 0;
  int max_replicas = 0;
};

}  // namespace bourse::program
