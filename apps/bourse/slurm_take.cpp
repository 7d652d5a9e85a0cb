#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_client.h"
#include "apps/bourse/engine_choice.h"
#include "apps/bourse/held_job.h"
#include "apps/bourse/options.h"
#include "apps/bourse/server_address.h"
#include "apps/bourse/terminal.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

struct TakeOptions {
  std::string server;
  std::string partition = "bourse";
  std::string scripts;
};

std::string default_scripts() {
  const char* const home = std::getenv("HOME");
  return std::string(home == nullptr ? "" : home) + "/.local/state/bourse/scripts";
}

/// Hands the jobs that Slurm holds to the daemon, one after the other.
class Taker {
 public:
  Taker(const TakeOptions& options, const ServerAddress& address)
      : options_(options), commands_(real_.world(), slurm_command_options({})), client_(address) {}

  int run() {
    const Result<std::string> listed = ask({"squeue", "-h", "--me", "-t", "PENDING", "-p",
                                            options_.partition, "-o", std::string(kHeldJobFormat)});
    if (!listed) return failure(listed.error());
    int status = kExitOk;
    for (const HeldJob& job : parse_held_jobs(*listed)) {
      const Result<JobView> taken = take(job);
      if (!taken) {
        print_error(fmt::format("job {} of Slurm: {}", job.id, taken.error().message));
        status = kExitFailure;
        continue;
      }
      if (print(fmt::format("job {} of Slurm is now job {} '{}'\n", job.id, taken->number,
                            taken->name)) != kExitOk)
        return kExitFailure;
    }
    return status;
  }

 private:
  Result<std::string> ask(std::vector<std::string> command) {
    return wait_for_answer(real_, commands_, std::move(command));
  }

  Result<JobView> take(const HeldJob& job) {
    const std::string directory =
        std::filesystem::absolute(options_.scripts.empty() ? default_scripts() : options_.scripts);
    BOURSE_TRY_VOID(real_.world().files.make_directories(directory));
    const std::string script = fmt::format("{}/{}.sh", directory, job.id);
    BOURSE_TRY(const std::string file, job_file_of(job, script));
    BOURSE_TRY_VOID(ask({"scontrol", "write", "batch_script", std::to_string(job.id), script}));
    std::error_code error;
    std::filesystem::permissions(script, std::filesystem::perms::owner_all, error);
    if (error)
      return fail(ErrorCode::failed_precondition,
                  fmt::format("cannot make '{}' a program: {}", script, error.message()));
    SubmitRequest request;
    request.file = file;
    request.name = fmt::format("job {} of Slurm", job.id);
    request.directory = job.directory;
    // What is begun is written down first. A hand-over that was cut off is found, and not repeated.
    Files& files = real_.world().files;
    const std::string begun = fmt::format("{}/{}.begun", directory, job.id);
    std::optional<JobView> taken;
    if (files.exists(begun)) {
      BOURSE_TRY(taken, find(job.name, file));
    }
    BOURSE_TRY_VOID(files.write(begun, file));
    if (!taken) {
      BOURSE_TRY(const std::string answer, client_.post("/v1/jobs", {}, to_json(request)));
      BOURSE_TRY(SubmitReply reply, submit_reply_from_json(answer));
      if (!reply.job) return fail(ErrorCode::data_corrupted, "the daemon answered with no job");
      taken = std::move(reply.job);
    }
    BOURSE_TRY_VOID(ask({"scancel", std::to_string(job.id)}));
    BOURSE_TRY_VOID(files.remove(begun));
    return *std::move(taken);
  }

  /// The job of the daemon that was made from this file, which names a script that no other does.
  Result<std::optional<JobView>> find(const std::string& name, const std::string& file) {
    JobNumber before = 0;
    do {
      DaemonClient::Query query;
      if (before != 0) query.emplace_back("before", std::to_string(before));
      BOURSE_TRY(const std::string answer, client_.get("/v1/jobs", query));
      BOURSE_TRY(const JobList list, job_list_from_json(answer));
      for (const JobView& view : list.jobs) {
        if (view.name != name) continue;
        BOURSE_TRY(const std::string text, client_.get(fmt::format("/v1/jobs/{}", view.number)));
        BOURSE_TRY(const JobDetail detail, job_detail_from_json(text));
        if (detail.file == file) return view;
      }
      before = list.next_before;
    } while (before != 0);
    return std::nullopt;
  }

  TakeOptions options_;
  RealWorld real_;
  SlurmCommands commands_;
  DaemonClient client_;
};

}  // namespace

void add_slurm_take(CLI::App& app, int& status) {
  const auto options = std::make_shared<TakeOptions>();
  CLI::App* const command = app.add_subcommand(
      "take", "Hand your jobs that Slurm holds for bourse to the daemon (docs/slurm.md)");
  command->add_option("--partition", options->partition, "Where they wait (default: bourse)")
      ->type_name("NAME");
  command
      ->add_option("--scripts", options->scripts,
                   "Directory for their scripts, the same on all nodes (default: "
                   "~/.local/state/bourse/scripts)")
      ->type_name("DIR");
  add_server_option(*command, options->server);
  add_examples(*command, {"bourse slurm take", "bourse slurm take --partition elastic"});
  command->callback([options, &status] {
    const Result<ServerAddress> address = server_address(options->server);
    status = address ? Taker(*options, *address).run() : usage_error(address.error());
  });
}

}  // namespace bourse
