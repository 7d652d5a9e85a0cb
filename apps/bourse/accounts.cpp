#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/view_text.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

struct AccountsOptions {
  DaemonOptions daemon;
  AccountRequest request;
  std::string members;
  std::string credits;
};

std::string path_of(const std::string& name) { return "/v1/accounts/" + url_part(name); }

Result<std::string> one_account(const std::string& json) {
  BOURSE_TRY(const Account account, account_from_json(json));
  return account_text({.account = account, .charges = {}}, unix_now());
}

int run_list(const AccountsOptions& options) {
  return ask_and_print(
      options.daemon, [](DaemonClient& client) { return client.get("/v1/accounts"); },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const AccountList list, account_list_from_json(json));
        return accounts_text(list, unix_now());
      });
}

int run_show(const AccountsOptions& options) {
  return ask_and_print(
      options.daemon,
      [&](DaemonClient& client) { return client.get(path_of(options.request.name)); },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const AccountDetail detail, account_detail_from_json(json));
        return account_text(detail, unix_now());
      });
}

Result<double> credits_in(const std::string& text) {
  const Result<double> credits = parse_number(text);
  if (!credits) return invalid(fmt::format("'{}' is no number of credits", quotable(text)));
  return credits;
}

int run_create(const AccountsOptions& options) {
  AccountRequest request = options.request;
  if (!options.credits.empty()) {
    const Result<double> credits = credits_in(options.credits);
    if (!credits) return usage_error(credits.error());
    request.credits = *credits;
  }
  for (const std::string_view member : split(options.members, ','))
    if (!member.empty()) request.members.emplace_back(member);
  return ask_and_print(
      options.daemon,
      [&](DaemonClient& client) { return client.post("/v1/accounts", {}, to_json(request)); },
      one_account);
}

int run_grant(const AccountsOptions& options) {
  const Result<double> credits = credits_in(options.credits);
  if (!credits) return usage_error(credits.error());
  return ask_and_print(
      options.daemon,
      [&](DaemonClient& client) {
        return client.post(path_of(options.request.name) + "/grant",
                           {{"credits", fmt::format("{}", *credits)}});
      },
      one_account);
}

}  // namespace

void add_accounts(CLI::App& app, int& status) {
  CLI::App* const group = app.add_subcommand("accounts", "Create, list, fill or show accounts");
  group->require_subcommand(1);
  const auto options = std::make_shared<AccountsOptions>();

  CLI::App* const create = group->add_subcommand(
      "create", "Make an account for the jobs of a group, or give it other terms");
  create->add_option("NAME", options->request.name, "Name of the group, or 'default'")->required();
  create
      ->add_option("--credits", options->credits,
                   "What its jobs may be charged in a period, in units of utility; with --shares, "
                   "what it begins with (default: no limit; with --shares 0)")
      ->type_name("NUMBER");
  add_duration(*create, "--period", options->request.period,
               "How often it gets its credits anew; what is left of them goes (default: 30d)");
  add_number(*create, "--shares", options->request.shares, 0, 1e9,
             "Fair share in place of periods: what jobs are charged is paid out to the accounts "
             "with shares, by their shares (default: 0)");
  create
      ->add_option("--members", options->members,
                   "Users whose jobs it pays for, separated by commas (default: all)")
      ->type_name("USERS");
  add_daemon_options(*create, options->daemon);
  add_examples(*create, {"bourse accounts create team-a --credits 1000 --period 7d",
                         "bourse accounts create team-b --shares 2 --members alice,bob",
                         "bourse accounts create default --credits 100"});
  create->callback([options, &status] { status = run_create(*options); });

  CLI::App* const list = group->add_subcommand("list", "List the accounts");
  add_daemon_options(*list, options->daemon);
  add_examples(*list, {"bourse accounts list"});
  list->callback([options, &status] { status = run_list(*options); });

  CLI::App* const grant = group->add_subcommand("grant", "Add credits to an account");
  grant->add_option("NAME", options->request.name, "Of the account")->required();
  grant->add_option("CREDITS", options->credits, "How many; fewer than 0 takes some away")
      ->required();
  add_daemon_options(*grant, options->daemon);
  add_examples(*grant, {"bourse accounts grant team-a 50"});
  grant->callback([options, &status] { status = run_grant(*options); });

  CLI::App* const show =
      group->add_subcommand("show", "Show an account with what its jobs were charged");
  show->add_option("NAME", options->request.name, "Of the account")->required();
  add_daemon_options(*show, options->daemon);
  add_examples(*show, {"bourse accounts show team-a"});
  show->callback([options, &status] { status = run_show(*options); });
  add_examples(*group, {"bourse accounts list", "bourse accounts create team-a --credits 1000"});
}

}  // namespace bourse
