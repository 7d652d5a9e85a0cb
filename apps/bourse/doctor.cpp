#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <vector>

#include "apps/bourse/agent_command.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/state_directory.h"
#include "apps/bourse/store_check.h"
#include "apps/bourse/terminal.h"
#include "bourse/report/table.h"
#include "bourse/service/api_json.h"
#include "bourse/service/store.h"

namespace bourse {
namespace {

enum class Verdict { good, odd, bad };

struct Finding {
  Verdict verdict = Verdict::good;
  std::string what;
  std::string detail;
};

/// Less of it free is odd, and less than a tenth of that is bad.
constexpr double kFreeBytes = 1 << 30;

Finding directory_of_state(const std::string& state) {
  struct stat status{};
  if (stat(state.c_str(), &status) != 0)
    return {Verdict::bad, "state", state + " is not there; 'bourse serve' makes it"};
  if ((status.st_mode & 077) != 0)
    return {Verdict::odd, "state", fmt::format("{} can be read by others; chmod 700 it", state)};
  if (access(state.c_str(), R_OK | W_OK | X_OK) != 0)
    return {Verdict::bad, "state", state + " belongs to another user; be that user"};
  return {Verdict::good, "state", state};
}

Finding space(const std::string& state) {
  struct statvfs status{};
  if (statvfs(state.c_str(), &status) != 0) return {Verdict::bad, "disk", "cannot be asked"};
  const double left = static_cast<double>(status.f_bavail) * static_cast<double>(status.f_frsize);
  const std::string text = fmt::format("{:.1f} GiB left", left / (1 << 30));
  if (left < kFreeBytes / 10) return {Verdict::bad, "disk", text + "; the journal needs some"};
  return {left < kFreeBytes ? Verdict::odd : Verdict::good, "disk", text};
}

Finding store(const std::string& state) {
  const std::string path = state + "/bourse.db";
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return {Verdict::odd, "store", "there is none yet"};
  const Result<std::int64_t> checked = check_store(path, CheckDepth::quick);
  if (!checked)
    return {Verdict::bad, "store",
            checked.error().message + "; 'bourse restore' puts a backup in its place"};
  const std::int64_t found = *checked;
  return {Verdict::good, "store",
          fmt::format("version {}{}, {:.1f} MiB", found,
                      found < Store::kVersion ? " (upgraded at the next start)" : "",
                      static_cast<double>(status.st_size) / (1 << 20))};
}

Finding secrets(const std::string& state) {
  for (const char* file : {"/tls/key.pem", "/bourse.db", "/audit.log"}) {
    struct stat status{};
    if (stat((state + file).c_str(), &status) == 0 && (status.st_mode & 077) != 0)
      return {Verdict::bad, "secrets",
              fmt::format("others may read {}{}; chmod 600 it", state, file)};
  }
  return {Verdict::good, "secrets", "for their owner alone"};
}

Finding agent() {
  const std::vector<std::string> command = agent_command();
  return {Verdict::good, "agent",
          command.size() == 1 ? command[0] : "bourse agent (slower to start)"};
}

Finding answer(const ServerAddress& address) {
  DaemonClient client(address);
  const Result<std::string> ready = client.get("/readyz");
  if (!ready) return {Verdict::bad, "daemon", ready.error().message};
  const Result<std::string> machines = client.get("/v1/machines");
  if (!machines) return {Verdict::bad, "daemon", machines.error().message};
  const Result<MachineList> list = machine_list_from_json(*machines);
  if (!list) return {Verdict::bad, "daemon", list.error().message};
  std::size_t down = 0;
  for (const MachineView& machine : list->machines)
    if (machine.state == "down") ++down;
  const std::string text =
      fmt::format("{} answers, {} machines", address.text(), list->machines.size());
  if (down == 0) return {Verdict::good, "daemon", text};
  return {Verdict::odd, "daemon", fmt::format("{}, {} of them down", text, down)};
}

int run_doctor(const DaemonOptions& options, const std::string& named) {
  const std::string state = state_directory(named);
  // Of the daemon whose state was named, unless it is said elsewhere.
  std::string server = options.server;
  const std::string socket = state + "/socket";
  if (server.empty() && !named.empty() && std::getenv("BOURSE_SERVER") == nullptr &&
      access(socket.c_str(), F_OK) == 0)
    server = "unix:" + socket;
  const Result<ServerAddress> address = server_address(server);
  if (!address) return usage_error(address.error());
  std::vector<Finding> findings{directory_of_state(state)};
  if (findings.front().verdict != Verdict::bad)
    for (const auto& look : {space, store, secrets}) findings.push_back(look(state));
  findings.push_back(agent());
  findings.push_back(answer(*address));
  Table table({{"", Align::left}, {"what", Align::left}, {"found", Align::left}});
  bool is_well = true;
  for (const Finding& finding : findings) {
    const char* const mark = finding.verdict == Verdict::good  ? "ok"
                             : finding.verdict == Verdict::odd ? "odd"
                                                               : "BAD";
    table.add_row({mark, finding.what, finding.detail});
    is_well = is_well && finding.verdict != Verdict::bad;
  }
  const int printed = print(table.text());
  return is_well ? printed : kExitFailure;
}

}  // namespace

void add_doctor(CLI::App& app, int& status) {
  struct Options {
    DaemonOptions daemon;
    std::string state;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const command =
      app.add_subcommand("doctor", "Look for what is wrong with a daemon of this machine");
  add_server_option(*command, options->daemon.server);
  command
      ->add_option("--state", options->state,
                   "State directory of the daemon (default: ~/.local/state/bourse)")
      ->type_name("DIR");
  add_examples(*command, {"bourse doctor", "bourse doctor --state /var/lib/bourse"});
  command->callback([options, &status] { status = run_doctor(options->daemon, options->state); });
}

}  // namespace bourse
