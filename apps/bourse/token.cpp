#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/state_directory.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/view_text.h"
#include "bourse/base/text.h"
#include "bourse/service/api_json.h"
#include "bourse/service/store.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

struct TokenOptions {
  DaemonOptions daemon;
  std::string state;
  TokenRequest request;
  std::size_t role = 1;  ///< Position of `user` in the roles.
  std::string id;
};

/// The tokens in a state directory that no daemon works in, and the change of one of them.
template <class T>
Result<T> in_state(const std::string& named,
                   const std::function<Result<T>(Store&, const World&)>& work) {
  RealWorld real;
  const World& world = real.world();
  const std::string directory = state_directory(named);
  BOURSE_TRY(const auto lock, lock_state_directory(world.files, directory));
  BOURSE_TRY(const auto store,
             Store::open(directory, world.files.sqlite_vfs(), world.clock.unix_time()));
  store->begin();
  Result<T> done = work(*store, world);
  BOURSE_TRY_VOID(store->commit());
  return done;
}

/// Asks the daemon, or works in the directory that was named. Both answer with the same JSON.
int run(const TokenOptions& options, const std::function<Result<std::string>(DaemonClient&)>& ask,
        const std::function<Result<std::string>(Store&, const World&)>& work,
        const std::function<Result<std::string>(const std::string&)>& text) {
  if (options.state.empty()) return ask_and_print(options.daemon, ask, text);
  const Result<std::string> json = in_state<std::string>(options.state, work);
  if (!json) return failure(json.error());
  if (options.daemon.format == OutputFormat::json) return print(indented(*json));
  const Result<std::string> shown = text(*json);
  return shown ? print(*shown) : failure(shown.error());
}

int run_create(const TokenOptions& options) {
  TokenRequest request = options.request;
  request.role = static_cast<Role>(options.role);
  return run(
      options,
      [&](DaemonClient& client) { return client.post("/v1/tokens", {}, to_json(request)); },
      [&](Store& store, const World& world) -> Result<std::string> {
        BOURSE_TRY(const MadeToken made, make_token(request, world.random.bits(),
                                                    world.random.token(), world.clock.unix_time()));
        store.put_token(made.stored);
        TokenView view = view_of(made.stored);
        view.token = made.token;
        return to_json(view);
      },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const TokenView token, token_view_from_json(json));
        print_note(fmt::format("token {} of {} ({}); it is shown this once", token.id, token.user,
                               name_of(token.role)));
        return token.token.value_or("") + "\n";
      });
}

int run_list(const TokenOptions& options) {
  return run(
      options, [](DaemonClient& client) { return client.get("/v1/tokens"); },
      [](Store& store, const World&) -> Result<std::string> {
        TokenList list;
        for (const StoredToken& token : store.tokens()) list.tokens.push_back(view_of(token));
        return to_json(list);
      },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const TokenList list, token_list_from_json(json));
        return tokens_text(list, unix_now());
      });
}

int run_revoke(const TokenOptions& options) {
  return run(
      options,
      [&](DaemonClient& client) { return client.remove("/v1/tokens/" + url_part(options.id)); },
      [&](Store& store, const World&) -> Result<std::string> {
        for (const StoredToken& token : store.tokens())
          if (token.id == options.id) {
            store.remove_token(token.id);
            return to_json(view_of(token));
          }
        return fail(ErrorCode::not_found,
                    fmt::format("there is no token '{}'", quotable(options.id)));
      },
      [](const std::string& json) -> Result<std::string> {
        BOURSE_TRY(const TokenView token, token_view_from_json(json));
        return fmt::format("token {} of {} is revoked\n", token.id, token.user);
      });
}

CLI::App* add(CLI::App& group, const std::shared_ptr<TokenOptions>& options,
              const std::string& name, const std::string& help) {
  CLI::App* const command = group.add_subcommand(name, help);
  add_daemon_options(*command, options->daemon);
  command
      ->add_option("--state", options->state,
                   "Work in this state directory instead, while no daemon does")
      ->type_name("DIR");
  return command;
}

}  // namespace

void add_token(CLI::App& app, int& status) {
  CLI::App* const group = app.add_subcommand("token", "Create, list or revoke tokens of users");
  group->require_subcommand(1);
  const auto options = std::make_shared<TokenOptions>();

  CLI::App* const create = add(*group, options, "create", "Make a token and print it, this once");
  create->add_option("USER", options->request.user, "Whose token it is")->required();
  add_choice(
      *create, "--role", options->role, {"viewer", "user", "admin"},
      "viewer sees all but logs and job files; user submits jobs, and sees and cancels those "
      "only; admin does everything (default: user)");
  create->add_option("--note", options->request.note, "What it is for")->type_name("TEXT");
  add_duration(*create, "--lifetime", options->request.lifetime,
               "How long it is good for (default: until it is revoked)");
  add_examples(*create,
               {"bourse token create alice", "bourse token create monitoring --role viewer",
                "bourse token create root --role admin --lifetime 30d --state ./state"});
  create->callback([options, &status] { status = run_create(*options); });

  CLI::App* const list = add(*group, options, "list", "List the tokens");
  add_examples(*list, {"bourse token list"});
  list->callback([options, &status] { status = run_list(*options); });

  CLI::App* const revoke = add(*group, options, "revoke", "Revoke a token");
  revoke->add_option("ID", options->id, "As 'bourse token list' shows it")->required();
  add_examples(*revoke, {"bourse token revoke 1f2e3d4c"});
  revoke->callback([options, &status] { status = run_revoke(*options); });
  add_examples(*group, {"bourse token create alice", "bourse token list"});
}

}  // namespace bourse
