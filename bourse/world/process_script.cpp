#include "bourse/world/process_script.h"

#include <fmt/format.h>

#include "bourse/base/units.h"

namespace bourse {
namespace {

/// The text between single quotes, as a shell reads it.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string print(const std::string& text, const std::string& where) {
  return text.empty() ? "" : fmt::format("printf %s {} {}\n", quoted(text), where);
}

std::string text_of(const ProcessScript& script) {
  std::string text = script.ignores_terminate ? "trap '' TERM\n" : "";
  text += print(script.output, "");
  text += print(script.error_output, ">&2");
  text += print(script.fifo_output, ">\"$FIFO\"");
  for (const ProcessScript& child : script.children)
    text += fmt::format("sh -c {} &\n", quoted(text_of(child)));
  if (script.duration == kForever) return text + "exec sleep infinity\n";
  if (script.duration > Seconds(0))
    text += fmt::format("sleep {}\n", number_text(script.duration.value));
  return text + fmt::format("exit {}\n", script.code);
}

}  // namespace

std::vector<std::string> shell_command(const ProcessScript& script) {
  return {"sh", "-c", text_of(script)};
}

}  // namespace bourse
