#include "apps/bourse/held_job.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/engine/slurm_text.h"

namespace bourse {
namespace {

constexpr std::size_t kColumns = 9;
constexpr std::int64_t kMostTasks = 10'000;

Result<std::int64_t> whole(std::string_view text, std::string_view what) {
  const auto number = parse_number(text);
  if (!number || *number < 0 || *number > kMostTasks || *number != std::floor(*number))
    return invalid(
        fmt::format("{} '{}' is no whole number up to {}", what, quotable(text), kMostTasks));
  return static_cast<std::int64_t>(*number);
}

struct Counts {
  std::int64_t least = 1;
  std::int64_t most = 1;
  std::int64_t servers = 0;
};

/// "workers=1..4 servers=1"; words that are no assignments are for people.
Result<Counts> counts_of(std::string_view comment) {
  Counts counts;
  for (const std::string_view word : split(comment, ' ')) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = word.substr(0, equals);
    const std::string_view value = word.substr(equals + 1);
    if (name == "servers") {
      BOURSE_TRY(counts.servers, whole(value, "servers"));
    } else if (name == "workers") {
      const std::size_t dots = value.find("..");
      BOURSE_TRY(counts.least, whole(value.substr(0, dots), "workers"));
      counts.most = counts.least;
      if (dots != std::string_view::npos) {
        BOURSE_TRY(counts.most, whole(value.substr(dots + 2), "workers"));
      }
      if (counts.least < 1 || counts.most < counts.least)
        return invalid(
            fmt::format("workers '{}' must be at least 1, and not fall", quotable(value)));
    } else {
      return invalid(
          fmt::format("'{}' is not known; say workers=1..4 or servers=1", quotable(word)));
    }
  }
  return counts;
}

/// "8G" -> "8GiB"; "0" and nothing: none.
std::string memory_of(std::string_view text) {
  while (!text.empty() && (text.back() == 'n' || text.back() == 'c')) text.remove_suffix(1);
  if (text.empty() || parse_number(text.substr(0, text.find_first_not_of("0123456789."))) == 0.0)
    return {};
  const char unit = text.back();
  const bool has_unit = unit == 'K' || unit == 'M' || unit == 'G' || unit == 'T';
  return has_unit ? fmt::format("{}{}iB", text.substr(0, text.size() - 1), unit)
                  : fmt::format("{}MiB", text);
}

/// 2 of "gres:gpu:a100:2" or "gres/gpu:2"; 0 of "N/A".
Result<std::int64_t> gpus_of(std::string_view gres) {
  const std::size_t at = gres.find("gpu");
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = gres.substr(at, gres.find(',', at) - at);
  const std::size_t colon = rest.rfind(':');
  return colon == std::string_view::npos ? Result<std::int64_t>(1)
                                         : whole(rest.substr(colon + 1), "gpu");
}

}  // namespace

std::vector<HeldJob> parse_held_jobs(std::string_view text) {
  std::vector<HeldJob> jobs;
  for (const std::string_view line : split(text, '\n')) {
    std::vector<std::string_view> columns = split(line, '|');
    if (columns.size() < kColumns || !columns[1].starts_with("JobHeld")) continue;
    const auto id = parse_slurm_submission(columns[0]);
    const auto cpus = whole(columns[2], "cpus");
    if (!id || !cpus) continue;
    HeldJob job{.id = *id, .cpus = std::max<std::int64_t>(1, *cpus)};
    job.reason = columns[1];
    job.memory = columns[3];
    job.gres = columns[4];
    job.time_limit = columns[5];
    job.directory = columns[6];
    job.comment = columns[7] == "(null)" ? "" : columns[7];
    job.name = columns[8];
    jobs.push_back(std::move(job));
  }
  return jobs;
}

Result<std::string> job_file_of(const HeldJob& job, const std::string& script) {
  BOURSE_TRY(const Counts counts, counts_of(job.comment));
  BOURSE_TRY(const std::int64_t gpus, gpus_of(job.gres));
  BOURSE_TRY(const std::optional<Seconds> limit, parse_slurm_time(job.time_limit));
  if (!limit) return invalid("it has no time limit; say how long it takes with -t, as -t 2:00:00");
  nlohmann::json resources{{"cpu", job.cpus}};
  if (gpus > 0) resources["gpu"] = gpus;
  if (const std::string memory = memory_of(job.memory); !memory.empty())
    resources["memory"] = memory;
  const nlohmann::json command = nlohmann::json::array({script});
  nlohmann::json file{{"name", job.name},
                      {"directory", job.directory},
                      {"workers",
                       {{"command", command},
                        {"min", counts.least},
                        {"max", counts.most},
                        {"resources", resources}}},
                      {"work", {{"duration", fmt::format("{}s", std::max(1.0, limit->value))}}}};
  if (counts.servers > 0) {
    resources.erase("gpu");
    file["servers"] = {{"command", command}, {"count", counts.servers}, {"resources", resources}};
  }
  return file.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace bourse
