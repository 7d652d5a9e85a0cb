#include "bourse/policy/tiresias.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr double kServiceSlack = 1e-9;  ///< Relative; service is a sum of rounded times.

bool has_reached(double service, double threshold) {
  return service >= threshold * (1 - kServiceSlack);
}

}  // namespace

/// Time held, restarts aside, since the last promotion.
Seconds TiresiasPolicy::counted(const ClusterState& state, JobId id) const {
  const std::uint32_t restarts = state.job(id).restarts;
  Seconds held = time_held(state, id);
  if (restarts > 0) held -= restarts * state.spec(id).restart_cost;
  return held - past_[id.index()].counted_at_promotion;
}

void TiresiasPolicy::note_starts(const ClusterState& state, const Decision& decision) {
  for (const Change& change : decision.changes) {
    Past& past = past_[change.job.index()];
    if (!change.allocation.empty()) past.first_start = std::min(past.first_start, state.now());
  }
}

void TiresiasPolicy::promote_starved(const ClusterState& state) {
  if (options_.promote <= 0) return;
  for (const JobId id : state.waiting()) {
    const Seconds ran = counted(state, id);
    if (ran <= Seconds(0)) continue;
    const Seconds waited = state.now() - state.job(id).since;
    if (waited.value >= options_.promote * ran.value * (1 - kServiceSlack))
      past_[id.index()].counted_at_promotion += ran;
  }
}

/// Queue, then place in the queue, then first start.
JobRank TiresiasPolicy::rank(const ClusterState& state, JobId id) const {
  const Past& past = past_[id.index()];
  const double service = past.gpus * counted(state, id).value;
  std::size_t queue = 0;
  while (queue < options_.thresholds.size() && has_reached(service, options_.thresholds[queue]))
    ++queue;
  double key = 0;
  if (options_.order == TiresiasOrder::attained) key = service;
  if (options_.order == TiresiasOrder::gittins && queue < options_.thresholds.size())
    key = -history_.index(std::max(0.0, service), options_.thresholds[queue]);
  return {{static_cast<double>(queue), key, past.first_start.value}, past.arrival, id};
}

std::vector<JobRank> TiresiasPolicy::ranks(const ClusterState& state) const {
  std::vector<JobRank> ranks;
  ranks.reserve(state.active().size());
  for (const JobId id : state.waiting()) ranks.push_back(rank(state, id));
  for (const JobId id : state.running()) ranks.push_back(rank(state, id));
  return ranks;
}

/// The next crossing of a threshold by a job that will run, the next promotion of one that will
/// wait, or the end of the quantum; never, if nobody will wait.
Seconds TiresiasPolicy::next_wake(const ClusterState& state, const Decision& decision) const {
  if (waiting_after(state, decision) == 0) return kForever;
  Seconds next = kForever;
  if (options_.quantum > Seconds(0))
    next = state.now() + options_.quantum + longest_restart(state, decision);
  const auto note_crossing = [&](JobId id) {
    const double gpus = past_[id.index()].gpus;
    const Seconds ran = counted(state, id);
    const auto ahead = std::ranges::find_if(options_.thresholds, [&](double threshold) {
      return !has_reached(gpus * ran.value, threshold);
    });
    if (ahead != options_.thresholds.end())
      next = std::min(next, state.now() + Seconds(*ahead / gpus) - ran);
  };
  const auto note_promotion = [&](JobId id, Seconds waits_since) {
    const Seconds ran = counted(state, id);
    if (options_.promote > 0 && ran > Seconds(0))
      next = std::min(next, waits_since + options_.promote * ran);
  };
  const auto is_changed = [&](JobId id) {
    return std::ranges::binary_search(decision.changes, id, {}, &Change::job);
  };
  for (const Change& change : decision.changes) {
    if (change.allocation.empty())
      note_promotion(change.job, state.now());
    else
      note_crossing(change.job);
  }
  for (const JobId id : state.running())
    if (!is_changed(id)) note_crossing(id);
  if (options_.promote > 0)
    for (const JobId id : state.waiting())
      if (!is_changed(id)) note_promotion(id, state.job(id).since);
  return std::max(next, state.now());
}

void TiresiasPolicy::enter(const ClusterState& state, JobId id) {
  if (past_.size() <= id.index()) past_.resize(id.index() + 1);
  Past& past = past_[id.index()];
  past.arrival = state.spec(id).arrival;
  past.gpus = gpus_requested(state, state.spec(id));
}

Decision TiresiasPolicy::decide(const ClusterState& state, const Event& event) {
  if (event.kind == EventKind::arrival) enter(state, event.job);
  if (event.kind == EventKind::finish && options_.order == TiresiasOrder::gittins)
    history_.add(gpus_requested(state, state.spec(event.job)) *
                 state.job(event.job).attained.value);
  if (state.waiting_count() == 0) return {};
  if (auto decision = start_lone_newcomer(state, event)) {
    note_starts(state, *decision);
    return std::move(*decision);
  }
  promote_starved(state);
  Decision decision = run_by_rank(state, classes_, ranks(state), options_.when_blocked);
  note_starts(state, decision);
  decision.wake_at = next_wake(state, decision);
  return decision;
}

namespace {

/// With less, time hardly moves on between two decisions.
constexpr double kLeastThreshold = 1e-3;  ///< GPU-seconds.
constexpr double kLeastPromote = 0.01;

Result<std::vector<double>> thresholds_of(std::string_view text) {
  std::vector<double> thresholds;
  if (text == "none") return thresholds;
  for (const std::string_view part : split(text, ',')) {
    const Result<double> value = parse_number(trim(part));
    if (!value || *value < kLeastThreshold || (!thresholds.empty() && *value <= thresholds.back()))
      return invalid(
          fmt::format("setting 'tiresias.thresholds': '{}' is neither none nor rising numbers "
                      "from 0.001 on, such as 3250,7200",
                      quotable(text)));
    thresholds.push_back(*value);
  }
  return thresholds;
}

Result<std::unique_ptr<Policy>> make_tiresias(const SettingsReader& settings,
                                              const PolicyContext&) {
  TiresiasOptions options;
  BOURSE_TRY(options.thresholds, thresholds_of(settings.text("thresholds")));
  BOURSE_TRY(const std::size_t order, settings.choice("order", {"start", "attained", "gittins"}));
  options.order = static_cast<TiresiasOrder>(order);
  BOURSE_TRY(options.promote, settings.number("promote", 0, 1e9));
  if (options.promote > 0 && options.promote < kLeastPromote)
    return invalid(fmt::format("setting 'tiresias.promote': {} is neither 0 nor at least {}",
                               options.promote, kLeastPromote));
  BOURSE_TRY(options.quantum, settings.period_or_none("quantum", Seconds(0)));
  BOURSE_TRY(const std::size_t blocked, settings.choice("blocked", {"skip", "block"}));
  options.when_blocked = static_cast<WhenBlocked>(blocked);
  return std::make_unique<TiresiasPolicy>(std::move(options));
}

}  // namespace

PolicyInfo tiresias_info() {
  return {
      "tiresias",
      "least attained service (GPUs x time held) first, in queues, preemptive",
      "Gu et al., Tiresias, NSDI'19",
      "the request",
      {{"thresholds", "3250,7200", "none | rising numbers",
        "GPU-seconds at which a job falls to the next queue; none = one queue"},
       {"order", "start", "start | attained | gittins",
        "order within a queue: first start (2D-LAS), least service, or the Gittins index "
        "learned from jobs that are over"},
       {"promote", "0", "0, or 0.01 to 1e9",
        "a job that waited this many times as long as it ran starts over; 0 = never"},
       {"quantum", "0s", "0 | a duration from 1ms",
        "also decide this long after a decision; 0 = at events"},
       {"blocked", "skip", "skip | block", "whether jobs behind one that does not fit may run"}},
      make_tiresias};
}

}  // namespace bourse
