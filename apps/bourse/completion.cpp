#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "apps/bourse/commands.h"
#include "apps/bourse/options.h"
#include "apps/bourse/terminal.h"
#include "bourse/base/text.h"
#include "bourse/policy/registry.h"

namespace bourse {
namespace {

std::vector<const CLI::App*> subcommands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string policy_names() {
  std::string names;
  for (const PolicyInfo& info : all_policies())
    names += fmt::format("{}{}", names.empty() ? "" : " ", info.name);
  return names;
}

/// "table csv json" for an option whose type is written "table|csv|json".
std::string choices_of(const CLI::Option& option) {
  std::string words = option.get_type_name();
  if (words.find('|') == std::string::npos) return {};
  for (char& c : words)
    if (c == '|') c = ' ';
  return words;
}

/// One `case` for each command: what may follow it.
void append_words(const CLI::App& app, const std::string& path, std::string& out) {
  std::string words;
  const auto add = [&](const std::string& word) { words += (words.empty() ? "" : " ") + word; };
  for (const CLI::App* sub : subcommands_of(app)) add(sub->get_name());
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) add("--" + name);
  if (path == "bourse policies") add(policy_names());
  if (path == "bourse completion") add("bash zsh");
  out += fmt::format("    '{}') words='{}' ;;\n", path, words);
  for (const CLI::App* sub : subcommands_of(app))
    append_words(*sub, path + " " + sub->get_name(), out);
}

/// One `case` for each option with a fixed set of values.
void append_values(const CLI::App& app, const std::string& path, std::string& out) {
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) {
      const std::string values = name == "policy" ? policy_names() : choices_of(*option);
      if (!values.empty())
        out += fmt::format("    '{} --{}') values='{}' ;;\n", path, name, values);
    }
  for (const CLI::App* sub : subcommands_of(app))
    append_values(*sub, path + " " + sub->get_name(), out);
}

/// The names of all commands, to tell them from values of options.
void append_paths(const CLI::App& app, const std::string& path, std::string& out) {
  for (const CLI::App* sub : subcommands_of(app)) {
    const std::string whole = path + " " + sub->get_name();
    out += fmt::format("{}'{}'", out.empty() ? "" : "|", whole);
    append_paths(*sub, whole, out);
  }
}

std::string bash_script(const CLI::App& app) {
  std::string paths;
  std::string words;
  std::string values;
  append_paths(app, "bourse", paths);
  append_words(app, "bourse", words);
  append_values(app, "bourse", values);
  return "# Completion of bourse. For this shell: source <(bourse completion bash)\n"
         "_bourse() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path=bourse words= values= i\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
         "    case \"$path ${COMP_WORDS[i]}\" in\n"
         "    " +
         paths +
         ") path=\"$path ${COMP_WORDS[i]}\" ;;\n"
         "    esac\n"
         "  done\n"
         "  case \"$path ${COMP_WORDS[COMP_CWORD - 1]}\" in\n" +
         values +
         "  esac\n"
         "  if [[ -n $values ]]; then\n"
         "    # Values may stand in a list: complete the part behind the last comma.\n"
         "    local head=\n"
         "    [[ $current == *,* ]] && head=${current%,*},\n"
         "    COMPREPLY=($(compgen -P \"$head\" -W \"$values\" -- \"${current##*,}\"))\n"
         "    return\n"
         "  fi\n"
         "  case $path in\n" +
         words +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _bourse bourse\n";
}

/// zsh reads completions written for bash.
std::string zsh_script(const CLI::App& app) {
  return "#compdef bourse\n"
         "# Completion of bourse. For this shell: source <(bourse completion zsh)\n"
         "autoload -Uz compinit bashcompinit\n"
         "(( $+functions[compdef] )) || compinit\n"
         "bashcompinit\n" +
         bash_script(app);
}

}  // namespace

void add_completion(CLI::App& app, int& status) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* const command =
      app.add_subcommand("completion", "Print a script that completes commands in bash or zsh");
  command->add_option("SHELL", *shell, "bash or zsh")->required();
  add_examples(*command,
               {"source <(bourse completion bash)", "bourse completion zsh > ~/.zfunc/_bourse"});
  command->callback([shell, &app, &status] {
    if (*shell == "bash") {
      status = print(bash_script(app));
    } else if (*shell == "zsh") {
      status = print(zsh_script(app));
    } else {
      const std::vector<std::string_view> known{"bash", "zsh"};
      status = usage_error(
          {ErrorCode::invalid_argument, fmt::format("there is no completion for '{}'{}",
                                                    quotable(*shell), suggestion(*shell, known))});
    }
  });
}

}  // namespace bourse
