#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/model/adaptive_throughput.h"

namespace bourse {

/// How far apart the tasks of a job are, from near to far.
enum class Locality { machine, rack, cluster };

/// Tasks of a job by role.
struct TaskCounts {
  int workers = 0;
  int servers = 0;
  friend bool operator==(TaskCounts, TaskCounts) = default;
};

/// Synchronous SGD with parameter servers. n workers train n / q samples a second,
/// q = compute_per_sample + (gamma / global_batch) * 2 gradient / rate; the rate is `rate_inside`
/// when all tasks share one machine and `rate_across` otherwise. s servers keep floor(s gamma)
/// workers busy; workers beyond that, or beyond global_batch, add nothing.
/// Source: PD-ORS, per-sample time; gamma is workers_per_server.
struct ParameterServerThroughput {
  Seconds compute_per_sample{0};  ///< tau, of one worker on a machine of speed 1.
  Bytes gradient{0};              ///< g, size of the gradient, equal to that of the parameters.
  double workers_per_server = 1;  ///< gamma, > 0.
  int global_batch = 1;           ///< F, samples; also the most workers that can help.
  BytesPerSecond rate_inside{0};  ///< b_int, > 0.
  BytesPerSecond rate_across{0};  ///< b_ext, > 0.
};

/// Ring all-reduce. One step trains global_batch samples and takes
/// global_batch * compute_per_sample / n + 2 gradient (n - 1) / (n rate) seconds with n workers.
struct RingThroughput {
  Seconds compute_per_sample{0};
  Bytes gradient{0};
  int global_batch = 1;            ///< Samples; also the most workers that can help.
  BytesPerSecond rate_inside{0};   ///< All workers on one machine.
  BytesPerSecond rate_in_rack{0};  ///< All machines in one rack.
  BytesPerSecond rate_across{0};
};

/// A gang of fixed size, the shape of public traces: work is measured in seconds of the whole gang,
/// so that it trains one "sample" a second when complete and nothing otherwise.
struct RigidThroughput {
  int workers = 1;
  int servers = 0;
};

/// Measured speeds. With n workers and s servers at some locality the job runs at the speed of its
/// best measured point with at most n workers, at most s servers and that locality or a farther
/// one; an allocation that was measured therefore runs as measured and more never hurts.
struct TableThroughput {
  struct Point {
    int workers = 1;
    int servers = 0;
    Locality locality = Locality::cluster;
    double samples_per_second = 0;
  };
  std::vector<Point> points;  ///< At least one.
};

/// How fast a job trains as a function of its tasks: one of the five shapes.
using Throughput = std::variant<ParameterServerThroughput, RingThroughput, RigidThroughput,
                                TableThroughput, AdaptiveThroughput>;

/// Samples per second of an allocation whose slowest machine has `speed`; an adaptive job trains
/// with its requested batch, and samples count as at its base batch.
/// A machine of speed k divides compute time by k; measured tables and gangs run k times as fast.
[[nodiscard]] double samples_per_second(const Throughput& throughput, TaskCounts tasks,
                                        Locality locality, double speed = 1);

/// The pace of these tasks with this global batch; only an adaptive job has one, which is its
/// requested batch for a `batch` of 0. For all other shapes both paces are samples_per_second.
[[nodiscard]] TrainingPace pace_of(const Throughput& throughput, TaskCounts tasks,
                                   Locality locality, double speed = 1, int batch = 0);

/// Samples per second with the best of 50 batches for these tasks (best_batch). Cost: 50 paces for
/// an adaptive job.
[[nodiscard]] double best_samples_per_second(const Throughput& throughput, TaskCounts tasks,
                                             Locality locality, double speed = 1);

/// Samples per second that no batch of these tasks exceeds, at most 0.1 % above the best one; for
/// bounds. Cost: about 100 paces for an adaptive job.
[[nodiscard]] double samples_per_second_bound(const Throughput& throughput, TaskCounts tasks,
                                              Locality locality, double speed = 1);

/// An adaptive job that always trains with the best batch for its tasks on machines of speed 1, as
/// a table; any other shape as it is. Cost: 100 paces a worker.
[[nodiscard]] Throughput with_best_batches(const Throughput& throughput);

/// The fewest workers, with the servers they need, that train at least `rate` samples a second at
/// this locality; nothing if no number of workers does.
[[nodiscard]] std::optional<TaskCounts> tasks_for_rate(const Throughput& throughput, double rate,
                                                       Locality locality, double speed = 1);

/// Servers that `workers` workers need: ceil(workers / gamma) for parameter servers, the gang's for
/// a gang, the fewest measured for a table, none for a ring.
[[nodiscard]] int servers_for(const Throughput& throughput, int workers);

/// Fewest and most workers that make sense.
[[nodiscard]] int min_workers(const Throughput& throughput);
[[nodiscard]] int max_workers(const Throughput& throughput);

/// The next larger number of workers that can be faster than `workers`: the next measured one for a
/// table, the gang's for a gang, else one more; `workers` itself if there is none.
[[nodiscard]] int next_workers(const Throughput& throughput, int workers);

/// True if the job has only one size.
[[nodiscard]] bool is_rigid(const Throughput& throughput);

/// Errors: invalid_argument if a rule in the comments above is broken; names the field.
[[nodiscard]] Result<void> validate(const Throughput& throughput);

/// Largest number of workers that a file may state.
inline constexpr int kMaxWorkers = 1'000'000;

}  // namespace bourse
