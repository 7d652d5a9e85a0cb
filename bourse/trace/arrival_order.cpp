#include "bourse/trace/arrival_order.h"

#include <algorithm>
#include <cstdint>

namespace bourse {

void sort_by_arrival(std::vector<JobSpec>& jobs) {
  struct Key {
    Seconds arrival;
    std::uint32_t position;
  };
  std::vector<Key> order;
  order.reserve(jobs.size());
  for (std::uint32_t i = 0; i < jobs.size(); ++i) order.push_back({jobs[i].arrival, i});
  std::ranges::sort(order, [](const Key& a, const Key& b) {
    return a.arrival != b.arrival ? a.arrival < b.arrival : a.position < b.position;
  });
  std::vector<JobSpec> sorted;
  sorted.reserve(jobs.size());
  for (const Key& key : order) sorted.push_back(std::move(jobs[key.position]));
  jobs = std::move(sorted);
}

}  // namespace bourse
