#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bourse/base/id.h"
#include "bourse/base/quantity.h"
#include "bourse/model/allocation.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"

namespace bourse {

enum class JobStatus : std::uint8_t {
  pending,   ///< Not yet arrived; a policy never looks at such a job.
  waiting,   ///< Arrived, holds nothing.
  running,   ///< Holds its allocation.
  finished,  ///< Did all its work.
  declined,  ///< The policy gave it up; it will never run again.
};

/// What is known of a job at run time.
struct JobState {
  JobStatus status = JobStatus::pending;
  std::uint32_t restarts = 0;  ///< Resumes, resizes and moves so far.
  Allocation allocation;       ///< What it holds now.
  double samples_done = 0;     ///< At `since`.
  double rate = 0;             ///< Samples per second since then, as observed.
  int batch = 0;               ///< Global; 0: as requested. Only of an adaptive job.
  double trained = 0;          ///< Samples that passed through the model, likewise.
  double trained_rate = 0;     ///< The same per second since then, as observed.
  Seconds since{0};            ///< When the allocation last changed.
  Seconds progress_from{0};    ///< Work counts from here on (after the restart cost).
  Seconds attained{0};         ///< Time held so far, at `since`.
};

/// How fast a job trains with what it has.
struct Pace {
  /// Of a job whose samples all count in full.
  Pace(double samples_per_second)  // NOLINT(google-explicit-constructor): a rate is a pace
      : progress(samples_per_second), trained(samples_per_second) {}
  Pace(TrainingPace pace, int global_batch)
      : progress(pace.progress), trained(pace.trained), batch(global_batch) {}

  double progress = 0;  ///< Work per second, samples.
  double trained = 0;   ///< Samples per second that pass through the model.
  int batch = 0;        ///< Global; 0: as requested.
};

/// All a policy may look at: the machines, the jobs that have arrived and the time.
/// Owned by the simulator or the daemon; a policy gets it to read.
class ClusterState {
 public:
  /// `cluster` and `jobs` outlive the state; every machine is up and free, every job pending.
  ClusterState(const Cluster& cluster, std::span<const JobSpec> jobs);

  [[nodiscard]] Seconds now() const { return now_; }
  [[nodiscard]] const Cluster& cluster() const { return *cluster_; }
  [[nodiscard]] const JobSpec& spec(JobId id) const { return jobs_[id.index()]; }
  [[nodiscard]] const JobState& job(JobId id) const { return states_[id.index()]; }
  /// Jobs of the workload, those that have not arrived included.
  [[nodiscard]] std::size_t job_count() const { return jobs_.size(); }
  /// Unallocated amounts of a machine, one a resource type; all -1 while it is down, so
  /// that not even a demand of nothing fits.
  [[nodiscard]] std::span<const Amount> free(MachineId id) const {
    return {free_.data() + id.index() * types_, types_};
  }
  [[nodiscard]] bool is_up(MachineId id) const { return up_[id.index()] != 0; }
  /// Waiting and running jobs, by arrival, ties by id.
  [[nodiscard]] const std::vector<JobId>& active() const { return active_; }
  /// Waiting jobs, who has waited longest first; ties by arrival, then id.
  [[nodiscard]] const std::vector<JobId>& waiting() const { return waiting_; }
  /// Running jobs, by arrival, ties by id.
  [[nodiscard]] const std::vector<JobId>& running() const { return running_; }
  [[nodiscard]] std::size_t waiting_count() const { return waiting_.size(); }

  /// Work done by now, samples; what a progress report says.
  [[nodiscard]] double samples_done(JobId id) const;
  /// Work left by now, samples; never negative.
  [[nodiscard]] double samples_left(JobId id) const;

  /// Samples that have passed through the model by now. More than samples_done of an adaptive job
  /// with large batches, and of a job that lost work to a failure.
  [[nodiscard]] double samples_trained(JobId id) const;

  // What follows is for the owner of the state.

  void set_now(Seconds now) { now_ = now; }
  /// Takes note that the jobs are now these: the same as before, with more at the end (pending), at
  /// another place in memory, or with other throughputs.
  void set_jobs(std::span<const JobSpec> jobs);
  /// What a running job has been seen to do: so much work by now, and the pace from now on. The
  /// time that `startup` still takes is left out. What has passed through the model is that work,
  /// or, where not all samples count in full, as the paces until now have it.
  void observe(JobId id, double samples, Pace pace, Seconds startup);
  /// A pending job becomes waiting.
  void arrive(JobId id);
  /// Gives the job this allocation from now on (empty: it waits). `pace` is how it will train once
  /// `startup` has passed. Capacity is checked: over-allocation is a defect.
  void allocate(JobId id, Allocation allocation, Pace pace, Seconds startup);
  /// A running job goes on with what it holds at another pace, without a restart.
  void set_pace(JobId id, Pace pace);
  /// The job leaves for good and gives back what it holds.
  void leave(JobId id, JobStatus final_status);
  /// Progress falls back to `samples` (a failure lost the rest). The job must hold nothing.
  void roll_back(JobId id, double samples);
  /// A machine goes down (nothing may be allocated on it) or comes back.
  void set_up(MachineId id, bool up);

 private:
  void take(std::span<const TaskGroup> allocation, const JobSpec& job, std::int64_t sign);
  void settle(JobId id);
  [[nodiscard]] bool came_before(JobId a, JobId b) const;
  [[nodiscard]] bool waits_longer(JobId a, JobId b) const;
  /// Into or out of the list of its status; a job that is neither waiting nor running has none.
  void list(JobId id);
  void unlist(JobId id);

  const Cluster* cluster_;
  std::span<const JobSpec> jobs_;
  std::size_t types_;
  Seconds now_{0};
  std::vector<JobState> states_;
  std::vector<Amount> free_;  ///< Machine-major.
  std::vector<std::uint8_t> up_;
  std::vector<JobId> active_;
  std::vector<JobId> waiting_;
  std::vector<JobId> running_;
};

/// Jobs that arrived, or lost what they held, just now: the end of state.waiting().
[[nodiscard]] std::span<const JobId> waiting_since_now(const ClusterState& state);

/// True if the job arrived just now and holds nothing.
[[nodiscard]] bool is_newcomer(const ClusterState& state, JobId id);

}  // namespace bourse
