#include "bourse/program/run_options.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include "bourse/base/text.h"

namespace bourse::program {
namespace {

Placement parse_placement(std::string_view text, std::string_view from) {
  if (text == "threads") return Placement::threads;
  if (text == "processes") return Placement::processes;
  if (text == "tcp") return Placement::tcp;
  if (text == "job") return Placement::job;
  throw std::invalid_argument(
      fmt::format("{}: '{}' is no way to launch a program; use threads, "
                  "processes or tcp",
                  from, quotable(text)));
}

std::chrono::nanoseconds parse_seconds(std::string_view text, std::string_view from) {
  double seconds = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code != std::errc() || end != text.data() + text.size() || !(seconds >= 0 && seconds < 1e6))
    throw std::invalid_argument(
        fmt::format("{}: '{}' is no number of seconds from 0 to a million", from, quotable(text)));
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace

RunOptions run_options(int argc, const char* const* argv) {
  RunOptions options;
  // Read before any thread is started.
  if (const char* const launch = std::getenv("BOURSE_LAUNCH"))  // NOLINT(concurrency-mt-unsafe)
    options.placement = parse_placement(launch, "BOURSE_LAUNCH");
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("--launch="))
      options.placement = parse_placement(argument.substr(9), "--launch");
    else if (argument == "--describe")
      options.is_described = true;
    else if (argument.starts_with("--only="))
      options.only = argument.substr(7);
    else if (argument.starts_with("--grace="))
      options.grace = parse_seconds(argument.substr(8), "--grace");
    else if (argument.starts_with("--silence="))
      options.silence = parse_seconds(argument.substr(10), "--silence");
    else if (argument == "--edges")
      options.prints_edges = true;
    else if (argument.starts_with("--tls-certificate="))
      options.tls.certificate = argument.substr(18);
    else if (argument.starts_with("--tls-key="))
      options.tls.key = argument.substr(10);
    else if (argument.starts_with("--tls-authority="))
      options.tls.authority = argument.substr(16);
  }
  if (!options.only.empty() && options.placement == Placement::threads)
    options.placement = Placement::processes;
  return options;
}

std::chrono::nanoseconds silence_of(const RunOptions& options) {
  return options.only.empty() ? options.silence : std::chrono::nanoseconds(0);
}

}  // namespace bourse::program
