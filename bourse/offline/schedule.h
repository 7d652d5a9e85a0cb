#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/allocation.h"
#include "bourse/model/workload.h"

namespace bourse {

/// What a job holds during one slot.
struct SlotAllocation {
  std::int64_t slot = 0;
  Allocation tasks{};  ///< Not empty.
};

/// Plan of one job: slots increase, slots without tasks are left out.
struct JobSchedule {
  std::vector<SlotAllocation> slots{};
  std::optional<std::int64_t> completion{};  ///< Slot in which the work is done; nothing if never.
};

/// A plan of all jobs in slots; slot t is [t * slot, (t + 1) * slot). Pauses and moves are free.
struct Schedule {
  Seconds slot{0};                  ///< > 0.
  std::vector<JobSchedule> jobs{};  ///< One for each job of the instance.
};

/// Slots that end by the horizon. Requires a finite horizon and slot > 0.
[[nodiscard]] std::int64_t slot_count(Seconds horizon, Seconds slot);

/// The first slot a job may use: the first that starts at its arrival or later.
[[nodiscard]] std::int64_t first_slot(const JobSpec& job, Seconds slot);

/// Utility of completing in slot t. In slotted time (instance_slot > 0) it is that of a delay of
/// t - a slots, a the slot that contains the arrival, as the paper counts. In exact time it is that
/// of the start of the slot, the earliest instant in it, and so an upper bound.
/// Source: PD-ORS, u_i(t_hat_i - a_i).
[[nodiscard]] double utility_in_slot(const JobSpec& job, Seconds slot, std::int64_t completion,
                                     Seconds instance_slot);

/// Largest share of its work that a completed job may lack: rounding of sums.
inline constexpr double kWorkTolerance = 1e-6;

/// Samples that the job trains in one slot with these tasks; restart costs are not counted.
[[nodiscard]] double samples_in_slot(const JobSpec& job, const Cluster& cluster,
                                     const Allocation& tasks, Seconds slot);

/// The sum of utilities of the schedule, after checking everything anew: machines are never over
/// capacity; slots lie between arrival and horizon and increase; groups are ordered by machine and
/// not empty; every slot held trains something; no job has more workers than its batch; the
/// completion stated is the slot in which the work is done, and nothing is held after it.
/// Independent of how the schedule was found, so that tests can use it on any policy's plan.
/// Errors: invalid_argument, the first rule broken with job, slot and machine.
[[nodiscard]] Result<double> check_schedule(const Instance& instance, const Schedule& schedule);

}  // namespace bourse
