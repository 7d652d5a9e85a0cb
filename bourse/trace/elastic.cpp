#include "bourse/trace/elastic.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "bourse/base/random.h"
#include "bourse/base/text.h"
#include "bourse/trace/csv_table.h"

namespace bourse {
namespace {

using Point = TableThroughput::Point;

/// Reads the rows of the table into points by profile.
class ProfileReader {
 public:
  explicit ProfileReader(TextInput& input) : input_(input), table_(input) {}

  Result<std::vector<ModelProfile>> read() {
    BOURSE_TRY_VOID(table_.read_header());
    BOURSE_TRY(source_, table_.column("source_repo"));
    BOURSE_TRY(model_, table_.column("model"));
    BOURSE_TRY(gpu_, table_.column("gpu"));
    BOURSE_TRY(global_batch_, table_.column("global_batch"));
    BOURSE_TRY(local_batch_, table_.column("local_batch"));
    BOURSE_TRY(workers_, table_.column("workers"));
    BOURSE_TRY(servers_, table_.column("ps"));
    BOURSE_TRY(placement_, table_.column("placement"));
    BOURSE_TRY(metric_, table_.column("metric"));
    BOURSE_TRY(value_, table_.column("value"));
    while (true) {
      BOURSE_TRY(const bool more, table_.next_row());
      if (!more) break;
      const std::string_view metric = table_.text(metric_);
      if (metric == "speed_sum_over_workers" || metric == "throughput") {
        BOURSE_TRY_VOID(take_row());
      }
    }
    return profiles();
  }

 private:
  Result<int> count(std::size_t column, int least) const {
    BOURSE_TRY(const std::int64_t value, table_.whole(column, kMaxWorkers));
    if (value < least)
      return table_.bad(column, fmt::format("'{}' is less than {}", table_.text(column), least));
    return static_cast<int>(value);
  }

  Result<void> take_row() {
    Point point;
    BOURSE_TRY(point.workers, count(workers_, 1));
    if (!table_.text(servers_).empty()) {
      BOURSE_TRY(point.servers, count(servers_, 0));
    }
    if (table_.text(placement_) == "consolidated") point.locality = Locality::machine;
    BOURSE_TRY(point.samples_per_second, table_.number(value_));
    if (point.samples_per_second <= 0) return {};  // it did not fit the memory of the GPU
    const std::string_view local = table_.text(local_batch_);
    if (!local.empty()) point.samples_per_second *= point.workers;
    const std::string_view batch = local.empty() ? table_.text(global_batch_) : local;
    std::string name(table_.text(model_));
    if (!batch.empty()) name += fmt::format(" b{}", batch);
    if (!table_.text(gpu_).empty()) name += fmt::format(" on {}", table_.text(gpu_));
    name += fmt::format(" ({})", table_.text(source_));
    points_[std::move(name)].push_back(point);
    return {};
  }

  /// True if `b` does as much with no more tasks as near.
  static bool beats(const Point& b, const Point& a) {
    return b.workers <= a.workers && b.servers <= a.servers && b.locality >= a.locality &&
           b.samples_per_second >= a.samples_per_second;
  }

  static std::vector<Point> best_of(std::vector<Point> points) {
    const auto key = [](const Point& p) {
      return std::tuple(p.workers, p.servers, -static_cast<int>(p.locality), -p.samples_per_second);
    };
    std::ranges::sort(points, {}, key);
    std::vector<Point> kept;
    for (const Point& point : points)
      if (std::ranges::none_of(kept, [&](const Point& k) { return beats(k, point); }))
        kept.push_back(point);
    return kept;
  }

  Result<std::vector<ModelProfile>> profiles() const {
    std::vector<ModelProfile> out;
    for (const auto& [name, points] : points_) {
      ModelProfile profile{.name = name, .points = best_of(points)};
      if (profile.points.front().workers < profile.points.back().workers)
        out.push_back(std::move(profile));
    }
    if (out.empty())
      return invalid(fmt::format("{}: has no model with a measured speed at two numbers of workers",
                                 input_.name()));
    return out;
  }

  TextInput& input_;
  CsvTable table_;
  std::map<std::string, std::vector<Point>> points_;
  std::size_t source_ = 0, model_ = 0, gpu_ = 0, global_batch_ = 0, local_batch_ = 0;
  std::size_t workers_ = 0, servers_ = 0, placement_ = 0, metric_ = 0, value_ = 0;
};

/// The fastest point on one machine with at most these workers; of equals, the fewest tasks.
const Point* fastest(const ModelProfile& profile, int workers) {
  const Point* best = nullptr;
  for (const Point& point : profile.points)
    if (point.workers <= workers &&
        (best == nullptr || point.samples_per_second > best->samples_per_second))
      best = &point;
  return best;
}

bool covers(const ModelProfile& profile, int workers) {
  return profile.points.front().workers <= workers && profile.points.back().workers >= workers;
}

}  // namespace

Result<std::vector<ModelProfile>> read_profiles(ByteSource& source) {
  TextInput input(source);
  return ProfileReader(input).read();
}

ElasticCounts make_elastic(Workload& workload, const std::vector<ModelProfile>& profiles,
                           std::uint64_t seed) {
  ElasticCounts counts;
  std::vector<std::uint64_t> drawn(profiles.size(), 0);
  std::map<int, std::vector<std::size_t>> candidates;  // by number of workers
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) {
    JobSpec& job = workload.jobs[i];
    const auto* const gang = std::get_if<RigidThroughput>(&job.throughput);
    if (gang == nullptr || gang->servers > 0) {
      ++counts.not_rigid;
      continue;
    }
    const int workers = gang->workers;
    const auto [at, is_new] = candidates.try_emplace(workers);
    if (is_new)
      for (std::size_t p = 0; p < profiles.size(); ++p)
        if (covers(profiles[p], workers)) at->second.push_back(p);
    if (at->second.empty()) {
      ++counts.left_rigid;
      continue;
    }
    RandomStream stream(seed, Purpose::throughput, i);
    const auto last = static_cast<std::int64_t>(at->second.size()) - 1;
    const std::size_t chosen = at->second[static_cast<std::size_t>(stream.integer(0, last))];
    ++drawn[chosen];
    const Point requested = *fastest(profiles[chosen], workers);
    TableThroughput table{.points = profiles[chosen].points};
    for (Point& point : table.points) point.samples_per_second /= requested.samples_per_second;
    job.throughput = std::move(table);
    job.requested_workers = workers;
    job.requested_servers = requested.servers;
  }
  for (std::size_t p = 0; p < profiles.size(); ++p)
    if (drawn[p] > 0) counts.models.push_back({profiles[p].name, drawn[p]});
  return counts;
}

}  // namespace bourse
