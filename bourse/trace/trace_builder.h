#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/trace/trace.h"

namespace bourse {

/// Finds jobs by name while they are read. Holds positions only; the names stay in the jobs.
class NameIndex {
 public:
  /// The position of the job of this name, if it was added.
  [[nodiscard]] std::optional<std::size_t> find(const std::vector<JobSpec>& jobs,
                                                std::string_view name) const;
  /// Adds jobs[position], whose name must be new.
  void add(const std::vector<JobSpec>& jobs, std::size_t position);

 private:
  [[nodiscard]] std::size_t slot_of(const std::vector<JobSpec>& jobs, std::string_view name) const;
  std::vector<std::uint32_t> slots_;  ///< Open addressing: position + 1, 0 if free.
  std::size_t count_ = 0;
};

/// One row of a trace in the terms they all share.
struct TraceRow {
  std::string_view name = {};
  std::string_view group = {};
  double submit = 0;    ///< Seconds, of any origin.
  double duration = 0;  ///< Seconds.
  std::int64_t gpus = 0;
  std::uint32_t line = 0;
};

/// Collects what every reader needs: jobs, skipped rows, order, duplicates.
class TraceBuilder {
 public:
  TraceBuilder(std::string file, TraceFormat format);

  /// Counts one row of data.
  void count_row() { ++read_.rows_read; }
  /// Counts a row that is left out.
  void skip(std::string_view reason, std::uint32_t line);
  /// Notes something the format does not say.
  void assume(std::string sentence) { read_.assumptions.push_back(std::move(sentence)); }

  /// Adds a rigid gang of row.gpus workers of one GPU; or skips it, with a reason, if it has no GPU
  /// or no duration, or a job of its name is there. Returns the job, valid until the next add, or
  /// null if it was skipped.
  JobSpec* add(const TraceRow& row);

  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    return names_.find(read_.workload.jobs, name);
  }
  [[nodiscard]] Workload& workload() { return read_.workload; }

  /// The result. With `relative`, jobs are sorted by (arrival, order of rows) and the first arrives
  /// at 0. Errors: invalid_argument if no job is left.
  [[nodiscard]] Result<TraceRead> finish(bool relative);

 private:
  std::string file_;
  TraceRead read_;
  NameIndex names_;
};

}  // namespace bourse
