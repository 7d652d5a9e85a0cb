#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/terminal.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

struct LogsOptions {
  DaemonOptions daemon;
  std::uint64_t number = 0;
  std::string task = "worker-0";
  bool is_following = false;
};

/// The whole log, part after part.
Result<std::string> read_log(DaemonClient& client, const std::string& path, const std::string& task,
                             const std::function<bool(const std::string&)>& take) {
  std::uint64_t offset = 0;
  while (true) {
    BOURSE_TRY(const std::string part,
               client.get(path, {{"task", task}, {"offset", fmt::format("{}", offset)}}));
    if (part.empty() || !take(part)) return std::string();
    offset += part.size();
  }
}

int follow(DaemonClient& client, const std::string& path, const std::string& task) {
  end_quietly_on_interrupt();
  int status = kExitOk;
  const Result<void> streamed =
      client.stream(path, {{"task", task}, {"follow", "true"}}, [&](std::string_view piece) {
        status = print(piece);
        return status == kExitOk;
      });
  return streamed ? status : failure(streamed.error());
}

int run_logs(const LogsOptions& options) {
  const Result<ServerAddress> address = server_address(options.daemon.server);
  if (!address) return usage_error(address.error());
  DaemonClient client(*address);
  const std::string path = fmt::format("/v1/jobs/{}/log", options.number);
  const bool is_json = options.daemon.format == OutputFormat::json;
  if (options.is_following && is_json)
    return usage_error({ErrorCode::invalid_argument, "logs: --follow has no JSON"});
  if (options.is_following) return follow(client, path, options.task);
  std::string all;
  int status = kExitOk;
  const Result<std::string> read =
      read_log(client, path, options.task, [&](const std::string& part) {
        if (is_json)
          all += part;
        else
          status = print(part);
        return status == kExitOk;
      });
  if (!read) return failure(read.error());
  if (!is_json) return status;
  const nlohmann::ordered_json json = {
      {"job", options.number}, {"task", options.task}, {"log", all}};
  return print(json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace

void add_logs(CLI::App& app, int& status) {
  const auto options = std::make_shared<LogsOptions>();
  CLI::App* const command = app.add_subcommand("logs", "Print what a task of a job has written");
  add_job_number(*command, options->number)->required();
  command->add_option("--task", options->task, "Which task (default: worker-0)")->type_name("TASK");
  command->add_flag("-f,--follow", options->is_following,
                    "Go on with what is written, until the task ends");
  add_daemon_options(*command, options->daemon);
  add_examples(*command, {"bourse logs 17", "bourse logs 17 -f --task worker-3"});
  command->callback([options, &status] { status = run_logs(*options); });
}

}  // namespace bourse
