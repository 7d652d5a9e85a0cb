#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/quantity.h"
#include "bourse/engine/cell.h"

namespace bourse {

/// Events of a cell from when they happen until the daemon has them in its journal. Gives them
/// their numbers. Progress is held back while an earlier one of its task is under way or was
/// numbered less than kInterval ago, and what is held back runs together; so a task that floods its
/// progress takes no more room, here and in the journal, than one that does not.
class EventOutbox {
 public:
  /// Between two events of progress of a task.
  static constexpr Seconds kInterval{0.25};

  explicit EventOutbox(CellId cell) : cell_(cell) {}

  /// Takes an event that is no progress; it gets the next number, after progress held back.
  void add(CellEvent event);
  void add_progress(const std::string& task, const ProgressReport& progress, Seconds now,
                    Seconds unix_time);
  /// Numbers what was held back and need not be any longer.
  void release(Seconds now);
  /// When release() would do something; kForever if only an acknowledgement can change that.
  [[nodiscard]] Seconds next_release() const;
  /// Events up to this number are safe. More than was ever numbered counts as all.
  void acknowledge(std::uint64_t number);

  /// In order of their numbers. References last until the next call that is not const.
  [[nodiscard]] const std::deque<CellEvent>& unacknowledged() const { return events_; }
  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }

 private:
  /// Progress held back. `safe` is the last report of a checkpoint: what comes after it is not.
  struct Held {
    std::optional<CellEvent> safe;
    std::optional<CellEvent> latest;
    std::uint64_t under_way = 0;  ///< Number of the last that was released.
    Seconds released{-1e300};     ///< When.
    [[nodiscard]] bool is_empty() const { return !safe && !latest; }
  };

  void number(CellEvent event);
  void release(Held& held);
  [[nodiscard]] bool is_under_way(const Held& held) const;

  CellId cell_;
  std::deque<CellEvent> events_;
  std::map<std::string, Held> held_;  ///< By task.
  std::uint64_t last_number_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace bourse
