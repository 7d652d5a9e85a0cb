#include <fmt/core.h>

#include <span>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/trace/csv_table.h"
#include "bourse/trace/readers.h"
#include "bourse/trace/trace_builder.h"

namespace bourse {
namespace {

/// What a format calls its columns. Empty: it has none. Two names: either.
struct ColumnNames {
  TraceFormat format;
  std::string_view id;
  std::array<std::string_view, 2> submit;
  std::string_view duration;
  std::string_view gpus;
  std::string_view group;
  std::array<std::string_view, 2> deadline;
  bool dated;     ///< Times may be dates.
  bool strict;    ///< Negative values and duplicates are errors, not skipped.
  bool relative;  ///< Jobs may stand in any order and the first arrives at 0.
};

constexpr std::array<ColumnNames, 5> kColumnNames{{
    {TraceFormat::canonical,
     "job_id",
     {"submit_s"},
     "duration_s",
     "num_gpus",
     "vc",
     {},
     false,
     true,
     false},
    {TraceFormat::itp,
     "job_id",
     {"submission_time", "submit_time"},
     "duration",
     "num_gpu",
     "vc",
     {},
     false,
     true,
     true},
    {TraceFormat::elasticflow,
     "job_id",
     {"submit_time", "submission_time"},
     "duration",
     "num_gpu",
     "",
     {"ddl", "deadline"},
     false,
     true,
     true},
    {TraceFormat::tiresias,
     "job_id",
     {"submit_time"},
     "duration",
     "num_gpu",
     "",
     {},
     false,
     true,
     true},
    {TraceFormat::helios,
     "job_id",
     {"submit_time"},
     "duration",
     "gpu_num",
     "vc",
     {},
     true,
     false,
     true},
}};

const ColumnNames& names_for(TraceFormat format) {
  for (const ColumnNames& names : kColumnNames)
    if (names.format == format) return names;
  return kColumnNames[0];
}

/// Reads the rows of one file.
class ColumnReader {
 public:
  ColumnReader(TextInput& input, const ColumnNames& names)
      : input_(input), names_(names), table_(input), builder_(input.name(), names.format) {}

  Result<TraceRead> read() {
    BOURSE_TRY_VOID(table_.read_header());
    BOURSE_TRY_VOID(find_columns());
    while (true) {
      BOURSE_TRY(const bool more, table_.next_row());
      if (!more) break;
      builder_.count_row();
      BOURSE_TRY_VOID(take_row());
    }
    if (names_.format == TraceFormat::helios)
      builder_.assume("jobs that failed or were cancelled count with the time they ran");
    return builder_.finish(names_.relative);
  }

 private:
  Result<void> find_columns() {
    BOURSE_TRY(id_, table_.column(names_.id));
    const bool second = !names_.submit[1].empty() && table_.find(names_.submit[1]);
    BOURSE_TRY(submit_, table_.column(names_.submit[second ? 1 : 0]));
    BOURSE_TRY(duration_, table_.column(names_.duration));
    BOURSE_TRY(gpus_, table_.column(names_.gpus));
    group_ = table_.find(names_.group);
    for (const std::string_view name : names_.deadline)
      if (!name.empty() && !deadline_) deadline_ = table_.find(name);
    return {};
  }

  Result<double> submit_time() const {
    if (names_.dated)
      if (const auto time = parse_date_time(table_.text(submit_))) return *time;
    const auto seconds = table_.seconds(submit_);
    if (!seconds && names_.dated && !table_.text(submit_).empty() &&
        !parse_field_number(table_.text(submit_)))
      return table_.bad(submit_, fmt::format("'{}' is not a time such as 2020-04-01 00:05:43",
                                             quotable(table_.text(submit_))));
    return seconds;
  }

  Result<void> check_strictly(const TraceRow& row) {
    if (row.submit < 0) return negative(submit_);
    if (row.duration < 0) return negative(duration_);
    if (row.gpus < 0) return negative(gpus_);
    if (const auto above = builder_.find(row.name))
      return table_.bad(id_,
                        fmt::format("'{}' is also the job of line {}; give each job its own id",
                                    quotable(row.name), builder_.workload().jobs[*above].line));
    if (!names_.relative && row.submit < last_submit_)
      return invalid(fmt::format(
          "{}:{}: submit_s {} is before the row above ({}); sort the file by submit_s",
          input_.name(), table_.line(), number_text(row.submit), number_text(last_submit_)));
    last_submit_ = row.submit;
    return {};
  }

  Result<void> negative(std::size_t column) const {
    return table_.bad(column, fmt::format("'{}' is negative; it must be at least 0",
                                          quotable(table_.text(column))));
  }

  Result<void> take_row() {
    TraceRow row{.name = table_.text(id_), .line = table_.line()};
    if (row.name.empty()) return table_.bad(id_, "is empty; give every job an id");
    if (group_) row.group = table_.text(*group_);
    BOURSE_TRY(row.gpus, table_.whole(gpus_, kMaxWorkers));
    if (!names_.strict && row.gpus == 0) {
      builder_.skip("it has no GPUs", row.line);
      return {};
    }
    BOURSE_TRY(row.submit, submit_time());
    BOURSE_TRY(row.duration, table_.seconds(duration_));
    if (names_.strict) BOURSE_TRY_VOID(check_strictly(row));
    double deadline = 0;
    if (deadline_) {
      BOURSE_TRY(deadline, table_.seconds(*deadline_));
      deadline -= row.submit;
      if (deadline <= 0) {
        builder_.skip("the deadline is not after the submit time", row.line);
        return {};
      }
    }
    JobSpec* const job = builder_.add(row);
    if (job != nullptr && deadline_) job->utility = DeadlineUtility{.deadline = Seconds(deadline)};
    return {};
  }

  TextInput& input_;
  const ColumnNames& names_;
  CsvTable table_;
  TraceBuilder builder_;
  std::size_t id_ = 0;
  std::size_t submit_ = 0;
  std::size_t duration_ = 0;
  std::size_t gpus_ = 0;
  std::optional<std::size_t> group_;
  std::optional<std::size_t> deadline_;
  double last_submit_ = 0;
};

}  // namespace

Result<TraceRead> read_columns(TextInput& input, TraceFormat format) {
  return ColumnReader(input, names_for(format)).read();
}

}  // namespace bourse
