#include "bourse/engine/event_outbox.h"

#include <algorithm>
#include <utility>

#include "bourse/engine/progress.h"

namespace bourse {

void EventOutbox::number(CellEvent event) {
  event.cell = cell_;
  event.number = ++last_number_;
  events_.push_back(std::move(event));
}

void EventOutbox::add(CellEvent event) {
  for (auto& [task, held] : held_) release(held);
  number(std::move(event));
}

void EventOutbox::add_progress(const std::string& task, const ProgressReport& progress, Seconds now,
                               Seconds unix_time) {
  Held& held = held_[task];
  CellEvent event{.kind = CellEventKind::progress, .unix_time = unix_time, .task = task};
  event.progress = held.latest ? merged(held.latest->progress, progress) : progress;
  if (progress.checkpointed == true) {
    held.safe = std::move(event);
    held.latest.reset();
  } else {
    held.latest = std::move(event);
  }
  release(now);
}

bool EventOutbox::is_under_way(const Held& held) const { return held.under_way > acknowledged_; }

void EventOutbox::release(Held& held) {
  if (held.is_empty()) return;
  if (held.safe) number(*std::exchange(held.safe, {}));
  if (held.latest) number(*std::exchange(held.latest, {}));
  held.under_way = last_number_;
}

void EventOutbox::release(Seconds now) {
  for (auto& [task, held] : held_) {
    if (held.is_empty() || is_under_way(held) || now < held.released + kInterval) continue;
    release(held);
    held.released = now;
  }
}

Seconds EventOutbox::next_release() const {
  Seconds next = kForever;
  for (const auto& [task, held] : held_)
    if (!held.is_empty() && !is_under_way(held)) next = std::min(next, held.released + kInterval);
  return next;
}

void EventOutbox::acknowledge(std::uint64_t number) {
  acknowledged_ = std::max(acknowledged_, std::min(number, last_number_));
  while (!events_.empty() && events_.front().number <= acknowledged_) events_.pop_front();
}

}  // namespace bourse
