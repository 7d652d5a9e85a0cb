#include "bourse/policy/demand_classes.h"

#include <limits>

namespace bourse {
namespace {

constexpr std::uint32_t kUnknown = std::numeric_limits<std::uint32_t>::max();

}  // namespace

std::uint32_t DemandClasses::of(const ClusterState& state, JobId id) {
  if (class_of_job_.size() <= id.index()) class_of_job_.resize(id.index() + 1, kUnknown);
  std::uint32_t& known = class_of_job_[id.index()];
  if (known != kUnknown) return known;
  const JobSpec& job = state.spec(id);
  const auto next = static_cast<std::uint32_t>(demands_.size());
  const auto [at, is_new] = class_of_demand_.try_emplace(
      Demand{job.worker, job.server, job.requested_workers, job.requested_servers}, next);
  if (is_new) demands_.push_back(&at->first);
  known = at->second;
  return known;
}

bool DemandClasses::covers(std::uint32_t smaller, std::uint32_t larger) const {
  const Demand& a = *demands_[smaller];
  const Demand& b = *demands_[larger];
  return a.workers <= b.workers && a.servers <= b.servers && a.worker == b.worker &&
         (a.servers == 0 || a.server == b.server);
}

OpenDemands::OpenDemands(const ClusterState& state, DemandClasses& classes,
                         std::span<const JobId> jobs)
    : classes_(&classes) {
  for (const JobId id : state.running()) (void)classes.of(state, id);
  for (const JobId id : jobs) {
    const std::uint32_t demand = classes.of(state, id);
    if (state.job(id).status != JobStatus::waiting) continue;
    if (waiting_.size() <= demand) waiting_.resize(classes.size());
    ++waiting_[demand];
    ++open_;
  }
  waiting_.resize(classes.size());
  failed_.resize(classes.size());
}

void OpenDemands::fail(std::uint32_t demand) {
  if (has_failed(demand)) return;
  for (std::uint32_t other = 0; other < failed_.size(); ++other) {
    if (failed_[other] != 0 || !classes_->covers(demand, other)) continue;
    failed_[other] = 1;
    open_ -= waiting_[other];
  }
}

void OpenDemands::start(std::uint32_t demand) {
  --waiting_[demand];
  --open_;
}

}  // namespace bourse
