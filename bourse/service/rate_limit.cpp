#include "bourse/service/rate_limit.h"

#include <algorithm>

namespace bourse {

double RateLimit::left_in(const Bucket& bucket, Seconds now) const {
  return std::min(rate_.burst, bucket.left + (now - bucket.at).value * rate_.per_second);
}

bool RateLimit::has(const std::string& name, Seconds now) {
  const std::lock_guard lock(mutex_);
  const auto found = buckets_.find(name);
  return found == buckets_.end() || left_in(found->second, now) >= 1;
}

bool RateLimit::take(const std::string& name, Seconds now) {
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(name);
  if (found == buckets_.end()) {
    make_room(now);
    found = buckets_.emplace(name, Bucket{.left = rate_.burst, .at = now}).first;
  }
  Bucket& bucket = found->second;
  bucket.left = left_in(bucket, now);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

/// If all are in use, the fullest goes: it is the least in need of being remembered.
void RateLimit::make_room(Seconds now) {
  if (buckets_.size() < names_max_) return;
  std::erase_if(buckets_,
                [&](const auto& entry) { return left_in(entry.second, now) >= rate_.burst; });
  if (buckets_.size() < names_max_) return;
  buckets_.erase(std::ranges::max_element(
      buckets_, {}, [&](const auto& entry) { return left_in(entry.second, now); }));
}

}  // namespace bourse
