#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>

#include "apps/bourse/command_text.h"
#include "apps/bourse/commands.h"
#include "apps/bourse/files.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/report/table.h"
#include "bourse/trace/generator.h"

namespace bourse {
namespace {

struct GenerateOptions {
  std::string generator;
  std::vector<std::string> settings;  ///< "name=value", in the order given.
  std::uint64_t seed = 1;
  std::string out;
};

std::string command_of(const GenerateOptions& options) {
  CommandText command("bourse workload generate " + options.generator);
  for (const std::string& setting : options.settings) {
    const auto equals = setting.find('=');
    command.add("--" + setting.substr(0, equals), setting.substr(equals + 1));
  }
  command.add("--seed", std::to_string(options.seed));
  return command.text();
}

int run_generate(const GenerateOptions& options) {
  const Result<Workload> workload = generate(options.generator, options.settings, options.seed);
  if (!workload) return usage_error(workload.error());
  const std::string text = fmt::format("# bourse {}; {}\n", BOURSE_VERSION, command_of(options)) +
                           workload_yaml(*workload);
  if (options.out.empty()) return print(text);
  if (const auto written = write_file(options.out, text); !written) return failure(written.error());
  const std::size_t machines = workload->cluster ? workload->cluster->machines.size() : 0;
  return print(fmt::format("wrote {} jobs and {} machines to {}\n", workload->jobs.size(), machines,
                           options.out));
}

void add_generator(CLI::App& group, const GeneratorInfo& info, int& status) {
  const auto options = std::make_shared<GenerateOptions>();
  options->generator = info.name;
  CLI::App* const command =
      group.add_subcommand(std::string(info.name), "Generate " + std::string(info.what));
  add_whole(*command, "--seed", options->seed, 0, std::uint64_t{1} << 53,
            "Seed of every draw (default: 1)");
  command->add_option("-o,--out", options->out, "YAML file to write (default: standard output)")
      ->type_name("FILE");
  command
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [options](const std::vector<std::string>& settings) {
            options->settings.insert(options->settings.end(), settings.begin(), settings.end());
          },
          "Another way to write the options below; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  for (const OptionInfo& option : info.options) {
    const std::string name(option.name);
    command
        ->add_option_function<std::string>(
            "--" + name,
            [options, name](const std::string& value) {
              options->settings.push_back(fmt::format("{}={}", name, value));
            },
            fmt::format("{} (default: {})", option.what, option_text(option.unit, option.standard)))
        ->type_name("VALUE")
        ->group("Options of the generator");
  }
  add_examples(
      *command,
      {fmt::format("bourse workload generate {} --machines 64 --seed 7 --out w.yaml", info.name),
       fmt::format("bourse workload generate {} --set jobs=50 > w.yaml", info.name)});
  command->callback([options, &status] { status = run_generate(*options); });
}

/// All options of all generators with their defaults.
std::string footer_of(const std::vector<GeneratorInfo>& infos) {
  std::string out;
  for (const GeneratorInfo& info : infos) {
    std::string names;
    for (const OptionInfo& option : info.options)
      names += fmt::format("{}{}={}", names.empty() ? "" : ", ", option.name,
                           option_text(option.unit, option.standard));
    out +=
        fmt::format("Options of {}, with their defaults:\n", info.name) + wrapped(names, 2) + "\n";
  }
  return out +
         "Examples:\n"
         "  bourse workload generate paper --machines 100 --jobs 50 --slots 20 --out w.yaml\n"
         "  bourse workload generate philly-like --machines 64 --days 1 --out day.yaml\n"
         "  bourse workload generate paper --help";
}

}  // namespace

void add_workload_generate(CLI::App& app, int& status) {
  CLI::App* const group = app.add_subcommand(
      "generate", "Generate a workload with its cluster, the same for the same seed");
  group->require_subcommand(1);
  const std::vector<GeneratorInfo> infos = generators();
  for (const GeneratorInfo& info : infos) add_generator(*group, info, status);
  group->footer(footer_of(infos));
}

}  // namespace bourse
