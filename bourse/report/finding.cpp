#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "bourse/base/units.h"
#include "bourse/report/comparison.h"
#include "bourse/report/statistics.h"

namespace bourse {
namespace {

/// The figure of one policy, by seed.
struct Score {
  std::string policy;
  std::map<std::uint64_t, double> by_seed;
  double mean = 0;
};

/// A winner and who came next.
struct Contest {
  Score best;
  std::optional<Score> second;
  /// The paired difference is not 0 by its 95 % interval, or there is none.
  bool is_clear = false;
  std::size_t alike = 0;  ///< Others, beyond the second, that stand to the best as it does.
};

std::vector<Score> scores_of(const Section& section, double (*value_of)(const Metrics&)) {
  std::vector<Score> scores;
  for (const CellResult& cell : section.cells) {
    auto at = std::ranges::find(scores, cell.run.policy, &Score::policy);
    if (at == scores.end()) at = scores.insert(scores.end(), Score{cell.run.policy, {}, 0});
    at->by_seed[cell.run.seed] = value_of(cell.run.metrics);
  }
  for (Score& score : scores) {
    double sum = 0;
    for (const auto& [seed, value] : score.by_seed) sum += value;
    score.mean = sum / static_cast<double>(score.by_seed.size());
  }
  return scores;
}

bool is_clear(const Score& best, const Score& second) {
  std::vector<double> differences;
  for (const auto& [seed, value] : best.by_seed)
    if (const auto other = second.by_seed.find(seed); other != second.by_seed.end())
      differences.push_back(value - other->second);
  const Interval interval = interval_of(differences);
  return interval.mean != 0 && std::abs(interval.mean) > interval.half_width;
}

/// The lowest mean wins; ties go to the policy named first.
std::optional<Contest> contest(std::vector<Score> scores) {
  if (scores.empty()) return std::nullopt;
  std::ranges::stable_sort(scores, {}, &Score::mean);
  Contest out{.best = scores.front(), .second = std::nullopt, .is_clear = true};
  if (scores.size() > 1) {
    out.second = scores[1];
    out.is_clear = is_clear(out.best, scores[1]);
    const bool is_same = scores[1].mean == out.best.mean;
    out.alike = static_cast<std::size_t>(
        std::count_if(scores.begin() + 2, scores.end(), [&](const Score& other) {
          return is_same ? other.mean == out.best.mean : !is_clear(out.best, other);
        }));
  }
  return out;
}

/// Completion times of policies that finish less are of other jobs, so these do not compete.
std::optional<Contest> completion_contest(const Section& section, bool& all_compete) {
  const std::vector<Score> finished =
      scores_of(section, [](const Metrics& m) { return static_cast<double>(m.finished); });
  double most = 0;
  for (const Score& score : finished) most = std::max(most, score.mean);
  if (most <= 0) return std::nullopt;
  std::vector<Score> scores =
      scores_of(section, [](const Metrics& m) { return m.completion.mean; });
  std::vector<Score> competing;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (finished[i].mean >= most) competing.push_back(scores[i]);
  all_compete = competing.size() == scores.size();
  return contest(std::move(competing));
}

std::optional<Contest> utility_contest(const Section& section) {
  return contest(scores_of(section, [](const Metrics& m) { return -m.utility; }));
}

/// ", 12 % below fifo", or that the two cannot be told apart.
std::string against(const Contest& contest, const char* direction) {
  if (!contest.second) return "";
  const double other = contest.second->mean;
  const std::string rest = contest.alike == 0   ? ""
                           : contest.alike == 1 ? " and one other"
                                                : fmt::format(" and {} others", contest.alike);
  if (contest.best.mean == other)
    return fmt::format(", the same as {}{}", contest.second->policy, rest);
  if (!contest.is_clear)
    return fmt::format(", not told apart from {}{}", contest.second->policy, rest);
  if (other == 0) return "";
  const double percent = std::abs((contest.best.mean - other) / other) * 100;
  const std::string size =
      percent < 0.05 ? "less than 0.1" : fmt::format("{:.{}f}", percent, percent < 9.95 ? 1 : 0);
  return fmt::format(", {} % {} {}", size, direction, contest.second->policy);
}

/// Four digits, and no exponent where a whole number says it.
std::string utility_text(double utility) {
  return utility >= 1e4 && utility < 1e9 ? fmt::format("{:.0f}", utility)
                                         : fmt::format("{:.4g}", utility);
}

/// The policy that clearly won, or empty.
std::string winner_of(const std::optional<Contest>& contest) {
  const bool is_tie = contest && contest->second && contest->best.mean == contest->second->mean;
  return contest && contest->is_clear && !is_tie ? contest->best.policy : "";
}

/// "a on 3 of 7, b on 2 of 7, none clearly on 2".
std::string wins_text(const std::vector<std::string>& winners) {
  std::vector<std::pair<std::string, std::size_t>> wins;
  const auto unclear = std::ranges::count(winners, std::string());
  for (const std::string& winner : winners) {
    if (winner.empty()) continue;
    const auto at = std::ranges::find(wins, winner, &std::pair<std::string, std::size_t>::first);
    if (at == wins.end())
      wins.emplace_back(winner, 1);
    else
      ++at->second;
  }
  std::ranges::stable_sort(wins, std::greater<>(), &std::pair<std::string, std::size_t>::second);
  std::string out;
  for (const auto& [policy, count] : wins)
    out += fmt::format("{}{} on {} of {}", out.empty() ? "" : ", ", policy, count, winners.size());
  if (unclear > 0) out += fmt::format("{}none clearly on {}", out.empty() ? "" : ", ", unclear);
  return out;
}

}  // namespace

std::string finding_of(const Section& section) {
  bool all_compete = true;
  const std::optional<Contest> completion = completion_contest(section, all_compete);
  if (!completion) return "";
  std::string out =
      fmt::format("{} has the lowest mean completion time{}, {}{}", completion->best.policy,
                  all_compete ? "" : " of the policies that finish the most jobs",
                  human(Seconds(completion->best.mean)), against(*completion, "below"));
  const std::optional<Contest> utility = utility_contest(section);
  if (utility && utility->best.mean < 0)
    out += fmt::format("; {} earns the most utility, {}{}", utility->best.policy,
                       utility_text(-utility->best.mean), against(*utility, "above"));
  return out + ".";
}

std::string finding_of(const Comparison& comparison) {
  std::vector<const Section*> first;
  for (const Section& section : comparison.sections)
    if (first.empty() || first.back()->name != section.name) first.push_back(&section);
  if (first.empty()) return "";
  if (first.size() == 1) return finding_of(*first.front());
  std::vector<std::string> fastest;
  std::vector<std::string> richest;
  for (const Section* section : first) {
    bool all_compete = true;
    if (const auto completion = completion_contest(*section, all_compete); completion)
      fastest.push_back(winner_of(completion));
    if (const auto utility = utility_contest(*section); utility && utility->best.mean < 0)
      richest.push_back(winner_of(utility));
  }
  if (fastest.empty()) return "";
  std::string out = fmt::format("Lowest mean completion time: {}", wins_text(fastest));
  if (!richest.empty()) out += fmt::format("; most utility: {}", wins_text(richest));
  return out + ".";
}

}  // namespace bourse
