#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/bourse/disturbance.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"

namespace bourse {

/// The command line of `bourse compare`, as typed.
struct CompareOptions {
  std::vector<std::string> clusters;   ///< None, one for all workloads, or one for each.
  std::vector<std::string> workloads;  ///< Files; "{seed}" in a name stands for the seed.
  LoadOptions source;                  ///< Without cluster and workload.
  std::size_t split_by = 0;            ///< none, group
  std::vector<std::string> policies;
  std::vector<std::string> settings;
  std::uint64_t seeds = 5;
  std::uint64_t seed = 1;
  DisturbanceOptions disturbance;
  std::vector<double> loads;  ///< None: 1.
  std::vector<int> scales;    ///< Beyond 1.
  std::uint64_t jobs = 0;     ///< Processes at once; 0: one a core.
  std::string out;
  std::string cache;  ///< Empty: the default.
  bool fresh = false;
  OutputFormat format = OutputFormat::table;
  bool no_timing = false;
  bool bound = false;
  std::size_t progress = 0;  ///< auto, always, never
};

}  // namespace bourse
