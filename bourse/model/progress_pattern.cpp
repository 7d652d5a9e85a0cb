#include "bourse/model/progress_pattern.h"

#include <fmt/core.h>

#include <array>
#include <regex>

#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::string_view kGroups[] = {"samples", "loss", "samples_per_second"};

/// The name if a group with one begins at `rest`, "(?<name>" or "(?P<name>", else an empty view.
std::string_view name_at(std::string_view rest) {
  const std::size_t open = rest.starts_with("(?P<") ? 4 : rest.starts_with("(?<") ? 3 : 0;
  if (open == 0 || rest.size() == open || rest[open] == '=' || rest[open] == '!') return {};
  const auto close = rest.find('>');
  return close == std::string_view::npos ? std::string_view() : rest.substr(open, close - open);
}

}  // namespace

Result<ProgressPattern> parse_progress_pattern(std::string_view text) {
  ProgressPattern pattern;
  int groups = 0;
  bool in_set = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    pattern.expression += c;
    if (c == '\\' && at + 1 < text.size()) {
      pattern.expression += text[++at];
    } else if (in_set) {
      in_set = c != ']';
    } else if (c == '[') {
      in_set = true;
    } else if (c == '(') {
      const std::string_view name = name_at(text.substr(at));
      if (!name.empty()) {
        int* const groups_of[] = {&pattern.samples_group, &pattern.loss_group,
                                  &pattern.samples_per_second_group};
        std::size_t which = 0;
        while (which < 3 && kGroups[which] != name) ++which;
        if (which == 3)
          return invalid(
              fmt::format("there is no group '{}'{}", quotable(name), suggestion(name, kGroups)));
        *groups_of[which] = ++groups;
        at = text.find('>', at);
      } else if (!text.substr(at).starts_with("(?")) {
        ++groups;
      }
    }
  }
  try {
    (void)std::regex(pattern.expression);
  } catch (const std::regex_error&) {
    return invalid(fmt::format("'{}' is not a regular expression (ECMAScript)", quotable(text)));
  }
  if (pattern.samples_group == 0 && pattern.samples_per_second_group == 0)
    return invalid(
        "names no group 'samples'; write the part that is the count of samples as "
        "(?<samples>[0-9]+)");
  return pattern;
}

}  // namespace bourse
