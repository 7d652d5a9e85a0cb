#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bourse/service/views.h"

namespace bourse {

/// The last changes of the journal and each as text, made once for all who follow them. Safe from
/// any thread.
class ChangeFeed {
 public:
  struct Entry {
    ChangeView change;
    std::string text;  ///< As it is sent.
  };
  /// Owned by the feed and by those who send them.
  using Entries = std::vector<std::shared_ptr<const Entry>>;

  /// The next change.
  void add(Entry entry) {
    const std::lock_guard lock(mutex_);
    last_ = entry.change.number;
    entries_.push_back(std::make_shared<const Entry>(std::move(entry)));
    if (entries_.size() <= kMost) return;
    before_ = entries_.front()->change.number;
    entries_.pop_front();
  }
  /// Nobody follows: what comes begins after this change.
  void begin_after(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    entries_.clear();
    before_ = last_ = number;
  }
  [[nodiscard]] std::uint64_t last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  /// Those after this one, at most so many. Nothing if they are not kept: the journal has them.
  [[nodiscard]] std::optional<Entries> after(std::uint64_t number, std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    if (number < before_ || number >= last_) return std::nullopt;
    auto first = entries_.end();
    while (first != entries_.begin() && (*std::prev(first))->change.number > number) --first;
    const auto count =
        std::min<std::ptrdiff_t>(entries_.end() - first, static_cast<std::ptrdiff_t>(limit));
    return Entries(first, first + count);
  }

 private:
  static constexpr std::size_t kMost =
      4096;  ///< A slow reader that is farther behind reads the journal.

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Entry>> entries_;  ///< Guarded by `mutex_`, as all here.
  std::uint64_t before_ = 0;                          ///< All after this one are here.
  std::uint64_t last_ = 0;
};

}  // namespace bourse
