#include <algorithm>
#include <utility>

#include "bourse/program/run.h"

namespace bourse::program {

RunState::RunState(std::shared_ptr<ProgramGraph> graph) : graph_(std::move(graph)) {
  for (const NodeSpec& node : graph_->nodes) {
    if (node.is_spare) continue;
    present_units_.insert(node.unit);
    if (node.is_runner()) runners_.insert(node.id);
  }
}

void RunState::unit_ready(std::uint32_t unit) {
  const std::lock_guard lock(mutex_);
  if (present_units_.contains(unit)) ready_units_.insert(unit);
  changed_.notify_all();
}

void RunState::unit_restarts(std::uint32_t unit) {
  const std::lock_guard lock(mutex_);
  ready_units_.erase(unit);
  for (const NodeSpec* const node : graph_->nodes_of_unit(unit))
    if (node->is_runner()) runners_.insert(node->id);
}

void RunState::unit_left(std::uint32_t unit) {
  const std::lock_guard lock(mutex_);
  present_units_.erase(unit);
  ready_units_.erase(unit);
  for (const NodeSpec* const node : graph_->nodes_of_unit(unit)) runners_.erase(node->id);
  changed_.notify_all();
}

void RunState::unit_joined(std::uint32_t unit) {
  const std::lock_guard lock(mutex_);
  present_units_.insert(unit);
  for (const NodeSpec* const node : graph_->nodes_of_unit(unit))
    if (node->is_runner()) runners_.insert(node->id);
}

void RunState::runner_returned(std::uint32_t node) {
  const std::lock_guard lock(mutex_);
  runners_.erase(node);
  changed_.notify_all();
}

void RunState::failed(NodeFailure failure) {
  const std::lock_guard lock(mutex_);
  failures_.push_back(std::move(failure));
  changed_.notify_all();
}

void RunState::ended() {
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

bool RunState::wait(Deadline until, const std::function<bool()>& is_over) {
  std::unique_lock lock(mutex_);
  if (until != kNoDeadline) return changed_.wait_until(lock, until, is_over);
  changed_.wait(lock, is_over);
  return true;
}

bool RunState::wait_for_runners(const std::vector<std::string>& labels, Deadline until) {
  const auto counts = [&](const NodeSpec& node) {
    if (!node.is_runner()) return false;
    if (labels.empty()) return true;
    return std::ranges::find(labels, node.label) != labels.end();
  };
  const bool has_runners = std::ranges::any_of(graph_->nodes, counts);
  return wait(until, [&] {
    if (has_ended_ || !failures_.empty()) return true;
    const auto runs = [&](std::uint32_t node) { return counts(graph_->nodes[node]); };
    return has_runners && !std::ranges::any_of(runners_, runs);
  });
}

bool RunState::have_returned(const std::vector<std::string>& labels) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::none_of(runners_, [&](std::uint32_t node) {
    return std::ranges::find(labels, graph_->nodes[node].label) != labels.end();
  });
}

bool RunState::wait_for_end(Deadline until) {
  return wait(until, [&] { return has_ended_; });
}

bool RunState::wait_until_ready(Deadline until) {
  return wait(until, [&] {
    return has_ended_ || !failures_.empty() || std::ranges::includes(ready_units_, present_units_);
  });
}

std::size_t RunState::size_of(std::string_view label) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(
      graph_->units_of(label), [&](std::uint32_t unit) { return present_units_.contains(unit); }));
}

void RunState::edges_of(const UnitBeat& beat) {
  const std::lock_guard lock(mutex_);
  edges_[{beat.unit, beat.incarnation}] = beat.edges;
}

std::vector<EdgeCounts> RunState::edges() const {
  const std::lock_guard lock(mutex_);
  std::vector<EdgeCounts> all;
  for (const auto& [process, edges] : edges_) all.insert(all.end(), edges.begin(), edges.end());
  return all;
}

std::vector<NodeFailure> RunState::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace bourse::program
