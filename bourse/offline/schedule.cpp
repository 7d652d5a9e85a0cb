#include "bourse/offline/schedule.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {
namespace {

/// Slots from time 0 to `at`; tiny errors of the division are forgiven on both sides.
double slots_until(Seconds at, Seconds slot) {
  BOURSE_CHECK(slot.value > 0);
  const double exact = at / slot;
  const double whole = std::round(exact);
  return std::abs(exact - whole) <= 1e-9 * std::max(1.0, whole) ? whole : exact;
}

/// As an integer, kept in the range where doubles are exact.
std::int64_t whole_slots(double count) {
  return static_cast<std::int64_t>(std::clamp(count, 0.0, 9e15));
}

/// Room left by (slot, machine); only what was touched.
using Rooms = std::map<std::pair<std::int64_t, std::uint32_t>, ResourceVector>;

Result<void> check_group(const Instance& instance, const JobSpec& job, const SlotAllocation& held,
                         const TaskGroup& group, Rooms& rooms) {
  const auto where = [&] {
    return fmt::format("job '{}', slot {}, machine {}", job.name, held.slot, group.machine.value);
  };
  if (group.machine.index() >= instance.cluster.machines.size())
    return invalid(
        fmt::format("{}: there are only {} machines", where(), instance.cluster.machines.size()));
  if (group.workers < 0 || group.servers < 0 || group.workers + group.servers == 0)
    return invalid(fmt::format("{}: {} workers and {} servers must be counts, not both 0", where(),
                               group.workers, group.servers));
  const auto capacity = instance.cluster.capacity(group.machine);
  const auto [at, is_new] =
      rooms.try_emplace({held.slot, group.machine.value}, capacity.begin(), capacity.end());
  for (const auto& [demand, count] :
       {std::pair(&job.worker, group.workers), std::pair(&job.server, group.servers)}) {
    if (!fits(*demand, at->second, count))
      return invalid(fmt::format("{}: {} workers and {} servers do not fit into what is left",
                                 where(), group.workers, group.servers));
    take(at->second, *demand, count);
  }
  return {};
}

Result<double> check_slot(const Instance& instance, const JobSpec& job, const SlotAllocation& held,
                          Seconds slot, Rooms& rooms) {
  const std::string where = fmt::format("job '{}', slot {}", job.name, held.slot);
  if (held.slot < first_slot(job, slot))
    return invalid(
        fmt::format("{}: starts before the job arrives at {} s", where, job.arrival.value));
  if (std::isfinite(instance.horizon.value) && held.slot >= slot_count(instance.horizon, slot))
    return invalid(
        fmt::format("{}: ends after the horizon of {} s", where, instance.horizon.value));
  for (std::size_t g = 0; g < held.tasks.size(); ++g) {
    if (g > 0 && held.tasks[g - 1].machine >= held.tasks[g].machine)
      return invalid(fmt::format("{}: groups must be ordered by machine", where));
    BOURSE_TRY_VOID(check_group(instance, job, held, held.tasks[g], rooms));
  }
  const int workers = tasks_of(held.tasks).workers;
  if (workers > max_workers(job.throughput))
    return invalid(fmt::format("{}: {} workers are more than the {} that can help", where, workers,
                               max_workers(job.throughput)));
  const double samples = samples_in_slot(job, instance.cluster, held.tasks, slot);
  if (samples <= 0)
    return invalid(fmt::format("{}: {} workers and {} servers train nothing", where, workers,
                               tasks_of(held.tasks).servers));
  return samples;
}

Result<double> check_job(const Instance& instance, std::size_t index, const JobSchedule& plan,
                         Seconds slot, Rooms& rooms) {
  const JobSpec& job = instance.jobs[index];
  double done = 0;
  std::optional<std::int64_t> completion;
  for (std::size_t s = 0; s < plan.slots.size(); ++s) {
    const SlotAllocation& held = plan.slots[s];
    if (s > 0 && plan.slots[s - 1].slot >= held.slot)
      return invalid(fmt::format("job '{}': slot {} must come after slot {}", job.name, held.slot,
                                 plan.slots[s - 1].slot));
    if (completion)
      return invalid(fmt::format("job '{}', slot {}: the work was done in slot {}", job.name,
                                 held.slot, *completion));
    BOURSE_TRY(const double samples, check_slot(instance, job, held, slot, rooms));
    done += samples;
    if (done >= job.samples * (1 - kWorkTolerance)) completion = held.slot;
  }
  const auto text = [](const std::optional<std::int64_t>& at) {
    return at ? fmt::format("slot {}", *at) : std::string("never");
  };
  if (completion != plan.completion)
    return invalid(fmt::format("job '{}': completion is stated as {} but the tasks give {}",
                               job.name, text(plan.completion), text(completion)));
  return completion ? utility_in_slot(job, slot, *completion, instance.slot) : 0.0;
}

}  // namespace

std::int64_t slot_count(Seconds horizon, Seconds slot) {
  BOURSE_CHECK(std::isfinite(horizon.value));
  return whole_slots(std::floor(slots_until(horizon, slot)));
}

std::int64_t first_slot(const JobSpec& job, Seconds slot) {
  return whole_slots(std::ceil(slots_until(job.arrival, slot)));
}

double utility_in_slot(const JobSpec& job, Seconds slot, std::int64_t completion,
                       Seconds instance_slot) {
  const auto start = static_cast<double>(completion);
  if (instance_slot.value > 0)
    return utility_at(job.utility, (start - std::floor(slots_until(job.arrival, slot))) * slot);
  return utility_at(job.utility, std::max(Seconds(0), start * slot - job.arrival));
}

double samples_in_slot(const JobSpec& job, const Cluster& cluster, const Allocation& tasks,
                       Seconds slot) {
  return samples_per_second_bound(job.throughput, tasks_of(tasks), locality_of(tasks, cluster),
                                  slowest_speed(tasks, cluster)) *
         slot.value;
}

Result<double> check_schedule(const Instance& instance, const Schedule& schedule) {
  if (!(schedule.slot.value > 0) || !std::isfinite(schedule.slot.value))
    return invalid(fmt::format("slot {} s must be above 0", schedule.slot.value));
  if (schedule.jobs.size() != instance.jobs.size())
    return invalid(fmt::format("the schedule has {} jobs and the instance {}", schedule.jobs.size(),
                               instance.jobs.size()));
  Rooms rooms;
  double total = 0;
  for (std::size_t i = 0; i < schedule.jobs.size(); ++i) {
    BOURSE_TRY(const double utility,
               check_job(instance, i, schedule.jobs[i], schedule.slot, rooms));
    total += utility;
  }
  return total;
}

}  // namespace bourse
