#include "bourse/trace/generator.h"

#include <fmt/core.h>

#include <cmath>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/trace/adaptive_generators.h"
#include "bourse/trace/generator_options.h"
#include "bourse/trace/paper.h"
#include "bourse/trace/philly_like.h"

namespace bourse {
namespace {

template <class T>
Result<double> bare(const Result<T>& quantity) {
  return quantity.map([](const T& q) { return q.value; });
}

Result<double> parse_in_unit(OptionUnit unit, std::string_view text) {
  switch (unit) {
    case OptionUnit::seconds:
      return bare(parse_seconds(text));
    case OptionUnit::bytes:
      return bare(parse_bytes(text));
    case OptionUnit::bytes_per_second:
      return bare(parse_bytes_per_second(text));
    case OptionUnit::count:
    case OptionUnit::number:
      break;
  }
  return parse_number(text);
}

}  // namespace

Result<double> parse_option(const OptionInfo& option, std::string_view text) {
  const auto value = parse_in_unit(option.unit, text);
  if (!value) return invalid(fmt::format("option '{}': {}", option.name, value.error().message));
  if (*value < option.lowest || *value > option.highest)
    return invalid(fmt::format("option '{}': '{}' is not from {} to {}", option.name,
                               quotable(text), option_text(option.unit, option.lowest),
                               option_text(option.unit, option.highest)));
  if (option.unit == OptionUnit::count && *value != std::floor(*value))
    return invalid(
        fmt::format("option '{}': '{}' is not a whole number", option.name, quotable(text)));
  return *value;
}

Result<Setting> split_setting(std::string_view setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string_view::npos)
    return invalid(fmt::format("setting '{}': must have the form name=value", quotable(setting)));
  return Setting{trim(setting.substr(0, equals)), trim(setting.substr(equals + 1))};
}

tl::unexpected<Error> unknown_option(std::string_view generator, std::string_view name,
                                     std::span<const OptionInfo> known) {
  std::vector<std::string_view> names;
  for (const OptionInfo& option : known) names.push_back(option.name);
  return invalid(fmt::format("generator '{}' has no option '{}'{}", generator, quotable(name),
                             suggestion(name, names)));
}

std::string option_text(OptionUnit unit, double value) {
  switch (unit) {
    case OptionUnit::seconds:
      return to_text(Seconds(value));
    case OptionUnit::bytes:
      return to_text(Bytes(value));
    case OptionUnit::bytes_per_second:
      return to_text(BytesPerSecond(value));
    case OptionUnit::count:
    case OptionUnit::number:
      break;
  }
  return number_text(value);
}

std::vector<GeneratorInfo> generators() {
  return {{"paper", "parameter-server jobs with the settings of the PD-ORS experiments",
           option_infos(paper_option_rows())},
          {"philly-like", "rigid gangs like those of the Microsoft Philly trace",
           option_infos(philly_like_option_rows())},
          {"ones", "jobs that may change their batch, like those of the ONES experiments",
           option_infos(ones_workload_option_rows())},
          {"pollux-like", "jobs that may change their batch, like those of the Pollux experiments",
           option_infos(pollux_like_option_rows())}};
}

Result<Workload> generate(std::string_view generator, std::span<const std::string> settings,
                          std::uint64_t seed) {
  if (generator == "paper") {
    BOURSE_TRY(const PaperOptions options,
               apply_settings(generator, paper_option_rows(), settings));
    return generate_paper(options, seed);
  }
  if (generator == "philly-like") {
    BOURSE_TRY(const PhillyLikeOptions options,
               apply_settings(generator, philly_like_option_rows(), settings));
    return generate_philly_like(options, seed);
  }
  if (generator == "ones") {
    BOURSE_TRY(const OnesWorkloadOptions options,
               apply_settings(generator, ones_workload_option_rows(), settings));
    return generate_ones_workload(options, seed);
  }
  if (generator == "pollux-like") {
    BOURSE_TRY(const PolluxLikeOptions options,
               apply_settings(generator, pollux_like_option_rows(), settings));
    return generate_pollux_like(options, seed);
  }
  std::vector<std::string_view> names;
  const std::vector<GeneratorInfo> known = generators();
  for (const GeneratorInfo& info : known) names.push_back(info.name);
  return invalid(
      fmt::format("unknown generator '{}'{}", quotable(generator), suggestion(generator, names)));
}

}  // namespace bourse
