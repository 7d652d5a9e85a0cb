#pragma once

#include <httplib.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/service_rig.h"

namespace bourse {

/// Milliseconds of wall time: a daemon waits for the disk and for other processes.
[[nodiscard]] double ms_since(std::chrono::steady_clock::time_point start);
/// The smallest value that this share of all is not above. Requires that there is one.
[[nodiscard]] double quantile(std::vector<double> values, double share);
[[nodiscard]] Sample ms(const std::string& metric, double value);

/// A client of the unix socket in a state directory.
[[nodiscard]] httplib::Client client_of(const std::string& state);

/// A real `bourse serve` in a directory of its own, for as long as this object.
class RealDaemon {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RealDaemon>> start(const std::string& program,
                                                                 const std::string& machines);
  ~RealDaemon();
  RealDaemon(const RealDaemon&) = delete;
  RealDaemon& operator=(const RealDaemon&) = delete;

  [[nodiscard]] const std::string& state() const { return directory_.path(); }
  /// SIGKILL, and starts it again. Errors: it does not answer.
  [[nodiscard]] Result<void> kill_and_restart();
  /// What it holds in memory now, bytes; 0 if the system does not tell.
  [[nodiscard]] std::uint64_t memory() const;

 private:
  RealDaemon(std::string program, std::string machines)
      : program_(std::move(program)), machines_(std::move(machines)) {}
  [[nodiscard]] Result<void> run();

  std::string program_;
  std::string machines_;
  ScratchDirectory directory_;
  pid_t pid_ = 0;
};

/// Many clients at once.
void add_service_load_cases(std::vector<Case>& cases);

}  // namespace bourse
