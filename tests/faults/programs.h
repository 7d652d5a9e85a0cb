#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bourse/engine/local_engine.h"
#include "bourse/policy/registry.h"
#include "bourse/service/service.h"
#include "bourse/world/simulated_process.h"
#include "bourse/world/simulated_world.h"
#include "tests/faults/witness.h"

namespace bourse::faults {

/// How a daemon is started.
struct DaemonOptions {
  std::string machines = "3x2";
  std::string policy = "drf";
  Settings settings;
  Seconds lease{4};
  Seconds decide_within{0.005};  ///< 0: every submission is answered before it is decided.
  std::string directory = "/state";
};

/// The heart of `bourse serve`: the engine, with a witness between it and the service, and the
/// service. `is_up` is false if it could not start; the process ends then.
class DaemonProgram {
 public:
  DaemonProgram(SimulatedProcess& process, const DaemonOptions& options, Witness& witness);
  ~DaemonProgram();
  DaemonProgram(const DaemonProgram&) = delete;
  DaemonProgram& operator=(const DaemonProgram&) = delete;

  [[nodiscard]] bool is_up() const { return service_ != nullptr; }
  [[nodiscard]] bool is_alive() const { return *life_; }
  [[nodiscard]] Service& service() { return *service_; }

 private:
  class WatchedEngine;
  [[nodiscard]] Result<void> start(SimulatedProcess& process, const DaemonOptions& options,
                                   Witness& witness);

  Life life_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<LocalEngine> local_;
  std::unique_ptr<WatchedEngine> engine_;
  std::unique_ptr<Service> service_;
};

/// Adds "agent" (with its warden, as the real one has), and "train":
///
///   train SAMPLES KIND STEP
///
/// trains SAMPLES at one sample a second and worker, saves, reports every STEP seconds, and returns
/// 0 when it has done all. KIND: "good"; "slow" (at 60 %); "frail" (fails now and then); "stubborn"
/// (ignores SIGTERM); "parent" (leaves children to themselves); "flood" (writes much); "mute"
/// (reports nothing).
void add_programs(SimulatedWorld& world, Witness& witness);

}  // namespace bourse::faults
