#include "apps/bourse/help.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>

#include "bourse/report/table.h"

namespace bourse {
namespace {

constexpr std::size_t kIndent = 26;

/// A name, and beside it, or below if it is long, what it means.
std::string paragraph(const std::string& name, const std::string& text) {
  std::string out = "  " + name;
  std::string body = wrapped(text, kIndent);
  if (body.empty()) return out + "\n";
  if (out.size() + 2 > kIndent) return out + "\n" + body;
  out.resize(kIndent, ' ');
  return out + body.substr(kIndent);
}

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string name = option->get_name(is_positional, !is_positional);
    for (std::size_t at = name.find(','); at != std::string::npos; at = name.find(',', at + 2))
      name.insert(at + 1, " ");
    if (!is_positional && option->get_type_size() != 0) name += " " + option->get_type_name();
    return paragraph(name,
                     option->get_description() + (option->get_required() ? " (required)" : ""));
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return paragraph(command->get_name(), command->get_description());
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    text = CLI::detail::find_and_replace(text, "\n\n\n", "\n\n");
    return CLI::detail::find_and_replace(text, "\nSubcommands:\n", "\nCommands:\n");
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string out = "\nUsage: " + name;
    const bool has_commands = !app->get_subcommands([](const CLI::App*) { return true; }).empty();
    for (const CLI::Option* option : app->get_options())
      if (option->get_positional())
        out += " " + (option->get_required() ? option->get_name(true, false)
                                             : "[" + option->get_name(true, false) + "]");
    return out + (has_commands ? " COMMAND" : " [OPTIONS]") + "\n";
  }
};

}  // namespace

void use_our_help(CLI::App& app) {
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("Positionals", "Arguments");
  app.formatter(formatter);
  app.set_help_flag("-h,--help", "Print this help");
}

}  // namespace bourse
