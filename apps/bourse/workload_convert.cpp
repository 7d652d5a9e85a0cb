#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "apps/bourse/command_text.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/files.h"
#include "apps/bourse/load.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"

namespace bourse {
namespace {

struct ConvertOptions {
  LoadOptions source;
  std::size_t to = 0;  ///< yaml, canonical
  std::string out;
};

std::string command_of(const ConvertOptions& options) {
  CommandText command("bourse workload convert " + shell_quoted(options.source.workload));
  if (options.source.format < kTraceFormatNames.size())
    command.add("--format-of-workload", kTraceFormatNames[options.source.format]);
  command.add("--to", options.to == 0 ? "yaml" : "canonical");
  if (!options.source.elastic.empty()) command.add("--elastic", options.source.elastic);
  command.add_number("--utility-seed", static_cast<double>(options.source.utility_seed), 1);
  return command.text();
}

/// Writes the file; returns what to tell the user.
Result<std::string> convert(const ConvertOptions& options) {
  BOURSE_TRY(TraceRead read, read_workload(options.source, nullptr));
  BOURSE_TRY_VOID(apply_elastic(read.workload, options.source, read.assumptions));
  std::string text;
  if (options.to == 0) {
    BOURSE_TRY_VOID(apply_utilities(read, options.source));
    text = fmt::format("# bourse {}; {}\n", BOURSE_VERSION, command_of(options)) +
           workload_yaml(read.workload);
  } else {
    BOURSE_TRY(text, write_canonical(read.workload));
  }
  BOURSE_TRY_VOID(write_file(options.out, text));
  for (const SkippedRows& rows : read.skipped)
    print_note(
        fmt::format("left out {}: {} (first: {})", rows.count, rows.reason, rows.first_example));
  for (const std::string& assumption : read.assumptions) print_note(assumption);
  return fmt::format("wrote {} jobs to {}\n", read.workload.jobs.size(), options.out);
}

int run_convert(const ConvertOptions& options) {
  const Result<std::string> told = convert(options);
  return told ? print(*told) : failure(told.error());
}

}  // namespace

void add_workload_convert(CLI::App& app, int& status) {
  const auto options = std::make_shared<ConvertOptions>();
  CLI::App* const command =
      app.add_subcommand("convert", "Write a workload or a trace in one of our own formats");
  add_file_argument(*command, options->source);
  add_choice(
      *command, "--to", options->to, {"yaml", "canonical"},
      "yaml keeps everything, and states the utilities that 'simulate' would give the jobs of a "
      "trace; canonical is CSV with arrival, duration, GPUs and group")
      ->required();
  command->add_option("-o,--out", options->out, "File to write")->type_name("FILE")->required();
  add_elastic_options(*command, options->source);
  add_examples(
      *command,
      {"bourse workload convert trace.csv.gz --to yaml --out trace.yaml",
       "bourse workload convert cluster_job_log --to canonical --out philly.csv",
       "bourse workload convert t.csv --to yaml --elastic profiles.csv --out elastic.yaml"});
  command->callback([options, &status] { status = run_convert(*options); });
}

}  // namespace bourse
