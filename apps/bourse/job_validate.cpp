#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "apps/bourse/commands.h"
#include "apps/bourse/job_input.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/units.h"
#include "bourse/service/job_file.h"

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

struct ValidateOptions {
  std::string path;
  std::string cluster;
  OutputFormat format = OutputFormat::table;
};

/// "2 to 16 workers", "1 worker".
std::string sizes_text(const JobFile& file) {
  if (file.min_workers < file.max_workers)
    return fmt::format("{} to {} workers", file.min_workers, file.max_workers);
  return fmt::format("{} worker{}", file.min_workers, file.min_workers == 1 ? "" : "s");
}

std::string work_text(const JobFile& file) {
  if (file.samples > 0) return number_text(file.samples) + " samples";
  return human(file.duration) + " with the fewest workers";
}

Json json_of(const ValidateOptions& options, const JobFile& file,
             const std::vector<std::string>& warnings) {
  return {{"version", BOURSE_VERSION},
          {"file", options.path},
          {"name", file.name},
          {"min_workers", file.min_workers},
          {"max_workers", file.max_workers},
          {"samples", file.samples > 0 ? Json(file.samples) : Json(nullptr)},
          {"duration_s", file.duration.value > 0 ? Json(file.duration.value) : Json(nullptr)},
          {"elastic", name_of(file.elastic)},
          {"warnings", warnings}};
}

int run_validate(const ValidateOptions& options) {
  Result<JobInput> input = read_job_input(options.path);
  if (!input) return failure(input.error());
  if (const auto filled = fill_in_program(*input, options.path); !filled)
    return failure(filled.error());
  const Result<JobFile> file = parse_job_file(input->text, options.path);
  if (!file) return failure(file.error());
  if (!options.cluster.empty()) {
    const Result<Cluster> cluster = load_cluster(options.cluster);
    if (!cluster) return failure(cluster.error());
    const Result<JobSpec> job = bind_job(*file, *cluster, Seconds(0));
    if (!job)
      return failure({job.error().code, fmt::format("{}: {}", options.path, job.error().message)});
  }
  const std::vector<std::string> warnings = warnings_about(*file, input->directory);
  for (const std::string& warning : warnings) print_note(options.path + ": " + warning);
  if (options.format == OutputFormat::json)
    return print(
        json_of(options, *file, warnings).dump(2, ' ', false, Json::error_handler_t::replace) +
        "\n");
  return print(fmt::format("{}: job '{}', {}, {}, elastic: {}\n", options.path, file->name,
                           sizes_text(*file), work_text(*file), name_of(file->elastic)));
}

}  // namespace

void add_job_validate(CLI::App& app, int& status) {
  const auto options = std::make_shared<ValidateOptions>();
  CLI::App* const command = app.add_subcommand("validate", "Check a job file; needs no daemon");
  command->add_option("FILE", options->path, "The job file; - reads standard input")->required();
  command
      ->add_option("--cluster", options->cluster,
                   "Also check that the job fits this empty cluster: a file, or 4x8")
      ->type_name("CLUSTER");
  add_format(*command, options->format, false);
  add_examples(*command,
               {"bourse job validate job.yaml", "bourse job validate job.yaml --cluster 4x8"});
  command->callback([options, &status] { status = run_validate(*options); });
}

}  // namespace bourse
