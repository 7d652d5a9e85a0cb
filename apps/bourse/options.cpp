#include "apps/bourse/options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>

#include "bourse/base/error.h"
#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

[[noreturn]] void reject(const std::string& name, const std::string& why) {
  throw CLI::ValidationError(fmt::format("option {}: {}", name, why), CLI::ExitCodes::InvalidError);
}

double number_in(const std::string& name, const std::string& text, double low, double high) {
  const Result<double> value = parse_number(text);
  if (!value) reject(name, value.error().message);
  if (*value < low || *value > high)
    reject(name, fmt::format("{} is not from {} to {}", quotable(text), number_text(low),
                             number_text(high)));
  return *value;
}

}  // namespace

CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<Seconds>& target,
                          const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [name, &target](const std::string& text) {
            const Result<Seconds> value = parse_seconds(text);
            if (!value) reject(name, value.error().message);
            target = *value;
          },
          help)
      ->type_name("DURATION");
}

CLI::Option* add_number(CLI::App& app, const std::string& name, double& target, double low,
                        double high, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [=, &target](const std::string& text) { target = number_in(name, text, low, high); },
          help)
      ->type_name("NUMBER");
}

CLI::Option* add_whole(CLI::App& app, const std::string& name, std::uint64_t& target,
                       std::uint64_t low, std::uint64_t high, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [=, &target](const std::string& text) {
            const double value =
                number_in(name, text, static_cast<double>(low), static_cast<double>(high));
            if (value != std::floor(value)) reject(name, text + " is not a whole number");
            target = static_cast<std::uint64_t>(value);
          },
          help)
      ->type_name("COUNT");
}

CLI::Option* add_choice(CLI::App& app, const std::string& name, std::size_t& target,
                        const std::vector<std::string>& choices, const std::string& help) {
  std::string words;
  for (const std::string& choice : choices) words += (words.empty() ? "" : "|") + choice;
  return app
      .add_option_function<std::string>(
          name,
          [name, choices, &target](const std::string& text) {
            std::vector<std::string_view> known;
            for (std::size_t i = 0; i < choices.size(); ++i) {
              known.emplace_back(choices[i]);
              if (choices[i] != text) continue;
              target = i;
              return;
            }
            reject(name,
                   fmt::format("there is no '{}'{}", quotable(text), suggestion(text, known)));
          },
          help)
      ->type_name(words);
}

CLI::Option* add_format(CLI::App& app, OutputFormat& target, bool with_csv) {
  const std::vector<std::string> choices = with_csv
                                               ? std::vector<std::string>{"table", "csv", "json"}
                                               : std::vector<std::string>{"table", "json"};
  std::string words = with_csv ? "table|csv|json" : "table|json";
  return app
      .add_option_function<std::string>(
          "--format",
          [choices, &target](const std::string& text) {
            std::vector<std::string_view> known(choices.begin(), choices.end());
            if (std::find(known.begin(), known.end(), text) == known.end())
              reject("--format", fmt::format("there is no format '{}'{}", quotable(text),
                                             suggestion(text, known)));
            target = text == "table" ? OutputFormat::table
                     : text == "csv" ? OutputFormat::csv
                                     : OutputFormat::json;
          },
          "How the result is printed (default: table)")
      ->type_name(words);
}

void add_examples(CLI::App& app, const std::vector<std::string>& lines) {
  std::string footer = "Examples:\n";
  for (const std::string& line : lines) footer += "  " + line + "\n";
  footer.pop_back();
  app.footer(footer);
}

}  // namespace bourse
