#include "bourse/policy/waiting_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "bourse/base/check.h"

namespace bourse {

void WaitingList::add(JobId job) {
  const auto at = std::ranges::lower_bound(jobs_, job);
  BOURSE_CHECK(at == jobs_.end() || *at != job);
  jobs_.insert(at, job);
}

void WaitingList::remove(JobId job) {
  const auto at = std::ranges::lower_bound(jobs_, job);
  if (at != jobs_.end() && *at == job) jobs_.erase(at);
}

bool WaitingList::contains(JobId job) const { return std::ranges::binary_search(jobs_, job); }

std::optional<JobId> WaitingList::next(const std::function<double(JobId)>& rank) {
  if (jobs_.empty()) {
    round_.clear();
    due_ = false;
  }
  while (true) {
    while (!round_.empty()) {
      const JobId job = round_.back();
      round_.pop_back();
      if (contains(job)) return job;
    }
    if (!due_) return std::nullopt;
    due_ = false;
    std::vector<std::pair<double, JobId>> ranked;
    for (const JobId job : jobs_) ranked.emplace_back(rank(job), job);
    std::ranges::sort(ranked, [](const auto& a, const auto& b) {
      return std::tie(a.first, b.second) < std::tie(b.first, a.second);
    });
    for (const auto& [value, job] : ranked) round_.push_back(job);
  }
}

}  // namespace bourse
