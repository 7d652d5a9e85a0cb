#include "bench/figures.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "bourse/base/units.h"
#include "bourse/simulation/metrics.h"

namespace bourse {
namespace {

Result<Sample> parse_sample(std::string_view line) {
  std::array<std::string_view, 4> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t tab = i + 1 < fields.size() ? line.find('\t') : line.size();
    if (tab == std::string_view::npos)
      return fail(ErrorCode::internal, fmt::format("'{}' is not a sample", line));
    fields[i] = line.substr(0, tab);
    line.remove_prefix(std::min(line.size(), tab + 1));
  }
  Sample sample{.metric = std::string(fields[0]), .unit = std::string(fields[1])};
  if (fields[2] == "higher") sample.better = Better::higher;
  if (fields[2] == "lower") sample.better = Better::lower;
  BOURSE_TRY(sample.value, parse_number(fields[3]));
  return sample;
}

std::string_view name_of(Better better) {
  switch (better) {
    case Better::higher:
      return "higher";
    case Better::lower:
      return "lower";
    case Better::neither:
      return "neither";
  }
  return "";
}

}  // namespace

double median_of(std::vector<double> values) { return distribution_of(std::move(values)).p50; }

double best_of(const Figure& figure) {
  switch (figure.better) {
    case Better::higher:
      return std::ranges::max(figure.values);
    case Better::lower:
      return std::ranges::min(figure.values);
    case Better::neither:
      break;
  }
  return median_of(figure.values);
}

bool is_met(const Figure& figure) {
  const double median = median_of(figure.values);
  return figure.better == Better::higher ? median >= *figure.target : median < *figure.target;
}

std::string samples_text(const std::vector<Sample>& samples) {
  std::string text;
  for (const Sample& sample : samples)
    text += fmt::format("{}\t{}\t{}\t{}\n", sample.metric, sample.unit, name_of(sample.better),
                        number_text(sample.value));
  return text;
}

Result<std::vector<Sample>> parse_samples(std::string_view text) {
  std::vector<Sample> samples;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    BOURSE_TRY(Sample sample, parse_sample(text.substr(0, end)));
    samples.push_back(std::move(sample));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return samples;
}

}  // namespace bourse
