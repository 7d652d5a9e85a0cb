#include "bourse/program/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "bourse/base/text.h"

namespace bourse::program {
namespace {

void check_label(const std::string& label) {
  const auto is_fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  if (label.empty() || !std::ranges::all_of(label, is_fine))
    throw std::invalid_argument(fmt::format(
        "'{}' is no label of nodes; use letters, digits, '_', '-' and '.'", quotable(label)));
}

std::string json_text(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += c;
  }
  return json + "\"";
}

std::string_view role_name(NodeRole role) {
  switch (role) {
    case NodeRole::worker:
      return "worker";
    case NodeRole::parameter_server:
      return "parameter_server";
    case NodeRole::other:
      break;
  }
  return "other";
}

std::string_view scope_name(RestartScope scope) {
  switch (scope) {
    case RestartScope::group:
      return "group";
    case RestartScope::program:
      return "program";
    case RestartScope::node:
      break;
  }
  return "node";
}

std::string resources_json(const NodeResources& resources) {
  std::string custom;
  for (const auto& [name, amount] : resources.custom)
    custom += fmt::format(",{}:{}", json_text(name), amount);
  return fmt::format(R"({{"cpus":{},"gpus":{},"memory_mib":{}{}}})", resources.cpus, resources.gpus,
                     resources.memory_mib, custom);
}

}  // namespace

NodeGroup::NodeGroup(Program& program, std::string label, NodeOptions options, std::uint32_t unit)
    : program_(program), label_(std::move(label)), options_(std::move(options)), unit_(unit) {}

NodeGroup Colocation::group(std::string label, NodeOptions options) {
  check_label(label);
  return {program_, std::move(label), std::move(options), unit_};
}

Program::Program(std::string name) : graph_(std::make_shared<ProgramGraph>()) {
  if (name.empty()) throw std::invalid_argument("a program needs a name");
  graph_->name = std::move(name);
}

Program::~Program() { graph_->abandon(); }

NodeGroup Program::group(std::string label, NodeOptions options) {
  check_label(label);
  return {*this, std::move(label), std::move(options), kNoNode};
}

Colocation Program::colocate() { return {*this, graph_->unit_count++}; }

NodeSpec& Program::add_spec(const NodeGroup& group, std::string class_name,
                            const std::type_info* node_class) {
  {
    const std::lock_guard lock(graph_->mutex);
    if (graph_->runtime)
      throw std::logic_error(
          fmt::format("'{}' runs already; nodes are added before launch()", graph_->name));
  }
  const auto index = std::ranges::count(graph_->nodes, group.label_, &NodeSpec::label);
  NodeSpec& spec = graph_->nodes.emplace_back();
  spec.id = static_cast<std::uint32_t>(graph_->nodes.size() - 1);
  spec.label = group.label_;
  spec.index = static_cast<std::uint32_t>(index);
  spec.unit = group.unit_ == kNoNode ? graph_->unit_count++ : group.unit_;
  spec.class_name = std::move(class_name);
  spec.node_class = node_class;
  spec.options = group.options_;
  return spec;
}

std::string Program::spec_json() const {
  std::string nodes;
  for (const NodeSpec& node : graph_->nodes) {
    std::string calls;
    for (const std::uint32_t called : node.calls)
      calls += (calls.empty() ? "" : ",") + std::to_string(called);
    const auto count =
        static_cast<int>(std::ranges::count(graph_->nodes, node.label, &NodeSpec::label));
    const NodeOptions& options = node.options;
    nodes += fmt::format(
        R"({}{{"id":{},"label":{},"index":{},"unit":{},"class":{},"role":"{}","resources":{},)"
        R"("replicas":{{"min":{},"max":{}}},"restart":{{"max":{},"scope":"{}"}},"runs":{},)"
        R"("calls":[{}]}})",
        nodes.empty() ? "" : ",", node.id, json_text(node.label), node.index, node.unit,
        json_text(node.class_name), role_name(options.role), resources_json(options.resources),
        options.min_replicas == 0 ? count : options.min_replicas,
        options.max_replicas == 0 ? count : options.max_replicas, options.restart.max,
        scope_name(options.restart.scope), node.is_runner(), calls);
  }
  return fmt::format(R"({{"program":{},"nodes":[{}]}})", json_text(graph_->name), nodes);
}

}  // namespace bourse::program
