#pragma once

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "bourse/program/deadline.h"

namespace bourse::program {

/// Wall time of `work`, in microseconds.
template <class Work>
double microseconds_of(const Work& work) {
  const Deadline start = now();
  work();
  return std::chrono::duration<double, std::micro>(now() - start).count();
}

/// Times of the same call, made in the same minutes in several ways.
class Times {
 public:
  void add(double time) { times_.push_back(time); }
  void add(const std::vector<double>& times) {
    times_.insert(times_.end(), times.begin(), times.end());
  }
  [[nodiscard]] bool is_empty() const { return times_.empty(); }
  /// Microseconds.
  [[nodiscard]] double median() const {
    std::vector<double> sorted = times_;
    std::ranges::sort(sorted);
    return sorted.empty() ? 0 : sorted[sorted.size() / 2];
  }
  [[nodiscard]] double best() const {
    return times_.empty() ? 0 : *std::ranges::min_element(times_);
  }

 private:
  std::vector<double> times_;
};

/// Keeps this thread, and what it starts, to one processor while it lives. Each end of a round trip
/// has one of its own, 0 or 1: where the system puts two processes that take turns is its choice of
/// the moment, and makes a factor of two. On a machine with one processor nothing is changed.
class OneProcessor {
 public:
  explicit OneProcessor(int number) {
    sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t processors;
    CPU_ZERO(&processors);
    CPU_SET(number, &processors);
    (void)sched_setaffinity(0, sizeof processors, &processors);
  }
  ~OneProcessor() { (void)sched_setaffinity(0, sizeof before_, &before_); }
  OneProcessor(const OneProcessor&) = delete;
  OneProcessor& operator=(const OneProcessor&) = delete;

 private:
  cpu_set_t before_{};
};

/// A line of the table.
inline void row(const std::string& what, const std::string& measured, const std::string& target,
                bool is_met) {
  fmt::print("{:<50} {:<60} {:<24} {}\n", what, measured, target, is_met ? "met" : "MISSED");
  std::fflush(stdout);
}

}  // namespace bourse::program
