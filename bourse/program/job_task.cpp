#include "bourse/program/job_task.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "bourse/base/text.h"
#include "bourse/world/descriptor.h"
#include "bourse/world/system_error.h"

namespace bourse::program {
namespace {

bool has_role(const ProgramGraph& graph, std::uint32_t unit, NodeRole role) {
  const auto nodes = graph.nodes_of_unit(unit);
  return std::ranges::any_of(nodes,
                             [&](const NodeSpec* node) { return node->options.role == role; });
}

std::string variable(const char* name) {
  // Read before any thread is started.
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr)
    throw std::logic_error(fmt::format(
        "--launch=job is for tasks of a job of bourse, and here is no {}; submit the program: "
        "bourse submit --program ...",
        name));
  return value;
}

/// "10.0.0.1" of "10.0.0.1:2000,10.0.0.2:2001".
std::string first_host(std::string_view addresses) {
  const std::string_view first = addresses.substr(0, addresses.find(','));
  return std::string(first.substr(0, first.rfind(':')));
}

}  // namespace

HostedUnits hosted_units(const ProgramGraph& graph) {
  HostedUnits units;
  for (std::uint32_t unit = 0; unit < graph.unit_count; ++unit) {
    if (has_role(graph, unit, NodeRole::worker))
      units.workers.push_back(unit);
    else if (has_role(graph, unit, NodeRole::parameter_server))
      units.servers.push_back(unit);
  }
  return units;
}

void start_with_fewest_workers(ProgramGraph& graph) {
  for (NodeSpec& node : graph.nodes)
    if (node.options.role == NodeRole::worker && graph.is_elastic(node.label))
      node.is_spare = node.index >= static_cast<std::uint32_t>(node.options.min_replicas);
}

JobTask task_of_this_process() {
  JobTask task{.is_worker = variable("BOURSE_ROLE") == "worker"};
  const std::string rank = variable("BOURSE_RANK");
  std::from_chars(rank.data(), rank.data() + rank.size(), task.rank);
  task.host = first_host(variable("BOURSE_SERVER_ADDRESSES"));
  if (task.host.empty())
    throw std::logic_error(
        "--launch=job: the job has no server, which is what launches the program; submit the "
        "program: bourse submit --program ...");
  // Tasks of another start of the job must not be found.
  task.meeting =
      fmt::format("{}/.program-{}", variable("BOURSE_CHECKPOINT"), variable("BOURSE_EPOCH"));
  return task;
}

Result<void> write_meeting(const std::string& path, const Meeting& meeting) {
  const std::string text = fmt::format("{}\n{}\n", meeting.control, meeting.token);
  const std::string draft = path + ".new";
  {
    const Descriptor file(open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.is_open() ||
        write(file.number(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      return system_failure("write", draft, errno);
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) return system_failure("write", path, errno);
  return {};
}

Result<Meeting> await_meeting(const std::string& path, Deadline until) {
  constexpr Nanoseconds kPause = std::chrono::milliseconds(20);
  while (true) {
    Meeting meeting;
    std::ifstream file(path);
    if (std::getline(file, meeting.control) && std::getline(file, meeting.token)) return meeting;
    if (now() >= until)
      return fail(ErrorCode::deadline_exceeded,
                  fmt::format("the launcher of the program has not said where it is, in {}", path));
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace bourse::program
