#pragma once

#include <algorithm>
#include <vector>

#include "bourse/model/job.h"

namespace bourse {

/// Remembers demands that did not fit, so that a walk over a long queue does not try their like
/// again. Sound as long as capacity only shrinks between add and covers: a job with the same demand
/// per task and at least as many tasks cannot fit either.
class FailedDemands {
 public:
  void add(const JobSpec& job, TaskCounts tasks) {
    if (!covers(job, tasks)) failed_.push_back({&job, tasks});
  }

  [[nodiscard]] bool covers(const JobSpec& job, TaskCounts tasks) const {
    return std::ranges::any_of(failed_, [&](const Failed& f) {
      return f.tasks.workers <= tasks.workers && f.tasks.servers <= tasks.servers &&
             f.job->worker == job.worker && (f.tasks.servers == 0 || f.job->server == job.server);
    });
  }

 private:
  struct Failed {
    const JobSpec* job;
    TaskCounts tasks;
  };
  std::vector<Failed> failed_;
};

}  // namespace bourse
