#pragma once

#include <cstdint>
#include <vector>

#include "bourse/model/allocation.h"
#include "bourse/model/workload.h"
#include "bourse/policy/price_view.h"
#include "bourse/simulation/simulate.h"
#include "bourse/simulation/time_bins.h"

namespace bourse {

/// Tasks of one job on one machine for a while.
struct MachineSpan {
  MachineId machine;
  JobId job;
  Seconds from{0};
  Seconds to{0};
  int tasks = 0;
};

/// Who was where: every span on every `machine_stride`-th machine, until `until`.
struct Occupancy {
  std::uint32_t machine_stride = 1;
  Seconds until = kForever;        ///< What came later was not kept; kForever: all was.
  std::vector<MachineSpan> spans;  ///< By machine, then time.
};

/// At most `limit` spans: those of every second, fourth, ... machine, and if even one machine has
/// more, its first. Ordered by machine, then time. Cost: O(n log n).
[[nodiscard]] Occupancy thinned(Occupancy occupancy, std::size_t limit);

/// Prices of one unit of the primary resource, point samples. Empty without a PriceView.
struct PriceGrid {
  Seconds width{0};                  ///< Of a column.
  std::uint32_t machine_stride = 1;  ///< Row r is machine r x stride.
  std::size_t rows = 0;
  std::vector<float> prices;  ///< Column-major; not finite where there was none.
};

/// What became of the machines in one run, in bounded memory.
struct Recording {
  Seconds bin_width{0};
  std::vector<double> used;      ///< Share of the primary resource held, mean of each bin.
  std::vector<double> stranded;  ///< Share that is free on machines which are partly in use.
  std::vector<double> waiting;   ///< Jobs that wait.
  Occupancy occupancy;
  PriceGrid prices;
};

/// How much a recorder keeps.
struct RecorderLimits {
  std::size_t bins = 512;       ///< Even.
  std::size_t spans = 12'000;   ///< Kept in the end; 0: none. Twice as many are held on the way.
  std::size_t price_rows = 48;  ///< Machines whose prices are kept.
};

/// Watches a run and draws it in numbers. Fragmentation is told as `stranded`: capacity that is
/// free but shares its machine with a job, so that a job which wants a whole machine cannot have
/// it.
class RunRecorder final : public RunObserver {
 public:
  /// `instance` outlives the recorder.
  RunRecorder(const Instance& instance, const RecorderLimits& limits);

  void begin(const Policy& policy) override;
  void after(const ClusterState& state, const Event& event, const Decision& decision) override;

  /// What was seen; call once, after the run.
  [[nodiscard]] Recording recording() &&;

 private:
  void update(const ClusterState& state, JobId job);
  void count(const JobSpec& job, const TaskGroup& group, std::int64_t sign);
  void keep(const MachineSpan& span);
  void sample_prices(const ClusterState& state);
  [[nodiscard]] double stranded_on(MachineId machine) const;

  struct Held {
    Allocation allocation;
    Seconds since{0};
  };

  const Instance& instance_;
  RecorderLimits limits_;
  std::size_t primary_;
  double capacity_ = 0;  ///< Amounts of the primary resource.
  const PriceView* prices_ = nullptr;
  Seconds now_{0};
  TimeBins bins_;
  std::vector<Held> held_;    ///< Indexed by JobId.
  std::vector<Amount> used_;  ///< Indexed by MachineId.
  double used_in_all_ = 0;
  double stranded_in_all_ = 0;
  std::size_t waiting_ = 0;
  Occupancy occupancy_;
  PriceGrid grid_;
};

}  // namespace bourse
