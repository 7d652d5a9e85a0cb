#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"
#include "apps/bourse/state_directory.h"
#include "apps/bourse/store_check.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"
#include "bourse/service/sqlite.h"
#include "bourse/world/real_world.h"

namespace bourse {
namespace {

struct BackupOptions {
  std::string file;
  std::string state;
};

/// check_store, with the name of the file that it is about.
Result<void> check(const std::string& path, const std::string& name) {
  const Result<std::int64_t> version = check_store(path, CheckDepth::full);
  if (version) return {};
  return fail(version.error().code, fmt::format("'{}': {}", name, version.error().message));
}

/// One instant of the journal, whatever the daemon does meanwhile, then under its name in one step.
Result<void> back_up(const BackupOptions& options) {
  RealWorld real;
  Files& files = real.world().files;
  const std::string source = state_directory(options.state) + "/bourse.db";
  if (!files.exists(source))
    return fail(ErrorCode::not_found, fmt::format("there is no store '{}'", source));
  if (files.exists(options.file))
    return fail(ErrorCode::already_exists,
                fmt::format("'{}' is there; name a new file", options.file));
  const std::string draft = fmt::format("{}.{}.tmp", options.file, getpid());
  BOURSE_TRY_VOID(files.append(draft, ""));  // For its owner alone.
  Result<void> done;
  {
    BOURSE_TRY(const auto database, Database::open(source, nullptr));
    database->prepare("VACUUM INTO ?").bind(1, std::string_view(draft)).run();
    done = database->status();
  }
  if (done) done = check(draft, options.file);
  for (const char* more : {"-wal", "-shm"}) (void)files.remove(draft + more);
  if (done) return files.rename(draft, options.file);
  (void)files.remove(draft);
  return done;
}

/// The store that was there is kept beside it, whatever its state: with its log, which holds what
/// was committed last.
Result<std::string> set_aside(Files& files, const std::string& target, Seconds now) {
  std::string kept;
  if (files.exists(target)) {
    kept = fmt::format("{}.before-restore-{:.0f}", target, now.value);
    BOURSE_TRY_VOID(files.rename(target, kept));
    if (files.exists(target + "-wal"))
      BOURSE_TRY_VOID(files.rename(target + "-wal", kept + "-wal"));
  }
  // A log without its store would be taken for that of the new one.
  for (const char* more : {"-wal", "-shm"}) BOURSE_TRY_VOID(files.remove(target + more));
  return kept;
}

Result<std::string> restore(const BackupOptions& options) {
  RealWorld real;
  Files& files = real.world().files;
  BOURSE_TRY(const std::string bytes, files.read(options.file));
  const std::string directory = state_directory(options.state);
  BOURSE_TRY(const auto lock, lock_state_directory(files, directory));
  const std::string target = directory + "/bourse.db";
  const std::string draft = target + ".restored";
  BOURSE_TRY_VOID(files.write(draft, bytes));
  const Result<void> checked = check(draft, options.file);
  for (const char* more : {"-wal", "-shm"}) (void)files.remove(draft + more);
  if (!checked) {
    (void)files.remove(draft);
    return tl::unexpected<Error>(checked.error());
  }
  BOURSE_TRY(std::string kept, set_aside(files, target, real.world().clock.unix_time()));
  BOURSE_TRY_VOID(files.rename(draft, target));
  return kept;
}

void add_state(CLI::App& command, std::string& state) {
  command
      .add_option("--state", state,
                  "State directory of the daemon (default: ~/.local/state/bourse)")
      ->type_name("DIR");
}

}  // namespace

void add_backup(CLI::App& app, int& status) {
  const auto options = std::make_shared<BackupOptions>();
  CLI::App* const command =
      app.add_subcommand("backup", "Copy the journal of a daemon, which may be running");
  command->add_option("FILE", options->file, "Where to; must not exist")->required();
  add_state(*command, options->state);
  add_examples(*command, {"bourse backup monday.db", "bourse backup monday.db --state ./state"});
  command->callback([options, &status] {
    const Result<void> done = back_up(*options);
    status =
        done ? print(fmt::format("the journal is in {}\n", options->file)) : failure(done.error());
  });
}

void add_restore(CLI::App& app, int& status) {
  const auto options = std::make_shared<BackupOptions>();
  CLI::App* const command =
      app.add_subcommand("restore", "Put a backup in place of a journal, while no daemon runs");
  command->add_option("FILE", options->file, "Of 'bourse backup'")->required();
  add_state(*command, options->state);
  add_examples(*command, {"bourse restore monday.db", "bourse restore monday.db --state ./state"});
  command->callback([options, &status] {
    const Result<std::string> kept = restore(*options);
    if (!kept) {
      status = failure(kept.error());
      return;
    }
    if (!kept->empty()) print_note("the journal that was there is now " + *kept);
    status = print("restored\n");
  });
}

}  // namespace bourse
