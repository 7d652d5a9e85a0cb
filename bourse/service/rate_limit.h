#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "bourse/base/quantity.h"

namespace bourse {

/// How often somebody may do something: a bucket that holds `burst` and fills at `per_second`.
struct Rate {
  double per_second = 100;
  double burst = 200;
};

/// Buckets by name, of which only so many are kept: those that are full again go first. Any thread.
class RateLimit {
 public:
  explicit RateLimit(Rate rate, std::size_t names_max = 10'000)
      : rate_(rate), names_max_(names_max) {}

  /// Takes one from the bucket of this name. False if it is empty. Time never goes back.
  [[nodiscard]] bool take(const std::string& name, Seconds now);
  /// True if take() would succeed.
  [[nodiscard]] bool has(const std::string& name, Seconds now);

 private:
  struct Bucket {
    double left = 0;
    Seconds at{0};
  };
  [[nodiscard]] double left_in(const Bucket& bucket, Seconds now) const;
  void make_room(Seconds now);

  Rate rate_;
  std::size_t names_max_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;  ///< Guarded by `mutex_`.
};

}  // namespace bourse
