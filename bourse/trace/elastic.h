#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/trace/byte_source.h"

namespace bourse {

/// Measured speeds of one model at one batch size on one kind of GPU.
struct ModelProfile {
  std::string name;  ///< "resnet-50 b32 (pengyanghua/DL2)"
  /// In samples or steps a second, of one unit within a profile; only ratios are used. Points that
  /// another point beats with no more tasks are left out. Ordered by workers, servers, locality.
  std::vector<TableThroughput::Point> points;
};

/// Reads a table of measured facts with the columns source_repo, model, gpu, global_batch,
/// local_batch, workers, ps, placement, metric, value. Rows of the metrics speed_sum_over_workers
/// and throughput are speeds; other rows are passed over. A throughput at a batch size per worker
/// (local_batch) is multiplied by the workers, since each step then trains that much more.
/// placement "consolidated" is measured on one machine; anything else holds across the cluster.
/// Profiles with a single number of workers are left out: they tell nothing about sizes.
/// Errors: invalid_argument, "file:line: field ...", also if no profile is left; those of the
/// source.
[[nodiscard]] Result<std::vector<ModelProfile>> read_profiles(ByteSource& source);

/// What became of the jobs.
struct ElasticCounts {
  struct Model {
    std::string name;
    std::uint64_t jobs = 0;
  };
  std::vector<Model> models;     ///< Those drawn at least once, in the order of the profiles.
  std::uint64_t left_rigid = 0;  ///< No profile has measured their size.
  std::uint64_t not_rigid = 0;   ///< They had another throughput shape, which is unchanged.
};

/// Gives each rigid job the measured speeds of a model, drawn by (seed, Purpose::throughput,
/// position of the job) among the profiles that cover its number of workers. Speeds are scaled so
/// that with its requested workers on one machine its duration stays the trace's; its work stays in
/// seconds of that allocation. Servers demand nothing: no trace records them.
[[nodiscard]] ElasticCounts make_elastic(Workload& workload,
                                         const std::vector<ModelProfile>& profiles,
                                         std::uint64_t seed);

}  // namespace bourse
