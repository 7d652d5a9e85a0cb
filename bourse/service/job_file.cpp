#include "bourse/service/job_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "bourse/base/text.h"
#include "bourse/engine/progress.h"
#include "bourse/model/cluster_yaml.h"
#include "bourse/model/shape_yaml.h"
#include "bourse/model/yaml.h"
#include "bourse/service/command_words.h"

namespace bourse {
namespace {

constexpr std::string_view kKeys[] = {
    "name",    "group",        "directory",  "environment", "workers", "servers",
    "work",    "deadline",     "value",      "late_value",  "utility", "throughput",
    "profile", "global_batch", "checkpoint", "retries",     "elastic", "grace",
    "lease",   "restart_cost", "progress",   "program"};
constexpr std::string_view kWorkerKeys[] = {"command", "count", "min", "max", "resources"};
constexpr std::string_view kServerKeys[] = {"command", "count", "per_workers", "resources"};
constexpr std::string_view kWorkKeys[] = {"samples", "epochs", "duration"};
constexpr std::string_view kProgressKeys[] = {"pattern"};
constexpr std::string_view kElasticities[] = {"restart", "none", "in-place"};
constexpr std::size_t kMaxTextBytes = std::size_t{1} << 16;
constexpr Seconds kLongestGrace{86400};

/// A scalar of any lines and of any length up to kMaxTextBytes; null is the empty text.
Result<std::string> long_text(YamlField field) {
  const YamlValue& value = field.value();
  if (value.kind == YamlValue::Kind::list || value.kind == YamlValue::Kind::map)
    return field.error("must be a single value");
  if (value.text.size() > kMaxTextBytes)
    return field.error(fmt::format("is longer than {} KiB", kMaxTextBytes >> 10));
  return value.text;
}

Result<std::string> line_in_or_empty(YamlField map, std::string_view key) {
  const auto field = map.find(key);
  if (!field) return std::string();
  BOURSE_TRY(const std::string_view text, field->text());
  return std::string(text);
}

Result<Seconds> seconds_between(YamlField field, Seconds low, Seconds high) {
  BOURSE_TRY(const Seconds value, field.seconds());
  if (value < low || value > high)
    return field.error(fmt::format("'{}' is not from {}s to {}s", quotable(field.value().text),
                                   low.value, high.value));
  return value;
}

Result<std::vector<std::string>> read_command(YamlField map, CommandTexts texts) {
  BOURSE_TRY(const YamlField field, map.required("command"));
  if (field.value().kind != YamlValue::Kind::list) {
    BOURSE_TRY(std::string text, long_text(field));
    if (trim(text).empty()) return field.error("is empty; say what to run");
    Result<std::vector<std::string>> words = command_words(text);
    if (words) return words;
    if (texts == CommandTexts::words) return field.error(words.error().message);
    return std::vector<std::string>{"/bin/sh", "-c", std::move(text)};
  }
  BOURSE_TRY(const std::vector<YamlField> items, field.list());
  std::vector<std::string> command;
  for (const YamlField& item : items) {
    BOURSE_TRY(std::string word, long_text(item));
    command.push_back(std::move(word));
  }
  if (command.front().empty()) return field.error("begins with an empty word; say what to run");
  return command;
}

bool is_variable_name(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

/// Reads one job file, field after field.
class JobFileReader {
 public:
  JobFileReader(YamlField root, CommandTexts texts) : root_(root), texts_(texts) {}

  Result<JobFile> read() && {
    BOURSE_TRY_VOID(root_.expect_keys(kKeys));
    if (const auto program = root_.find("program"))
      return program->error(
          "stands for workers and servers that `bourse submit` asks the program for; the daemon "
          "takes the file that it makes of this one");
    BOURSE_TRY_VOID(read_names());
    BOURSE_TRY_VOID(read_environment());
    BOURSE_TRY_VOID(read_throughput_of_job());
    BOURSE_TRY_VOID(read_workers());
    BOURSE_TRY_VOID(read_servers());
    BOURSE_TRY_VOID(read_global_batch());
    BOURSE_TRY_VOID(read_work());
    BOURSE_TRY_VOID(read_worth());
    BOURSE_TRY_VOID(read_running());
    BOURSE_TRY_VOID(read_progress());
    return std::move(file_);
  }

 private:
  Result<void> read_names() {
    BOURSE_TRY(const YamlField name, root_.required("name"));
    BOURSE_TRY(const std::string_view text, name.text());
    if (text.size() > 100) return name.error("is longer than 100 bytes");
    file_.name = std::string(trim(text));
    BOURSE_TRY(file_.group, line_in_or_empty(root_, "group"));
    BOURSE_TRY(file_.directory, line_in_or_empty(root_, "directory"));
    BOURSE_TRY(file_.checkpoint, line_in_or_empty(root_, "checkpoint"));
    return {};
  }

  Result<void> read_environment() {
    const auto map = root_.find("environment");
    if (!map) return {};
    BOURSE_TRY(const std::vector<YamlField> variables, map->fields());
    for (const YamlField& variable : variables) {
      const std::string& name = variable.value().key;
      if (!is_variable_name(name))
        return variable.error("is not the name of a variable: letters, digits and '_'");
      if (name.starts_with("BOURSE_"))
        return variable.error("is a variable that bourse sets itself; use another name");
      BOURSE_TRY(std::string value, long_text(variable));
      file_.environment.emplace_back(name, std::move(value));
    }
    return {};
  }

  /// A gang says its size and that it is no function of it: the rest is as for `profile: auto`.
  Result<void> read_throughput_of_job() {
    const auto profile = root_.find("profile");
    if (profile) {
      BOURSE_TRY(const std::string_view word, profile->text());
      if (word != "auto")
        return profile->error(
            fmt::format("'{}' is not known; the one profile is auto", quotable(word)));
    }
    const auto field = root_.find("throughput");
    if (!field) return {};
    if (profile) return profile->error("give profile or throughput, not both");
    BOURSE_TRY(const Throughput throughput, bourse::read_throughput(*field));
    if (const auto* gang = std::get_if<RigidThroughput>(&throughput))
      gang_ = *gang;
    else
      file_.throughput = throughput;
    return {};
  }

  Result<void> read_task(YamlField map, TaskCommand& task) {
    BOURSE_TRY(task.command, read_command(map, texts_));
    BOURSE_TRY(const YamlField resources, map.required("resources"));
    BOURSE_TRY(task.demand, read_resources(resources, file_.types, Rounding::up));
    return {};
  }

  Result<void> read_workers() {
    BOURSE_TRY(const YamlField map, root_.required("workers"));
    BOURSE_TRY_VOID(map.expect_keys(kWorkerKeys));
    BOURSE_TRY_VOID(read_task(map, file_.workers));
    if (std::ranges::all_of(file_.workers.demand, [](Amount a) { return a == 0; }))
      return map.required("resources")->error("must demand something, such as gpu: 1");
    if (const auto count = map.find("count")) {
      if (map.find("min") || map.find("max"))
        return count->error("give count, or min and max, not both");
      BOURSE_TRY(file_.min_workers, count->whole(1, kMaxWorkers));
      file_.max_workers = file_.min_workers;
    } else {
      BOURSE_TRY_VOID(read_limits(map));
    }
    return check_sizes(map);
  }

  Result<void> read_limits(YamlField map) {
    const int fewest = gang_              ? gang_->workers
                       : file_.throughput ? min_workers(*file_.throughput)
                                          : 1;
    const int most = gang_ ? gang_->workers : file_.throughput ? max_workers(*file_.throughput) : 1;
    file_.min_workers = fewest;
    file_.max_workers = most;
    const auto min = map.find("min");
    const auto max = map.find("max");
    if (min) {
      BOURSE_TRY(file_.min_workers, min->whole(1, kMaxWorkers));
      if (!max && !file_.throughput && !gang_) return map.error_in("max", "is missing beside min");
    }
    if (max) {
      BOURSE_TRY(file_.max_workers, max->whole(1, kMaxWorkers));
    }
    if (file_.min_workers > file_.max_workers)
      return (min ? *min : *max)
          .error(fmt::format("there are at least {} and at most {} workers", file_.min_workers,
                             file_.max_workers));
    return {};
  }

  /// The throughput must know the sizes that were asked for.
  Result<void> check_sizes(YamlField map) {
    if (gang_ && (file_.min_workers != gang_->workers || file_.max_workers != gang_->workers))
      return map.error(
          fmt::format("differs from the gang of {} workers in 'throughput'; leave "
                      "count, min and max out",
                      gang_->workers));
    if (!file_.throughput) return {};
    if (auto* const law = std::get_if<AdaptiveThroughput>(&*file_.throughput)) {
      if (file_.max_workers > law->max_workers)
        return map.error(fmt::format("has up to {} workers and 'throughput' at most {}",
                                     file_.max_workers, law->max_workers));
      if (file_.min_workers > 1)
        return map.error(
            "has more than one worker at least, and a job of the shape 'adaptive' may have one; "
            "leave min and count out");
      law->max_workers = file_.max_workers;
      return {};
    }
    auto* const table = std::get_if<TableThroughput>(&*file_.throughput);
    if (table == nullptr) {
      const int most = max_workers(*file_.throughput);
      if (file_.max_workers > most)
        return map.error(fmt::format("has up to {} workers and 'throughput' a global batch of {}",
                                     file_.max_workers, most));
      return {};
    }
    std::erase_if(table->points, [&](const TableThroughput::Point& point) {
      return point.workers < file_.min_workers || point.workers > file_.max_workers;
    });
    if (table->points.empty())
      return map.error(fmt::format("has from {} to {} workers and 'throughput' no row for them",
                                   file_.min_workers, file_.max_workers));
    file_.min_workers = min_workers(*file_.throughput);
    file_.max_workers = max_workers(*file_.throughput);
    return {};
  }

  Result<void> read_servers() {
    const bool needs_servers =
        (gang_ && gang_->servers > 0) ||
        (file_.throughput && servers_for(*file_.throughput, file_.max_workers) > 0);
    const auto map = root_.find("servers");
    if (!map) {
      if (needs_servers)
        return root_.error_in("servers", "is missing; its throughput has parameter servers");
      return {};
    }
    BOURSE_TRY_VOID(map->expect_keys(kServerKeys));
    file_.servers.emplace();
    BOURSE_TRY_VOID(read_task(*map, *file_.servers));
    const auto count = map->find("count");
    const auto ratio = map->find("per_workers");
    if (count && ratio) return count->error("give count or per_workers, not both");
    if (file_.throughput || gang_) {
      if (!needs_servers) return map->error("its throughput has no servers; leave one of them out");
      if (count || ratio)
        return (count ? *count : *ratio)
            .error("the throughput says how many servers there are; leave it out");
    }
    file_.server_count.count = gang_ ? gang_->servers : 1;
    if (count) {
      BOURSE_TRY(file_.server_count.count, count->whole(1, kMaxWorkers));
    }
    if (ratio) {
      BOURSE_TRY(file_.server_count.workers_per_server, ratio->whole(1, kMaxWorkers));
    }
    return {};
  }

  Result<void> read_global_batch() {
    if (file_.throughput) {
      if (const auto* ps = std::get_if<ParameterServerThroughput>(&*file_.throughput))
        file_.global_batch = ps->global_batch;
      if (const auto* ring = std::get_if<RingThroughput>(&*file_.throughput))
        file_.global_batch = ring->global_batch;
    }
    const auto field = root_.find("global_batch");
    if (!field) return {};
    if (file_.throughput && std::holds_alternative<AdaptiveThroughput>(*file_.throughput))
      return field->error("is decided by the policy for the shape 'adaptive'; leave it out");
    BOURSE_TRY(const int batch, field->whole(1, kMaxWorkers));
    if (file_.global_batch != 0 && batch != file_.global_batch)
      return field->error(fmt::format(
          "differs from that of 'throughput', which is {}; leave one out", file_.global_batch));
    if (batch < file_.max_workers)
      return field->error(
          fmt::format("is less than the {} workers that the job may have; give "
                      "each at least one sample",
                      file_.max_workers));
    file_.global_batch = batch;
    return {};
  }

  Result<void> read_work() {
    const auto map = root_.find("work");
    if (!map)
      return root_.error_in("work",
                            "is missing; say {samples: 60000, epochs: 3}, or, if nothing "
                            "better is known, {duration: 30min}");
    BOURSE_TRY_VOID(map->expect_keys(kWorkKeys));
    const auto samples = map->find("samples");
    const auto epochs = map->find("epochs");
    const auto duration = map->find("duration");
    if (!samples && !duration) return map->error("must have samples or a duration");
    if (epochs && !samples) return epochs->error("needs samples, those of one epoch");
    if (samples) {
      BOURSE_TRY(file_.samples, samples->positive());
      if (epochs) {
        BOURSE_TRY(const double times, epochs->positive());
        file_.samples *= times;
        if (!std::isfinite(file_.samples) || file_.samples <= 0)
          return epochs->error("times samples is out of the range of a number");
      }
      if (duration && file_.throughput)
        return duration->error("follows from samples and throughput; leave it out");
    }
    if (duration) {
      BOURSE_TRY(file_.duration, duration->seconds());
      if (file_.duration.value <= 0) return duration->error("must be above 0");
    }
    return {};
  }

  Result<void> read_worth() {
    const auto whole = root_.find("utility");
    const auto value = root_.find("value");
    const auto deadline = root_.find("deadline");
    const auto late = root_.find("late_value");
    if (whole) {
      for (const auto& other : {value, deadline, late})
        if (other) return other->error("is part of utility; give one of them");
      BOURSE_TRY(file_.utility, read_utility(*whole));
      return {};
    }
    double worth = 1;
    if (value) {
      BOURSE_TRY(worth, value->number());
      if (worth < 0) return value->error("must be at least 0");
    }
    if (!deadline) {
      if (late) return late->error("needs a deadline");
      file_.utility = ConstantUtility{worth};
      return {};
    }
    DeadlineUtility utility{.value = worth, .deadline = Seconds(0), .late_value = 0};
    BOURSE_TRY(utility.deadline, deadline->seconds());
    if (late) {
      BOURSE_TRY(utility.late_value, late->number());
    }
    if (const auto ok = validate(Utility(utility)); !ok)
      return (late ? *late : *deadline).error(ok.error().message);
    file_.utility = utility;
    return {};
  }

  Result<void> read_running() {
    if (const auto field = root_.find("retries")) {
      BOURSE_TRY(file_.retries, field->whole(0, 1000));
    }
    if (const auto field = root_.find("grace")) {
      BOURSE_TRY(file_.grace, seconds_between(*field, Seconds(0), kLongestGrace));
    }
    if (const auto field = root_.find("lease")) {
      BOURSE_TRY(file_.lease, seconds_between(*field, Seconds(1), kLongestGrace));
    }
    if (const auto field = root_.find("restart_cost")) {
      BOURSE_TRY(file_.restart_cost, field->seconds());
    }
    const bool has_one_size = file_.min_workers == file_.max_workers;
    file_.elastic = has_one_size ? Elasticity::none : Elasticity::restart;
    const auto field = root_.find("elastic");
    if (!field) return {};
    BOURSE_TRY(const std::string_view word, field->text());
    const auto* const found = std::ranges::find(kElasticities, word);
    if (found == std::end(kElasticities))
      return field->error(
          fmt::format("there is no '{}'{}", quotable(word), suggestion(word, kElasticities)));
    file_.elastic = static_cast<Elasticity>(found - std::begin(kElasticities));
    if (file_.elastic == Elasticity::none && !has_one_size)
      return field->error(
          fmt::format("none is for jobs of one size, and this one has from {} to {} "
                      "workers; give workers.count",
                      file_.min_workers, file_.max_workers));
    if (file_.elastic == Elasticity::in_place && has_one_size)
      return field->error(
          fmt::format("in-place is for jobs of several sizes, and this one always has {} {}; give "
                      "workers.min and workers.max",
                      file_.max_workers, file_.max_workers == 1 ? "worker" : "workers"));
    return {};
  }

  Result<void> read_progress() {
    const auto map = root_.find("progress");
    if (!map) return {};
    BOURSE_TRY_VOID(map->expect_keys(kProgressKeys));
    BOURSE_TRY(const YamlField pattern, map->required("pattern"));
    BOURSE_TRY(const std::string_view text, pattern.text());
    if (const auto ok = ProgressPattern::compile(text); !ok)
      return pattern.error(ok.error().message);
    file_.progress_pattern = std::string(text);
    return {};
  }

  YamlField root_;
  CommandTexts texts_;
  JobFile file_;
  std::optional<RigidThroughput> gang_;
};

}  // namespace

std::string_view name_of(Elasticity elasticity) {
  return kElasticities[static_cast<std::size_t>(elasticity)];
}

std::span<const std::string_view> job_file_keys() { return kKeys; }

Result<JobFile> parse_job_file(std::string_view text, std::string_view file, CommandTexts texts) {
  if (text.size() > kMaxJobFileBytes)
    return invalid(fmt::format("{}: is larger than {} MiB", file, kMaxJobFileBytes >> 20));
  BOURSE_TRY(const YamlDocument document, parse_yaml(text, file));
  BOURSE_TRY(JobFile job, JobFileReader(document.root(), texts).read());
  job.text = std::string(text);
  return job;
}

}  // namespace bourse
