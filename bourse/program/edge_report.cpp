#include "bourse/program/edge_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "bourse/program/context.h"

namespace bourse::program {
namespace {

double microseconds(Nanoseconds time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

}  // namespace

std::vector<EdgeReport> edge_reports(const ProgramGraph& graph,
                                     const std::vector<EdgeCounts>& counts) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, EdgeCounts> sums;
  for (const EdgeCounts& one : counts) {
    const auto [sum, is_new] = sums.emplace(std::pair(one.caller, one.called), one);
    if (!is_new) sum->second = sum_of(sum->second, one);
  }
  std::vector<EdgeReport> reports;
  for (const auto& [edge, sum] : sums)
    reports.push_back({.caller = edge.first == kNoNode ? "main()" : graph.node_name(edge.first),
                       .called = graph.node_name(edge.second),
                       .counts = sum});
  return reports;
}

std::string text_of(const std::vector<EdgeReport>& edges) {
  std::size_t width = 6;
  for (const EdgeReport& edge : edges)
    width = std::max({width, edge.caller.size(), edge.called.size()});
  std::string text = fmt::format("{:<{}}  {:<{}} {:>10} {:>8} {:>14} {:>14} {:>12} {:>12}\n",
                                 "caller", width, "called", width, "calls", "failed", "bytes sent",
                                 "received", "mean us", "max us");
  for (const EdgeReport& edge : edges) {
    const EdgeCounts& counts = edge.counts;
    text += fmt::format("{:<{}}  {:<{}} {:>10} {:>8} {:>14} {:>14} {:>12.1f} {:>12.1f}\n",
                        edge.caller, width, edge.called, width, counts.calls, counts.failures,
                        counts.bytes_sent, counts.bytes_received,
                        microseconds(counts.time) / static_cast<double>(counts.calls),
                        microseconds(counts.longest));
  }
  return text;
}

}  // namespace bourse::program
