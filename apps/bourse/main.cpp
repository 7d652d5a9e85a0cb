#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "apps/bourse/commands.h"
#include "apps/bourse/help.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

/// The subcommand that the command line got to.
const CLI::App& deepest(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

/// What the command line said that nothing understood, in words that help.
std::string about_unknown(const CLI::App& app, const std::string& word) {
  std::vector<std::string> names;
  const bool is_option = word.starts_with("-") && word.size() > 1;
  if (is_option) {
    for (const CLI::Option* option : app.get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  } else {
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(sub->get_name());
  }
  const std::string name = word.substr(0, word.find('='));
  const std::vector<std::string_view> known(names.begin(), names.end());
  if (!is_option && known.empty())
    return fmt::format("'{}': unexpected argument '{}'", app.get_display_name(), quotable(word));
  const std::string_view near = nearest(name, known);
  return fmt::format("{}there is no {} '{}'{}",
                     app.get_parent() == nullptr ? "" : app.get_name() + ": ",
                     is_option ? "option" : "command", quotable(name),
                     near.empty() ? "; try --help" : fmt::format("; did you mean '{}'?", near));
}

/// One sentence about a command line that cannot be used.
std::string sentence(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = deepest(app);
  const std::vector<std::string> unknown = app.remaining(true);
  if (!unknown.empty()) return about_unknown(command, unknown.front());
  const bool needs_command =
      command.get_require_subcommand_min() > 0 && command.get_subcommands().empty();
  if (needs_command) {
    std::string names;
    for (const CLI::App* sub : command.get_subcommands([](const CLI::App*) { return true; }))
      names += (names.empty() ? "" : ", ") + sub->get_name();
    return fmt::format("{}say a command: {}",
                       command.get_parent() == nullptr ? "" : command.get_name() + ": ", names);
  }
  std::string text = error.what();
  for (char& c : text)
    if (c == '\n') c = ' ';
  return text;
}

std::string program_footer() {
  return "Exit codes:\n"
         "  0    done\n"
         "  1    bad data, or the work failed\n"
         "  2    bad command line\n"
         "  130  interrupted\n"
         "\n"
         "Examples:\n"
         "  bourse simulate --cluster 256x8 --workload trace.csv.gz --policy fifo,pd-ors\n"
         "  bourse compare --cluster 256x8 --workload trace.csv.gz --policies all --out results\n"
         "  bourse workload generate philly-like --machines 64 --days 1 --out day.yaml\n"
         "  bourse policies pd-ors\n"
         "  bourse simulate --help";
}

int run(int argc, char** argv) {
  CLI::App app("Simulate and compare online schedulers for distributed training", "bourse");
  int status = kExitOk;
  app.require_subcommand(1);
  app.footer(program_footer());
  app.set_version_flag("--version", "bourse " BOURSE_VERSION, "Print the version");
  use_our_help(app);
  add_simulate(app, status);
  add_compare(app, status);
  add_workload(app, status);
  add_optimum(app, status);
  add_bound(app, status);
  add_policies(app, status);
  add_train(app, status);
  add_serve(app, status);
  add_submit(app, status);
  add_jobs(app, status);
  add_job(app, status);
  add_logs(app, status);
  add_cancel(app, status);
  add_explain(app, status);
  add_prices(app, status);
  add_machines(app, status);
  add_drain(app, status);
  add_undrain(app, status);
  add_top(app, status);
  add_slurm(app, status);
  add_token(app, status);
  add_agent(app, status);
  add_version(app, status);
  add_completion(app, status);
  try {
    app.parse(argc, argv);
    return status;
  } catch (const CLI::CallForHelp&) {
    return print(app.help());
  } catch (const CLI::CallForVersion&) {
    return print("bourse " BOURSE_VERSION "\n");
  } catch (const CLI::ParseError& error) {
    return usage_error({ErrorCode::invalid_argument, sentence(app, error)});
  }
}

}  // namespace
}  // namespace bourse

int main(int argc, char** argv) {
  bourse::catch_interrupt();
  try {
    return bourse::run(argc, argv);
  } catch (const std::bad_alloc&) {
    bourse::print_error("there is not enough memory");
  } catch (const std::exception& error) {
    bourse::print_error(error.what());
  }
  return bourse::kExitFailure;
}
