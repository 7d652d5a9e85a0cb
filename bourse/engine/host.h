#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/model/cluster.h"
#include "bourse/world/files.h"

namespace bourse {

/// What this machine has.
struct Host {
  std::string name = "localhost";
  std::vector<int> cpus{0};  ///< Numbers of the processors we may run on.
  std::uint64_t memory = 0;  ///< Bytes; 0: unknown.
  int gpu_count = 0;         ///< NVIDIA devices.
};

/// Asks /proc, and /dev for devices. What cannot be read keeps its default.
[[nodiscard]] Host read_host(Files& files);

/// "0-2,5" -> 0, 1, 2, 5. Parts that are no numbers are left out.
[[nodiscard]] std::vector<int> parse_cpu_list(std::string_view text);

/// A cluster of this one machine: gpu, cpu and memory.
[[nodiscard]] Cluster cluster_of(const Host& host);

}  // namespace bourse
