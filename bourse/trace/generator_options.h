#pragma once

#include <fmt/core.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/trace/generator.h"

namespace bourse {

/// Ties the name of an option to the field that holds it.
template <class Options>
struct OptionRow {
  std::string_view name;
  double Options::* field;
  OptionUnit unit;
  double lowest;
  double highest;
  std::string_view what;
};

/// Parses a value of an option. Errors: invalid_argument, "option 'name': what".
[[nodiscard]] Result<double> parse_option(const OptionInfo& option, std::string_view text);

/// Splits "name=value". Errors: invalid_argument if there is no '='.
struct Setting {
  std::string_view name;
  std::string_view value;
};
[[nodiscard]] Result<Setting> split_setting(std::string_view setting);

/// The error of an option that is not among these.
[[nodiscard]] tl::unexpected<Error> unknown_option(std::string_view generator,
                                                   std::string_view name,
                                                   std::span<const OptionInfo> known);

/// What the rows say, with the defaults of the struct.
template <class Options>
[[nodiscard]] std::vector<OptionInfo> option_infos(std::span<const OptionRow<Options>> rows) {
  const Options standard;
  std::vector<OptionInfo> infos;
  for (const auto& row : rows)
    infos.push_back({row.name, row.unit, standard.*row.field, row.lowest, row.highest, row.what});
  return infos;
}

/// Options with these settings; a later setting of the same name wins.
template <class Options>
[[nodiscard]] Result<Options> apply_settings(std::string_view generator,
                                             std::span<const OptionRow<Options>> rows,
                                             std::span<const std::string> settings) {
  const std::vector<OptionInfo> infos = option_infos(rows);
  Options options;
  for (const std::string& text : settings) {
    BOURSE_TRY(const Setting setting, split_setting(text));
    std::size_t at = 0;
    while (at < rows.size() && rows[at].name != setting.name) ++at;
    if (at == rows.size()) return unknown_option(generator, setting.name, infos);
    BOURSE_TRY(options.*rows[at].field, parse_option(infos[at], setting.value));
  }
  return options;
}

}  // namespace bourse
