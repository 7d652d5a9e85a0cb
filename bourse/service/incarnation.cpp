#include "bourse/service/incarnation.h"

#include <fmt/core.h>

#include <map>
#include <string_view>
#include <utility>

#include "bourse/service/members.h"

namespace bourse {
namespace {

using Variables = std::map<std::string, std::string, std::less<>>;

/// "NAME=value" texts, each ended by a 0 byte.
void add_all(Variables& variables, std::string_view texts) {
  while (!texts.empty()) {
    const std::string_view one = texts.substr(0, texts.find('\0'));
    texts.remove_prefix(std::min(texts.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    if (equals == 0 || equals == std::string_view::npos) continue;
    variables.insert_or_assign(std::string(one.substr(0, equals)),
                               std::string(one.substr(equals + 1)));
  }
}

std::string path_from(const std::string& directory, const std::string& path) {
  return path.empty() || path.front() == '/' || directory.empty() ? path : directory + "/" + path;
}

/// Adds the tasks of a role to a cell.
class CellMaker {
 public:
  explicit CellMaker(const Incarnation& incarnation) : of_(incarnation) {
    const TaskCounts tasks = tasks_of(allocation_of(of_.cells));
    const StoredJob& job = *of_.job;
    work_directory_ = path_from(job.directory, of_.file->directory);
    if (work_directory_.empty()) work_directory_ = job.directory;
    add_all(common_, job.environment);
    for (const auto& [name, value] : of_.file->environment) common_.insert_or_assign(name, value);
    common_.try_emplace("PYTHONUNBUFFERED", "1");
    common_["BOURSE_JOB"] = std::to_string(job.number);
    common_["BOURSE_JOB_NAME"] = job.name;
    common_["BOURSE_EPOCH"] = std::to_string(job.epoch);
    common_["BOURSE_WORKERS"] = std::to_string(tasks.workers);
    common_["BOURSE_SERVERS"] = std::to_string(tasks.servers);
    common_["BOURSE_CHECKPOINT"] = checkpoint_directory(*of_.file, of_.directory, job.directory);
    common_["MASTER_ADDR"] = of_.hosts[master()];
    common_["MASTER_PORT"] = std::to_string(job.port);
    common_["WORLD_SIZE"] = std::to_string(tasks.workers);
    common_["BOURSE_SERVER_ADDRESSES"] = server_addresses();
    if (const int batch = told_batch(*of_.file, static_cast<int>(job.batch)); batch > 0)
      common_["BOURSE_BATCH"] = std::to_string(batch);
    if (is_in_place()) common_["BOURSE_MEMBERS"] = members_path(of_.directory);
  }

  CellSpec cell(std::size_t at) {
    const StoredCell& record = of_.cells[at];
    CellSpec cell;
    cell.id = id_of(record);
    cell.token = record.token;
    cell.directory = fmt::format("{}/cells/{}", of_.directory, text_of(cell.id));
    cell.grace = of_.file->grace;
    cell.lease = of_.file->lease.value_or(of_.lease);
    cell.demand = demand_of(record);
    if (record.part != 0) {
      const LocalRank local = local_rank_of(record, of_.cells);
      add(cell, {role_of(record), record.task, record.rank, local.rank, local.size});
      return cell;
    }
    for (int i = 0; i < record.servers; ++i, ++next_server_)
      add(cell, {TaskRole::server, next_server_, next_server_, i, record.servers});
    for (int i = 0; i < record.workers; ++i, ++next_worker_)
      add(cell, {TaskRole::worker, next_worker_, next_worker_, i, record.workers});
    return cell;
  }

 private:
  struct Task {
    TaskRole role;
    int name;
    int rank;
    int local_rank;
    int local_size;
  };

  bool is_in_place() const { return !of_.cells.empty() && of_.cells.front().part != 0; }

  /// The cell whose host is that of the rendezvous: the first, or that of worker 0.
  std::size_t master() const {
    for (std::size_t at = 0; is_in_place() && at < of_.cells.size(); ++at) {
      const StoredCell& cell = of_.cells[at];
      if (!cell.is_stopping && cell.workers > 0 && cell.rank == 0) return at;
    }
    return 0;
  }

  /// "host:port,host:port", by rank; the ports follow MASTER_PORT.
  std::string server_addresses() const {
    std::map<int, std::string> by_rank;
    int next = 0;
    for (std::size_t at = 0; at < of_.cells.size(); ++at) {
      const StoredCell& cell = of_.cells[at];
      for (int i = 0; i < cell.servers && !cell.is_stopping; ++i, ++next) {
        const int rank = cell.part != 0 ? cell.rank : next;
        const int port = server_port(*of_.job, cell.part != 0 ? cell.task : next);
        by_rank[rank] = fmt::format("{}:{}", of_.hosts[at], port);
      }
    }
    std::string all;
    for (const auto& [rank, address] : by_rank) all += (all.empty() ? "" : ",") + address;
    return all;
  }

  ResourceVector demand_of(const StoredCell& group) const {
    ResourceVector demand = of_.spec->worker;
    for (std::size_t r = 0; r < demand.size(); ++r)
      demand[r] = group.workers * of_.spec->worker[r] + group.servers * of_.spec->server[r];
    return demand;
  }

  void add(CellSpec& cell, const Task& of) {
    const bool is_worker = of.role == TaskRole::worker;
    TaskSpec task;
    task.role = of.role;
    task.rank = of.name;
    task.command = is_worker ? of_.file->workers.command : of_.file->servers->command;
    task.directory = work_directory_;
    task.log_file = fmt::format("{}/logs/{}", of_.directory, log_name(task.name()));
    task.fifo = fmt::format("{}/{}.progress", cell.directory, task.name());
    task.progress_pattern = of_.file->progress_pattern;
    Variables variables = common_;
    variables["BOURSE_CELL"] = text_of(cell.id);
    variables["BOURSE_ROLE"] = is_worker ? "worker" : "server";
    variables["BOURSE_TASK"] = task.name();
    variables["BOURSE_RANK"] = std::to_string(of.rank);
    variables["BOURSE_PROGRESS"] = task.fifo;
    variables["RANK"] = std::to_string(of.rank);
    variables["LOCAL_RANK"] = std::to_string(of.local_rank);
    variables["LOCAL_WORLD_SIZE"] = std::to_string(of.local_size);
    for (const auto& [name, value] : variables)
      task.environment.push_back(fmt::format("{}={}", name, value));
    cell.tasks.push_back(std::move(task));
  }

  const Incarnation& of_;
  Variables common_;
  std::string work_directory_;
  int next_worker_ = 0;
  int next_server_ = 0;
};

}  // namespace

std::vector<CellSpec> cells_of(const Incarnation& incarnation) {
  CellMaker maker(incarnation);
  std::vector<CellSpec> cells;
  for (std::size_t at = 0; at < incarnation.cells.size(); ++at) cells.push_back(maker.cell(at));
  return cells;
}

std::string checkpoint_directory(const JobFile& file, const std::string& job_directory,
                                 const std::string& submitted_in) {
  if (file.checkpoint.empty()) return job_directory + "/checkpoint";
  return path_from(submitted_in, file.checkpoint);
}

std::string log_name(const std::string& task) { return task + ".log"; }

}  // namespace bourse
