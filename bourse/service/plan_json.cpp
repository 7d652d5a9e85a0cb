#include "bourse/service/plan_json.h"

#include <nlohmann/json.hpp>

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

bool is_group(const Json& group) {
  return group.is_array() && group.size() == 3 && group[0].is_number_unsigned() &&
         group[1].is_number_unsigned() && group[2].is_number_unsigned();
}

bool is_slot(const Json& slot) {
  return slot.is_array() && slot.size() == 3 && slot[0].is_number() && slot[1].is_number() &&
         slot[2].is_array() && std::ranges::all_of(slot[2], is_group);
}

}  // namespace

std::string plan_json(const std::vector<PlannedSlot>& plan) {
  Json all = Json::array();
  for (const PlannedSlot& slot : plan) {
    Json groups = Json::array();
    for (const TaskGroup& group : slot.allocation)
      groups.push_back({group.machine.value, group.workers, group.servers});
    all.push_back({slot.from.value, slot.to.value, std::move(groups)});
  }
  return all.dump();
}

std::vector<PlannedSlot> parse_plan(std::string_view text, JobId job) {
  const Json all = Json::parse(text, nullptr, false);
  if (!all.is_array() || !std::ranges::all_of(all, is_slot)) return {};
  std::vector<PlannedSlot> plan;
  for (const Json& slot : all) {
    Allocation allocation;
    for (const Json& group : slot[2])
      allocation.push_back(
          {MachineId(group[0].get<std::uint32_t>()), group[1].get<int>(), group[2].get<int>()});
    plan.push_back({job, Seconds(slot[0].get<double>()), Seconds(slot[1].get<double>()),
                    std::move(allocation)});
  }
  return plan;
}

}  // namespace bourse
