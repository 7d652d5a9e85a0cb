#include "bourse/solver/task_polygon.h"

#include <algorithm>

namespace bourse {
namespace {

/// The most of `one` task, up to `limit`, that fit beside `count` of the `other`; -1 if those do
/// not fit.
int most_beside(std::span<const std::int64_t> one, std::span<const std::int64_t> other,
                std::span<const std::int64_t> residual, std::int64_t count, int limit) {
  std::int64_t most = limit;
  for (std::size_t r = 0; r < residual.size(); ++r) {
    const std::int64_t left = residual[r] - other[r] * count;
    if (left < 0) return -1;
    // Where it clearly fits `most` times a product says so, which is cheaper than a division.
    const double needed = static_cast<double>(one[r]) * static_cast<double>(most);
    if (needed > 0.999 * static_cast<double>(left) && one[r] > 0)
      most = std::min(most, left / one[r]);
  }
  return static_cast<int>(most);
}

/// Twice the area of the triangle a, b, c; above 0 if the way turns left at b.
std::int64_t turn(TaskPoint a, TaskPoint b, TaskPoint c) {
  const auto product = [](int x, int y) { return static_cast<std::int64_t>(x) * y; };
  return product(b.workers - a.workers, c.servers - a.servers) -
         product(b.servers - a.servers, c.workers - a.workers);
}

void add_corner(std::vector<TaskPoint>& corners, TaskPoint point) {
  if (!corners.empty() && corners.back() == point) return;
  while (corners.size() >= 2 && turn(corners[corners.size() - 2], corners.back(), point) <= 0)
    corners.pop_back();
  corners.push_back(point);
}

}  // namespace

int workers_beside(const SlotDemand& demand, std::span<const std::int64_t> residual, int servers,
                   int limit) {
  return most_beside(demand.worker, demand.server, residual, servers, limit);
}

std::vector<TaskPoint> task_polygon(const SlotDemand& demand,
                                    std::span<const std::int64_t> residual, int workers,
                                    int servers) {
  const int most_workers = most_beside(demand.worker, demand.server, residual, 0, workers);
  const int most_servers = most_beside(demand.server, demand.worker, residual, 0, servers);
  if (most_workers < 0 || most_servers < 0) return {};
  std::vector<TaskPoint> corners{{0, 0}};
  if (most_servers <= most_workers) {
    for (int s = 0; s <= most_servers; ++s)
      add_corner(corners, {most_beside(demand.worker, demand.server, residual, s, workers), s});
  } else {
    add_corner(corners, {most_workers, 0});
    for (int w = most_workers; w >= 0; --w)
      add_corner(corners, {w, most_beside(demand.server, demand.worker, residual, w, servers)});
  }
  if (most_servers > 0) add_corner(corners, {0, most_servers});
  return corners;
}

}  // namespace bourse
