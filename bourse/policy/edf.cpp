#include "bourse/policy/edf.h"

#include <algorithm>
#include <utility>

namespace bourse {

const Deadline& EdfPolicy::deadline(const ClusterState& state, JobId id) {
  if (deadlines_.size() <= id.index()) deadlines_.resize(id.index() + 1);
  std::optional<Deadline>& known = deadlines_[id.index()];
  if (!known) known = deadline_of(state.spec(id));
  return *known;
}

Decision EdfPolicy::decide(const ClusterState& state, const Event& event) {
  const bool declines = options_.when_late == WhenLate::decline;
  if (!declines) {
    if (state.waiting_count() == 0) return {};
    if (auto decision = start_lone_newcomer(state, event)) return std::move(*decision);
  }
  std::vector<JobRank> ranks;
  ranks.reserve(state.active().size());
  std::vector<JobId> hopeless;
  Seconds next_deadline = kForever;
  for (const JobId id : state.active()) {
    const Deadline& deadline = this->deadline(state, id);
    const bool is_late = deadline.time <= state.now();
    if (!is_late) next_deadline = std::min(next_deadline, deadline.time);
    if (is_late && deadline.is_hard && declines) {
      hopeless.push_back(id);
      continue;
    }
    const bool comes_last = is_late && options_.when_late != WhenLate::in_order;
    ranks.push_back({{comes_last ? 1.0 : 0.0, deadline.time.value}, state.spec(id).arrival, id});
  }
  Decision decision = run_by_rank(state, classes_, std::move(ranks), options_.when_blocked);
  for (const JobId id : hopeless) {
    std::erase_if(decision.reasons, [&](const Reason& reason) { return reason.job == id; });
    decision.reasons.push_back({id, ReasonCode::no_schedule, {}});
  }
  decision.declined = std::move(hopeless);
  if (options_.when_late != WhenLate::in_order) decision.wake_at = next_deadline;
  return decision;
}

namespace {

Result<std::unique_ptr<Policy>> make_edf(const SettingsReader& settings, const PolicyContext&) {
  BOURSE_TRY(const std::size_t late, settings.choice("late", {"last", "in-order", "decline"}));
  BOURSE_TRY(const std::size_t blocked, settings.choice("blocked", {"skip", "block"}));
  return std::make_unique<EdfPolicy>(EdfOptions{.when_late = static_cast<WhenLate>(late),
                                                .when_blocked = static_cast<WhenBlocked>(blocked)});
}

}  // namespace

PolicyInfo edf_info() {
  return {
      "edf",
      "earliest deadline first, preemptive",
      "Liu and Layland, 1973; baseline of ElasticFlow, ASPLOS'23",
      "the request and the deadline that its utility states",
      {{"late", "last", "last | in-order | decline",
        "a job past its deadline runs after all others, keeps its place, or is given up if it "
        "is worth nothing"},
       {"blocked", "skip", "skip | block", "whether jobs behind one that does not fit may run"}},
      make_edf};
}

}  // namespace bourse
