#include <CLI/CLI.hpp>
#include <memory>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/view_text.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

Result<std::string> machines_of(const std::string& json) {
  BOURSE_TRY(const MachineList list, machine_list_from_json(json));
  return machines_text(list);
}

Result<std::string> prices_of(const std::string& json) {
  BOURSE_TRY(const PriceList list, price_list_from_json(json));
  return prices_text(list);
}

struct DrainOptions {
  DaemonOptions daemon;
  std::string machine;
  std::string reason;
};

void add_drain_or_undrain(CLI::App& app, int& status, const std::string& name,
                          const std::string& help, const std::string& example) {
  const auto options = std::make_shared<DrainOptions>();
  CLI::App* const command = app.add_subcommand(name, help);
  command->add_option("MACHINE", options->machine, "Its name, as 'bourse machines' shows it")
      ->required();
  command->add_option("--reason", options->reason, "Why, for people")->type_name("TEXT");
  add_daemon_options(*command, options->daemon);
  add_examples(*command, {example});
  command->callback([options, &status, name] {
    const std::string path = "/v1/machines/" + url_part(options->machine) + "/" + name;
    DaemonClient::Query query;
    if (!options->reason.empty()) query.emplace_back("reason", options->reason);
    status = ask_and_print(
        options->daemon, [&](DaemonClient& client) { return client.post(path, query); },
        machines_of);
  });
}

}  // namespace

void add_machines(CLI::App& app, int& status) {
  const auto options = std::make_shared<DaemonOptions>();
  CLI::App* const command =
      app.add_subcommand("machines", "List the machines of the daemon and what they hold");
  add_daemon_options(*command, *options);
  add_examples(*command, {"bourse machines", "bourse machines --format json"});
  command->callback([options, &status] {
    status = ask_and_print(
        *options, [](DaemonClient& client) { return client.get("/v1/machines"); }, machines_of);
  });
}

void add_drain(CLI::App& app, int& status) {
  add_drain_or_undrain(app, status, "drain", "Give a machine no more tasks and move those it has",
                       "bourse drain local-0 --reason 'a fan is broken'");
}

void add_undrain(CLI::App& app, int& status) {
  add_drain_or_undrain(app, status, "undrain", "Give a machine tasks again",
                       "bourse undrain local-0");
}

void add_prices(CLI::App& app, int& status) {
  const auto options = std::make_shared<DaemonOptions>();
  CLI::App* const command =
      app.add_subcommand("prices", "Show what a unit of each resource costs now");
  add_daemon_options(*command, *options);
  add_examples(*command, {"bourse prices"});
  command->callback([options, &status] {
    status = ask_and_print(
        *options, [](DaemonClient& client) { return client.get("/v1/prices"); }, prices_of);
  });
}

}  // namespace bourse
