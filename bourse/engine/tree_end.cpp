#include "bourse/engine/tree_end.h"

#include <algorithm>
#include <csignal>
#include <utility>

namespace bourse {
namespace {

/// After an end was told of: what is left should follow at once.
constexpr Seconds kShortPause{0.005};
/// After a process was asked: it will say when it ends, and a look at all processes is dear.
constexpr Seconds kLongPause{0.25};
constexpr Seconds kPauseAtMost{1};

}  // namespace

TreeEnd::TreeEnd(World& world, Find find, std::function<void()> on_none)
    : world_(world), find_(std::move(find)), on_none_(std::move(on_none)), pause_(kLongPause) {}

TreeEnd::~TreeEnd() { world_.clock.cancel(timer_); }

void TreeEnd::ask(Seconds grace) {
  kill_at_ = std::min(kill_at_, world_.clock.now() + grace);
  pause_ = grace > kLongPause ? kLongPause : kShortPause;
  turn_in(Seconds(0));
}

void TreeEnd::kill() { ask(Seconds(0)); }

void TreeEnd::look() {
  pause_ = kShortPause;
  turn_in(Seconds(0));
}

void TreeEnd::turn_in(Seconds delay) {
  world_.clock.cancel(timer_);
  timer_ = world_.clock.call_in(delay, [this] { turn(); });
}

void TreeEnd::turn() {
  timer_ = 0;
  const std::vector<ProcessId> found = find_();
  if (found.empty()) {
    const auto on_none = std::exchange(on_none_, {});
    if (on_none) on_none();  // May destroy us.
    return;
  }
  most_found_ = std::max(most_found_, found.size());
  const Seconds now = world_.clock.now();
  const bool kills = now >= kill_at_;
  for (const ProcessId& process : found) {
    if (kills)
      world_.processes.signal(process, SIGKILL);
    else if (asked_.insert(process).second)
      world_.processes.signal(process, SIGTERM);
  }
  const Seconds until_kill = kills ? kPauseAtMost : kill_at_ - now;
  turn_in(std::min(pause_, until_kill));
  pause_ = std::min(pause_ * 2, kPauseAtMost);
}

}  // namespace bourse
