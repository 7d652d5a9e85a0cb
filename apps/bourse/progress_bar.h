#pragma once

#include <string_view>

namespace bourse {

/// A bar with the time left on standard error. Appears once the work has taken a second.
class ProgressBar {
 public:
  /// Nothing is drawn unless `enabled`.
  explicit ProgressBar(bool enabled);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  /// Clears the line.
  ~ProgressBar();

  /// Draws the bar for a share done in [0, 1], with a few words behind it.
  void show(double share, std::string_view words = "");
  /// Takes it off the screen until it is shown again.
  void clear();

 private:
  bool enabled_;
  bool drawn_ = false;
  double started_;  ///< Monotonic seconds.
};

}  // namespace bourse
