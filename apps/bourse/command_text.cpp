#include "apps/bourse/command_text.h"

#include "bourse/base/units.h"

namespace bourse {

std::string shell_quoted(std::string_view word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(word);
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

void CommandText::add(std::string_view name, std::string_view value) {
  text_ += ' ';
  text_ += name;
  text_ += ' ';
  text_ += shell_quoted(value);
}

void CommandText::add(std::string_view name, const std::optional<Seconds>& value) {
  if (value) add(name, to_text(*value));
}

void CommandText::add_number(std::string_view name, double value, double default_value) {
  if (value != default_value) add(name, number_text(value));
}

void CommandText::add_flag(std::string_view name, bool is_set) {
  if (!is_set) return;
  text_ += ' ';
  text_ += name;
}

}  // namespace bourse
