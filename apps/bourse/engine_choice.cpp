#include "apps/bourse/engine_choice.h"

#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "apps/bourse/agent_command.h"
#include "apps/bourse/options.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/engine/local_engine.h"
#include "bourse/engine/slurm_engine.h"

namespace bourse {
namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr int kMostTries = 60;

bool may_come_back(const Result<std::vector<SlurmNode>>& nodes) {
  return !nodes && (nodes.error().code == ErrorCode::unavailable ||
                    nodes.error().code == ErrorCode::deadline_exceeded);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

/// All slurmds run here, as they do in tests: nobody else need reach us.
bool are_all_here(const std::vector<SlurmNode>& nodes) {
  return std::ranges::all_of(nodes, [](const SlurmNode& node) {
    return node.address == "localhost" || node.address.starts_with("127.");
  });
}

/// "host", "host:port".
Result<void> read_agents(const std::string& text, SlurmEngineOptions& options) {
  const std::size_t colon = text.rfind(':');
  options.agents_host = text.substr(0, colon);
  if (colon != std::string::npos) {
    const auto port = parse_number(std::string_view(text).substr(colon + 1));
    if (!port || *port < 1 || *port > 65535 || *port != static_cast<std::uint16_t>(*port))
      return invalid(fmt::format("option --agents: '{}' is no host or host:port", quotable(text)));
    options.port = static_cast<std::uint16_t>(*port);
  }
  if (options.agents_host.empty())
    return invalid(fmt::format("option --agents: '{}' names no host", quotable(text)));
  if (options.agents_host == kLoopback || options.agents_host == "localhost")
    options.listen_host = kLoopback;
  return {};
}

/// The agent by a path that means the same on other machines.
std::vector<std::string> agent_on_nodes(const EngineChoice& choice) {
  if (!choice.agent.empty()) return {choice.agent};
  std::vector<std::string> command = agent_command();
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(command.front(), error);
  if (!error) command.front() = real.string();
  return command;
}

Result<std::unique_ptr<Engine>> open_slurm(RealWorld& real, const EngineChoice& choice,
                                           const std::string& state_directory, EngineCalls calls) {
  SlurmEngineOptions options;
  options.state_directory = state_directory;
  options.commands = slurm_command_options(choice);
  options.share = slurm_share(choice);
  options.agent_command = agent_on_nodes(choice);
  options.log = std::move(calls.log);
  options.on_new_nodes = std::move(calls.on_new_machines);
  BOURSE_TRY(options.helper, slurm_helper_of(choice));
  if (choice.poll) options.poll = *choice.poll;
  if (choice.time_limit) options.time_limit = *choice.time_limit;
  SlurmCommands commands(real.world(), options.commands);
  Result<std::vector<SlurmNode>> listed = wait_for_nodes(real, commands, options.share);
  // Once it has worked, Slurm will be back.
  const bool has_worked = real.world().files.exists(state_directory + "/slurm.json");
  for (int tries = 0; has_worked && tries < kMostTries && may_come_back(listed); ++tries) {
    if (tries == 0) options.log(listed.error().message);
    real.world().clock.call_in(Seconds(1), [&real] { real.stop(); });
    real.run();
    listed = wait_for_nodes(real, commands, options.share);
  }
  BOURSE_TRY(std::vector<SlurmNode> nodes, std::move(listed));
  if (!choice.agents.empty()) {
    BOURSE_TRY_VOID(read_agents(choice.agents, options));
  } else if (are_all_here(nodes)) {
    options.agents_host = options.listen_host = kLoopback;
  } else {
    options.agents_host = host_name();
  }
  BOURSE_TRY(std::unique_ptr<SlurmEngine> engine,
             SlurmEngine::open(real.world(), std::move(options), std::move(nodes)));
  return engine;
}

}  // namespace

void add_slurm_options(CLI::App& command, EngineChoice& choice) {
  const auto with_slurm = [](CLI::Option* option) { option->group("With --engine slurm"); };
  const auto add = [&](const char* name, std::string& target, const char* type, const char* text) {
    with_slurm(command.add_option(name, target, text)->type_name(type));
  };
  add("--partition", choice.access.partition, "NAME", "Partition (default: Slurm's default one)");
  add("--nodes", choice.nodes, "LIST", "Use these nodes only, as n[1-4],n7 (default: all)");
  add("--features", choice.features, "LIST",
      "Use only nodes that have all these features, as a100,ib (default: all)");
  with_slurm(add_number(command, "--share", choice.share, 0.1, 100,
                        "Use so many per cent of the nodes (default: 100)"));
  add("--account", choice.access.account, "NAME", "Account of the jobs");
  add("--qos", choice.access.qos, "NAME", "Quality of service of the jobs");
  add("--reservation", choice.access.reservation, "NAME", "Reservation of the jobs");
  add("--agents", choice.agents, "ADDRESS",
      "Where nodes reach this daemon, host or host:port (default: this host's name, a port that "
      "is free)");
  add("--agent", choice.agent, "PATH", "bourse-agent on the nodes (default: beside this program)");
  add("--helper", choice.helper, "PATH",
      "bourse-slurm-helper, or none: Slurm's commands do it all (default: the one beside this "
      "program, if it is there)");
  with_slurm(add_duration(command, "--poll", choice.poll,
                          "Slurm is asked so often what it thinks (default: 10s)"));
  with_slurm(add_duration(command, "--cell-time", choice.time_limit,
                          "Time limit of jobs, extended while they live (default: 1h)"));
}

void add_engine_options(CLI::App& command, EngineChoice& choice) {
  command
      .add_option("--machines", choice.machines,
                  "Play these machines on this one: 4x2 (4 machines of 2 GPUs) or a cluster file "
                  "(default: this machine as it is)")
      ->type_name("CLUSTER");
  command
      .add_option("--engine", choice.engine,
                  "Where tasks run: local (on this machine) or slurm (as jobs of Slurm) (default: "
                  "local)")
      ->type_name("NAME");
  add_slurm_options(command, choice);
}

SlurmShare slurm_share(const EngineChoice& choice) {
  SlurmShare share{.nodes = choice.nodes, .features = {}, .of_nodes = choice.share / 100};
  for (const std::string_view feature : split(choice.features, ','))
    if (!trim(feature).empty()) share.features.emplace_back(trim(feature));
  return share;
}

Result<std::string> slurm_helper_of(const EngineChoice& choice) {
  if (choice.helper == "none") return std::string();
  const auto is_program = [](const std::string& path) { return access(path.c_str(), X_OK) == 0; };
  if (!choice.helper.empty()) {
    if (!is_program(choice.helper))
      return invalid(
          fmt::format("option --helper: there is no program '{}'", quotable(choice.helper)));
    return std::filesystem::absolute(choice.helper).string();
  }
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string beside = (self.parent_path() / "bourse-slurm-helper").string();
  return !error && is_program(beside) ? beside : "";
}

SlurmCommandOptions slurm_command_options(const EngineChoice& choice) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable)
    environment.emplace_back(*variable);
  return {.environment = slurm_environment(environment), .access = choice.access};
}

Result<std::vector<SlurmNode>> wait_for_nodes(RealWorld& real, SlurmCommands& commands,
                                              const SlurmShare& share) {
  Result<std::vector<SlurmNode>> found = fail(ErrorCode::unavailable, "Slurm was not asked");
  discover_nodes(commands, share, [&](Result<std::vector<SlurmNode>> nodes) {
    found = std::move(nodes);
    real.stop();
  });
  real.run();
  return found;
}

Result<std::string> wait_for_answer(RealWorld& real, SlurmCommands& commands,
                                    std::vector<std::string> command) {
  Result<std::string> said = fail(ErrorCode::unavailable, "Slurm was not asked");
  commands.run(std::move(command), [&](Result<std::string> output) {
    said = std::move(output);
    real.stop();
  });
  real.run();
  return said;
}

Result<std::unique_ptr<Engine>> open_engine(RealWorld& real, const EngineChoice& choice,
                                            const std::string& state_directory, EngineCalls calls) {
  const SlurmAccess& access = choice.access;
  if (choice.engine == "slurm") {
    if (!choice.machines.empty())
      return invalid("option --machines: machines come from Slurm; use --nodes or --share");
    return open_slurm(real, choice, state_directory, std::move(calls));
  }
  if (choice.engine != "local")
    return invalid(fmt::format("option --engine: there is no engine '{}'; use local or slurm",
                               quotable(choice.engine)));
  for (const std::string* const value :
       {&access.partition, &access.account, &access.qos, &access.reservation, &choice.nodes,
        &choice.features, &choice.agents, &choice.agent, &choice.helper})
    if (!value->empty())
      return invalid(fmt::format("'{}' is for --engine slurm", quotable(*value)));
  LocalEngineOptions options;
  options.state_directory = state_directory;
  options.agent_command = agent_command();
  options.log = std::move(calls.log);
  if (!choice.machines.empty()) {
    BOURSE_TRY(options.machines, load_cluster(choice.machines));
  }
  BOURSE_TRY(std::unique_ptr<LocalEngine> engine,
             LocalEngine::open(real.world(), std::move(options)));
  return engine;
}

}  // namespace bourse
