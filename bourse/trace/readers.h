#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/trace/text_input.h"
#include "bourse/trace/trace.h"

namespace bourse {

// One reader a format; read_trace chooses among them. Results and errors are those of read_trace.

/// canonical, itp, elasticflow, tiresias and helios: one row a job, columns found by name.
[[nodiscard]] Result<TraceRead> read_columns(TextInput& input, TraceFormat format);
[[nodiscard]] Result<TraceRead> read_pai(TextInput& input, const TraceOptions& options);
[[nodiscard]] Result<TraceRead> read_swf(TextInput& input);
[[nodiscard]] Result<TraceRead> read_philly_json(TextInput& input);
[[nodiscard]] Result<TraceRead> read_yaml(TextInput& input);

/// The format that the first bytes show, if they show any; takes nothing from the input.
/// Errors: data_corrupted if the first line is longer than 1 MiB; those of the input.
[[nodiscard]] Result<std::optional<TraceFormat>> detect_format(TextInput& input);

/// Seconds since 1970 of "2017-10-09 07:01:55", taken as UTC ("T" may stand for the blank, a
/// fraction and a zone after the seconds are passed over); nothing if it is no such time.
[[nodiscard]] std::optional<double> parse_date_time(std::string_view text);

}  // namespace bourse
