#include "bourse/service/members.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

int tasks_in(const TaskGroup& group, TaskRole role) {
  return role == TaskRole::worker ? group.workers : group.servers;
}

int& tasks_in(TaskGroup& group, TaskRole role) {
  return role == TaskRole::worker ? group.workers : group.servers;
}

/// The group of a machine, which is added if there is none.
TaskGroup& group_of(Allocation& allocation, MachineId machine) {
  const auto at = std::ranges::find(allocation, machine, &TaskGroup::machine);
  if (at != allocation.end()) return *at;
  return allocation.emplace_back(TaskGroup{.machine = machine});
}

void give_ranks_of(TaskRole role, std::vector<StoredCell>& members) {
  std::vector<StoredCell*> mine;
  for (StoredCell& member : members)
    if (role_of(member) == role) mine.push_back(&member);
  std::ranges::sort(mine, {},
                    [](const StoredCell* one) { return std::pair(one->rank, one->part); });
  std::set<int> left;
  for (std::size_t rank = 0; rank < mine.size(); ++rank) left.insert(static_cast<int>(rank));
  std::vector<StoredCell*> homeless;
  for (StoredCell* member : mine)
    if (left.erase(member->rank) == 0) homeless.push_back(member);
  for (StoredCell* member : homeless) member->rank = left.extract(left.begin()).value();
}

}  // namespace

CellId id_of(const StoredCell& cell) {
  return {cell.job, cell.epoch, MachineId(cell.machine), cell.part};
}

TaskRole role_of(const StoredCell& member) {
  return member.workers > 0 ? TaskRole::worker : TaskRole::server;
}

std::string task_name(const StoredCell& member) {
  return TaskSpec{.role = role_of(member), .rank = member.task}.name();
}

Allocation allocation_of(const std::vector<StoredCell>& cells) {
  Allocation allocation;
  for (const StoredCell& cell : cells) {
    if (cell.is_stopping) continue;
    TaskGroup& group = group_of(allocation, MachineId(cell.machine));
    group.workers += cell.workers;
    group.servers += cell.servers;
  }
  normalize(allocation);
  return allocation;
}

MemberChange change_of(const std::vector<StoredCell>& members, const Allocation& wanted) {
  MemberChange change{.stay = {}, .leave = {}, .join = wanted};
  std::vector<StoredCell> by_rank = members;
  std::ranges::sort(by_rank, {},
                    [](const StoredCell& one) { return std::pair(one.rank, one.part); });
  for (const StoredCell& member : by_rank) {
    const auto group =
        std::ranges::find(change.join, MachineId(member.machine), &TaskGroup::machine);
    const TaskRole role = role_of(member);
    if (group == change.join.end() || tasks_in(*group, role) == 0) {
      change.leave.push_back(member);
    } else {
      --tasks_in(*group, role);
      change.stay.push_back(member);
    }
  }
  normalize(change.join);
  return change;
}

std::vector<StoredCell> joining(const Allocation& join, const std::vector<StoredCell>& cells,
                                std::uint32_t last_part) {
  std::vector<StoredCell> added;
  for (const TaskRole role : {TaskRole::server, TaskRole::worker}) {
    std::set<int> names;
    int rank = 0;
    for (const StoredCell& cell : cells) {
      if (role_of(cell) != role) continue;
      names.insert(cell.task);
      if (!cell.is_stopping) ++rank;
    }
    int name = 0;
    for (const TaskGroup& group : join) {
      for (int i = 0; i < tasks_in(group, role); ++i) {
        while (names.contains(name)) ++name;
        added.push_back({.machine = group.machine.value,
                         .part = ++last_part,
                         .workers = role == TaskRole::worker ? 1 : 0,
                         .servers = role == TaskRole::server ? 1 : 0,
                         .token = {},
                         .task = name++,
                         .rank = rank++});
      }
    }
  }
  return added;
}

void give_ranks(std::vector<StoredCell>& members) {
  give_ranks_of(TaskRole::worker, members);
  give_ranks_of(TaskRole::server, members);
}

LocalRank local_rank_of(const StoredCell& member, const std::vector<StoredCell>& members) {
  LocalRank local;
  for (const StoredCell& other : members) {
    if (other.is_stopping || other.machine != member.machine || role_of(other) != role_of(member))
      continue;
    ++local.size;
    if (other.rank < member.rank) ++local.rank;
  }
  return local;
}

std::string members_text(const MembersFile& file) {
  struct Line {
    TaskRole role;
    int rank;
    Json json;
  };
  std::vector<Line> lines;
  Json json{{"job", file.job->number},
            {"epoch", file.job->epoch},
            {"generation", file.job->generation},
            {"workers", 0},
            {"servers", 0},
            {"master_address", ""},
            {"master_port", file.job->port}};
  if (file.batch > 0) json["batch"] = file.batch;
  for (std::size_t i = 0; i < file.members.size(); ++i) {
    const StoredCell& member = file.members[i];
    const TaskRole role = role_of(member);
    const bool is_worker = role == TaskRole::worker;
    const LocalRank local = local_rank_of(member, file.members);
    json[is_worker ? "workers" : "servers"] =
        json[is_worker ? "workers" : "servers"].get<int>() + 1;
    if (is_worker && member.rank == 0) json["master_address"] = file.hosts[i];
    Json line{{"task", task_name(member)}, {"role", is_worker ? "worker" : "server"},
              {"rank", member.rank},       {"address", file.hosts[i]},
              {"local_rank", local.rank},  {"local_size", local.size}};
    if (!is_worker) line["port"] = server_port(*file.job, member.task);
    lines.push_back({role, member.rank, std::move(line)});
  }
  std::ranges::sort(lines, {}, [](const Line& line) { return std::tuple(line.role, line.rank); });
  json["members"] = Json::array();
  for (Line& line : lines) json["members"].push_back(std::move(line.json));
  return json.dump(1) + "\n";
}

std::optional<ListedMembers> listed_members(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto generation = json.find("generation");
  const auto members = json.find("members");
  if (generation == json.end() || !generation->is_number_unsigned() || members == json.end() ||
      !members->is_array())
    return std::nullopt;
  return ListedMembers{.generation = generation->get<std::uint32_t>(), .count = members->size()};
}

std::string members_path(const std::string& job_directory) {
  return job_directory + "/members.json";
}

int server_port(const StoredJob& job, int server) { return job.port + 1 + server; }

}  // namespace bourse
