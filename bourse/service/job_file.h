#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"
#include "bourse/model/cluster.h"
#include "bourse/model/job.h"
#include "bourse/model/resources.h"

namespace bourse {

/// What happens to the tasks of a job when its size changes.
enum class Elasticity : std::uint8_t {
  restart,   ///< They are told to end, and the job starts anew from its checkpoint.
  none,      ///< The size never changes: a gang.
  in_place,  ///< Those that stay run on, others come and go; a file tells of the members.
};

/// "restart".
[[nodiscard]] std::string_view name_of(Elasticity elasticity);

/// What runs as one task of a role.
struct TaskCommand {
  std::vector<std::string> command;  ///< Program and arguments; no shell, unless it is named.
  ResourceVector demand;             ///< Of one task, in JobFile::types.
};

/// How many servers a job has if its throughput does not say so.
struct ServerCount {
  int workers_per_server = 0;  ///< One server for so many workers, rounded up; 0: see `count`.
  int count = 0;               ///< For any number of workers.
};

/// A job file as read (docs/job-file.md). It knows of no cluster: resources go by name.
struct JobFile {
  std::string text;  ///< As submitted.
  std::string name;
  std::string group;      ///< May be empty.
  std::string directory;  ///< Of the tasks; a relative one, or none: from where it was submitted.
  std::vector<std::pair<std::string, std::string>>
      environment;  ///< Names differ, order of the file.

  ResourceTypes types;  ///< Of the demands.
  TaskCommand workers;
  int min_workers = 1;
  int max_workers = 1;  ///< >= min_workers.
  std::optional<TaskCommand> servers;
  ServerCount server_count;

  double samples = 0;   ///< The work, over all epochs; 0 if only a duration is known.
  Seconds duration{0};  ///< Of the job with its fewest workers, a guess; 0 if it was not stated.
  std::optional<Throughput> throughput;  ///< Nothing: learned while it runs.
  int global_batch = 0;                  ///< Samples; 0 if it was not stated.
  Utility utility;

  std::string checkpoint;  ///< Directory; empty: the daemon gives it one.
  int retries = 3;         ///< Failures that are followed by another start.
  Elasticity elastic = Elasticity::none;
  Seconds grace{30};             ///< Between SIGTERM and SIGKILL.
  Seconds restart_cost{10};      ///< Without progress after a start.
  std::optional<Seconds> lease;  ///< Nothing: the daemon's.
  std::string progress_pattern;  ///< See ProgressPattern; empty: none.
};

/// Names of the fields of a job file.
[[nodiscard]] std::span<const std::string_view> job_file_keys();

/// Largest job file that is read, bytes.
inline constexpr std::size_t kMaxJobFileBytes = std::size_t{1} << 20;

/// How long the work is taken to last with the fewest workers if nothing is known of it.
inline constexpr Seconds kGuessedDuration{3600};

/// What a command may be that is written as a text.
enum class CommandTexts : std::uint8_t {
  words,      ///< As command_words; anything else is an error.
  shell_too,  ///< A text for /bin/sh as well: of a job that was submitted when it might be one.
};

/// Reads a job file. `file` is the name used in messages.
/// Errors: invalid_argument "file:line: field 'path': what, what would be right".
[[nodiscard]] Result<JobFile> parse_job_file(std::string_view text, std::string_view file,
                                             CommandTexts texts = CommandTexts::words);

/// The job as a policy sees it. Its throughput is
///   - as stated, if its sizes are those of the file; else a table of the stated speeds from
///     min_workers to max_workers;
///   - a gang whose samples are seconds, if neither throughput nor samples are stated and it has
///   one
///     size;
///   - else a first guess: a table in which the fewest workers do the work in the stated duration
///     (kGuessedDuration if there is none), m times as many are m / (1 + 0.05 (m - 1)) times as
///     fast, and tasks on several machines have 0.9 of the speed of tasks on one.
/// Errors: invalid_argument if the cluster lacks a resource, or the smallest size does not fit the
/// empty cluster.
[[nodiscard]] Result<JobSpec> bind_job(const JobFile& file, const Cluster& cluster,
                                       Seconds arrival);

/// The global batch that the tasks of a job are told, samples; 0: none. `decided` is that of a
/// policy, 0 if it has decided none.
[[nodiscard]] int told_batch(const JobFile& file, int decided);

/// Servers of a job with so many workers.
[[nodiscard]] int servers_of(const JobFile& file, int workers);

/// One sentence for each command whose program can be told from its text and is not there: a path
/// (seen from `directory`) that is no file, or a word that no directory of `path` has as a file.
/// Nothing is said of what a shell runs.
/// `exists` says whether there is a file at an absolute path.
[[nodiscard]] std::vector<std::string> missing_programs(
    const JobFile& file, std::string_view directory, std::string_view path,
    const std::function<bool(const std::string&)>& exists);

}  // namespace bourse
