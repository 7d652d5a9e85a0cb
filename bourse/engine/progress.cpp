#include "bourse/engine/progress.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kGroups{"samples", "step", "loss", "samples_per_second"};

/// RE2 names groups as Python does, (?P<name>...); most others leave out the P, and so may people.
std::string with_python_names(std::string_view pattern) {
  std::string text;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    text += pattern[at];
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      text += pattern[++at];
    } else if (pattern.substr(at).starts_with("(?<") && at + 3 < pattern.size() &&
               pattern[at + 3] != '=' && pattern[at + 3] != '!') {
      text += "?P";
      ++at;
    }
  }
  return text;
}

/// JSON has no NaN, but Python's writer has.
std::string without_nan(std::string_view line) {
  std::string text(line);
  for (const std::string_view word : {"-Infinity", "Infinity", "NaN"})
    for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at))
      text.replace(at, word.size(), "null");
  return text;
}

/// The number, if the field is there.
Result<std::optional<double>> number_if_there(const Json& json, const char* name, double low) {
  const auto field = json.find(name);
  if (field == json.end() || field->is_null()) return std::nullopt;
  return number_field(json, name, low);
}

}  // namespace

void LineSplitter::add(std::string_view bytes,
                       const std::function<void(std::string_view line)>& on_line) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (!is_cut_) line_.append(part.substr(0, kMax - line_.size()));
    const bool is_whole = end != std::string_view::npos;
    if (!is_cut_ && (is_whole || line_.size() == kMax)) {
      std::string_view line = line_;
      if (line.ends_with('\r')) line.remove_suffix(1);
      on_line(line);
      line_.clear();
      is_cut_ = !is_whole;
    }
    if (!is_whole) return;
    is_cut_ = false;
    bytes.remove_prefix(end + 1);
  }
}

Result<ProgressReport> parse_progress_line(std::string_view line) {
  Result<Json> json = parse_object(line);
  if (!json) json = parse_object(without_nan(line));
  if (!json)
    return invalid(
        fmt::format("'{}' is not one JSON object, as {{\"samples\": 1200}}", quotable(line)));
  constexpr double kLowest = std::numeric_limits<double>::lowest();
  ProgressReport report;
  BOURSE_TRY(report.samples, number_if_there(*json, "samples", 0));
  BOURSE_TRY(report.samples_per_second, number_if_there(*json, "samples_per_second", 0));
  BOURSE_TRY(report.compute_per_sample, number_if_there(*json, "compute_per_sample", 0));
  BOURSE_TRY(report.exchange_per_sample, number_if_there(*json, "exchange_per_sample", 0));
  BOURSE_TRY(report.workers, number_if_there(*json, "workers", 0));
  BOURSE_TRY(report.loss, number_if_there(*json, "loss", kLowest));
  if (json->contains("checkpointed")) {
    BOURSE_TRY(report.checkpointed, flag_field(*json, "checkpointed"));
  }
  return report;
}

ProgressPattern::ProgressPattern(std::unique_ptr<re2::RE2> pattern)
    : pattern_(std::move(pattern)) {}
ProgressPattern::ProgressPattern(ProgressPattern&&) noexcept = default;
ProgressPattern& ProgressPattern::operator=(ProgressPattern&&) noexcept = default;
ProgressPattern::~ProgressPattern() = default;

Result<ProgressPattern> ProgressPattern::compile(std::string_view pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_unique<re2::RE2>(with_python_names(pattern), options);
  const std::string shown = quotable(pattern);
  if (!compiled->ok())
    return invalid(fmt::format("'{}' is not a regular expression: {}", shown, compiled->error()));
  for (const auto& [name, number] : compiled->NamedCapturingGroups())
    if (std::ranges::find(kGroups, name) == kGroups.end())
      return invalid(
          fmt::format("'{}' has a group '{}'{}", shown, quotable(name), suggestion(name, kGroups)));
  if (compiled->NamedCapturingGroups().empty())
    return invalid(fmt::format(
        "'{}' has no named group; write for example 'step (?P<step>[0-9]+) loss (?P<loss>\\S+)'",
        shown));
  return ProgressPattern(std::move(compiled));
}

std::optional<ProgressReport> ProgressPattern::find(std::string_view line) const {
  const auto group_count = static_cast<std::size_t>(pattern_->NumberOfCapturingGroups());
  std::vector<re2::StringPiece> groups(group_count + 1);
  const re2::StringPiece text(line.data(), line.size());
  if (!pattern_->Match(text, 0, text.size(), re2::RE2::UNANCHORED, groups.data(),
                       static_cast<int>(groups.size())))
    return std::nullopt;
  ProgressReport report;
  for (const auto& [name, number] : pattern_->NamedCapturingGroups()) {
    const re2::StringPiece group = groups[static_cast<std::size_t>(number)];
    const auto value = parse_number(std::string_view(group.data(), group.size()));
    if (!value) continue;
    if (name == "loss") {
      report.loss = *value;
    } else if (*value >= 0) {
      (name == "samples_per_second" ? report.samples_per_second : report.samples) = *value;
    }
  }
  const bool is_empty = !report.samples && !report.samples_per_second && !report.loss;
  return is_empty ? std::nullopt : std::optional(report);
}

ProgressReport merged(const ProgressReport& earlier, const ProgressReport& later) {
  ProgressReport result = later;
  if (!result.samples) result.samples = earlier.samples;
  if (!result.samples_per_second) result.samples_per_second = earlier.samples_per_second;
  if (!result.compute_per_sample) {
    result.compute_per_sample = earlier.compute_per_sample;
    result.exchange_per_sample = earlier.exchange_per_sample;
  }
  if (!result.workers) result.workers = earlier.workers;
  if (!result.loss) result.loss = earlier.loss;
  return result;
}

}  // namespace bourse
