#include "bourse/policy/policy.h"

#include <fmt/core.h>

#include <algorithm>

#include "bourse/base/units.h"

namespace bourse {

std::string reason_text(const Reason& reason) {
  const auto& n = reason.numbers;
  using enum ReasonCode;
  switch (reason.code) {
    case started:
      return "runs: its tasks fit";
    case no_room:
      return "waits: its tasks do not fit what is free";
    case behind_head:
      return "waits: the head of the queue does not fit and nobody overtakes it";
    case preempted:
      return "paused: jobs that come first by the order of the policy need the room";
    case resized:
      return "runs with another number of tasks";
    case admitted:
      return fmt::format("admitted: utility {:.4g} for a price of {:.4g}, done by {}", n[0], n[1],
                         human(Seconds(n[3])));
    case priced_out:
      return fmt::format("priced out: its best schedule is worth {:.4g} and costs {:.4g}", n[1],
                         n[2]);
    case no_schedule:
      return "declined: no schedule completes it while it is worth anything";
    case waits_for_price:
      return fmt::format("waits: its best schedule is worth {:.4g} and costs {:.4g}", n[1], n[2]);
    case waits_for_room:
      return "waits: there is no room now to complete it while it is worth anything";
    case filler:
      return "runs on idle machines, without a booking; gives way to booked jobs";
    case worthless:
      return "declined: it waited until no completion was worth anything";
    case machine_lost:
      return "waits: a machine under it went down";
    case replanned:
      return fmt::format("planned anew: the rest costs {:.4g}, done by {}", n[0],
                         human(Seconds(n[1])));
    case waits_for_credit:
      return fmt::format(
          "not admitted: its account lacks the {:.4g} credits that its best schedule costs", n[2]);
    case moved:
      return fmt::format("moved: the rest costs {:.4g}, done by {}, promised by {}", n[0],
                         human(Seconds(n[1])), human(Seconds(n[2])));
  }
  return "";
}

std::optional<Explanation> Policy::explain(const ClusterState&, JobId) { return std::nullopt; }

void give_reason(Decision& decision, const Reason& reason) {
  const auto at = std::ranges::find(decision.reasons, reason.job, &Reason::job);
  if (at == decision.reasons.end())
    decision.reasons.push_back(reason);
  else
    *at = reason;
}

}  // namespace bourse
