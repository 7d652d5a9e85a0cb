#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/model/resources.h"
#include "bourse/service/job_state.h"

namespace bourse {

// What the service shows: the rows of tables and the objects of the API. All instants are since
// 1970-01-01 UTC.

/// Number of a submitted job: 1, 2, ..., never used again.
using JobNumber = std::uint64_t;

/// Tasks of a job on one machine.
struct PlacementView {
  std::string machine;
  int workers = 0;
  int servers = 0;
};

/// One row of `bourse jobs`.
struct JobView {
  JobNumber number = 0;
  std::string name;
  std::string group;
  std::string owner;  ///< Who submitted it; empty: somebody before owners were kept.
  JobPhase phase = JobPhase::waiting;
  std::string reason;  ///< Why it is where it is, one sentence; may be empty.
  Seconds submitted{0};
  std::optional<Seconds> started;   ///< First start of a task.
  std::optional<Seconds> ended;     ///< Of a job that ended.
  std::optional<Seconds> promised;  ///< Completion that the policy promised.
  std::optional<Seconds> expected;  ///< Completion at the speed observed now.
  double samples = 0;               ///< Its work.
  double samples_done = 0;
  double samples_per_second = 0;  ///< As observed; 0 while it does not run.
  double utility = 0;             ///< Earned if it finished, else of completing as expected.
  int workers = 0;                ///< Running or starting now.
  int servers = 0;
  std::uint32_t epoch = 0;     ///< Incarnations so far.
  std::uint32_t restarts = 0;  ///< After failures of its own.
  std::uint32_t resizes = 0;   ///< By decision of the policy.
  std::string account;         ///< That it was charged to; empty: it was not charged.
  double charged = 0;          ///< Less what was given back; in units of utility.
};

/// An entry of a job's history.
struct JobStep {
  Seconds at{0};
  JobPhase phase = JobPhase::waiting;
  std::uint32_t epoch = 0;
  std::string what;  ///< One sentence.
};

/// A stretch of the future that the policy intends.
struct PlanView {
  Seconds from{0};
  Seconds to{0};
  std::vector<PlacementView> placement;
};

/// About a slot of running with the same tasks; speeds in samples a second.
struct SpeedView {
  int workers = 0;
  int servers = 0;
  double seconds = 0;
  double predicted = 0;  ///< When it began.
  double measured = 0;
};

/// `bourse job N`.
struct JobDetail {
  JobView job;
  std::string file;  ///< The job file as submitted.
  std::vector<PlacementView> placement;
  std::vector<PlanView> plan;
  std::vector<JobStep> history;    ///< Oldest first; the last 200.
  std::vector<std::string> tasks;  ///< Names of tasks that have logs: "worker-0".
  std::optional<double> loss;      ///< As last reported.
  std::string directory;           ///< Its checkpoints.
  std::vector<SpeedView> speeds;   ///< Oldest first; the last 50.
};

/// One row of `bourse machines`.
struct MachineView {
  std::string name;
  std::string state;   ///< "up", "draining", "drained", "down".
  std::string reason;  ///< Of a state that is not up.
  ResourceVector capacity;
  ResourceVector used;
  std::vector<JobNumber> jobs;  ///< Ordered.
};

/// Price of one unit of a resource now, mean over machines.
struct ResourcePrice {
  std::string resource;
  double price = 0;  ///< Utility per unit and slot.
};

/// What would become of a job if it were submitted now.
struct Forecast {
  bool is_admitted = false;
  std::string reason;
  std::optional<Seconds> starts;
  std::optional<Seconds> completes;
  double utility = 0;
  double cost = 0;
  std::vector<PlanView> plan;
};

/// A change that was journaled, for those who watch.
struct ChangeView {
  std::uint64_t number = 0;  ///< 1, 2, ... over the life of the state directory.
  Seconds at{0};
  std::string kind;   ///< "job", "machine", "prices".
  JobNumber job = 0;  ///< 0 if it is not about a job.
  std::string text;
  std::string owner;  ///< Of the job; told to nobody.
};

}  // namespace bourse
