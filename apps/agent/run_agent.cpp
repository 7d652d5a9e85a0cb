#include "apps/agent/run_agent.h"

#include <fmt/core.h>

#include <csignal>
#include <cstdlib>

#include "apps/agent/warden.h"
#include "bourse/engine/agent.h"
#include "bourse/engine/device_book.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

/// slurmstepd signals the processes of a job one after the other; on a busy node that takes a
/// while.
constexpr Seconds kSecondThought{0.2};

/// Standard error is a file beside the launch file.
void log_line(World& world, std::string_view sentence) {
  fmt::print(stderr, "{:.3f} {}\n", world.clock.unix_time().value, sentence);
}

Result<LaunchFile> read_launch(Files& files, const std::string& directory) {
  const std::string path = launch_path(directory);
  BOURSE_TRY(const std::string text, files.read(path));
  BOURSE_TRY(LaunchFile launch, parse_launch_file(text, path));
  if (const Amount share = launch.confinement.gpus_per_worker; share > 0)
    for (const char* const name :
         {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK"}) {
      const char* const visible = std::getenv(name);
      hand_out_devices(launch.cell, share, name, visible == nullptr ? "" : visible);
    }
  return launch;
}

}  // namespace

Result<int> run_agent(const std::string& cell_directory) {
  BOURSE_TRY(const Warded side, watch_over());
  if (side.is_warden) return side.status;

  RealWorld real;
  World& world = real.world();
  BOURSE_TRY(LaunchFile launch, read_launch(world.files, cell_directory));
  Agent agent(world, {.launch = std::move(launch),
                      .warden = side.warden,
                      .second_thought =
                          std::getenv("SLURM_JOB_ID") == nullptr ? Seconds(0) : kSecondThought,
                      .on_done = [&real] { real.stop(); },
                      .log = [&world](std::string_view sentence) { log_line(world, sentence); }});
  for (const int signal : {SIGTERM, SIGINT, SIGHUP})
    real.on_signal(signal, [&agent] { agent.terminate(); });
  agent.start();
  real.run();
  return 0;
}

}  // namespace bourse
