#include "apps/bourse/daemon_command.h"

#include <CLI/CLI.hpp>
#include <ctime>
#include <nlohmann/json.hpp>

#include "apps/bourse/terminal.h"

namespace bourse {

void add_daemon_options(CLI::App& app, DaemonOptions& options) {
  add_server_option(app, options.server);
  add_format(app, options.format, false);
}

CLI::Option* add_job_number(CLI::App& app, std::uint64_t& target) {
  return add_whole(app, "NUMBER", target, 1, std::uint64_t{1} << 53, "Number of the job");
}

int ask_and_print(const DaemonOptions& options,
                  const std::function<Result<std::string>(DaemonClient&)>& ask,
                  const std::function<Result<std::string>(const std::string&)>& text) {
  const Result<ServerAddress> address = server_address(options.server);
  if (!address) return usage_error(address.error());
  DaemonClient client(*address);
  const Result<std::string> answer = ask(client);
  if (!answer) return failure(answer.error());
  if (options.format == OutputFormat::json) return print(indented(*answer));
  const Result<std::string> shown = text(*answer);
  return shown ? print(*shown) : failure(shown.error());
}

std::string indented(const std::string& json) {
  const auto parsed = nlohmann::ordered_json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return json + "\n";
  return parsed.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

Seconds unix_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return Seconds(static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9);
}

}  // namespace bourse
