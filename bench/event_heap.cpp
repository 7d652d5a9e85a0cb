#include "bench/event_heap.h"

#include <cstdint>
#include <functional>
#include <queue>
#include <tuple>

namespace bourse {
namespace {

struct BareEvent {
  double time;
  bool is_arrival;  ///< Completions come first.
  std::uint32_t job;
  bool operator>(const BareEvent& other) const {
    return std::tie(time, is_arrival, job) > std::tie(other.time, other.is_arrival, other.job);
  }
};

}  // namespace

std::vector<BareJob> bare_jobs(const Instance& instance) {
  std::vector<BareJob> jobs;
  for (const JobSpec& job : instance.jobs)
    jobs.push_back({job.arrival.value, requested_duration(job).value, job.requested_workers});
  return jobs;
}

double replay_on_bare_heap(const std::vector<BareJob>& jobs, int gpus) {
  std::priority_queue<BareEvent, std::vector<BareEvent>, std::greater<>> events;
  std::queue<std::uint32_t> waiting;
  for (std::uint32_t i = 0; i < jobs.size(); ++i) events.push({jobs[i].arrival, true, i});
  double completion = 0;
  while (!events.empty()) {
    const BareEvent event = events.top();
    events.pop();
    if (event.is_arrival) {
      waiting.push(event.job);
    } else {
      gpus += jobs[event.job].gpus;
      completion += event.time - jobs[event.job].arrival;
    }
    while (!waiting.empty() && jobs[waiting.front()].gpus <= gpus) {
      const BareJob& job = jobs[waiting.front()];
      gpus -= job.gpus;
      events.push({event.time + job.duration, false, waiting.front()});
      waiting.pop();
    }
  }
  return completion / static_cast<double>(jobs.size());
}

}  // namespace bourse
