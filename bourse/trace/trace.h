#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/trace/byte_source.h"

namespace bourse {

/// The formats that are read; docs/traces.md describes each.
enum class TraceFormat {
  canonical,    ///< job_id,submit_s,duration_s,num_gpus,vc
  itp,          ///< Microsoft ITP: job_id,submission_time,duration,num_gpu
  elasticflow,  ///< ElasticFlow: as itp with model, batch and deadline.
  tiresias,     ///< Tiresias: job_id,num_gpu,submit_time,iterations,model_name,duration,interval
  philly_json,  ///< Microsoft Philly cluster_job_log.
  helios,       ///< SenseTime Helios cluster_log.csv.
  pai,          ///< Alibaba PAI GPU v2020, pai_task_table.csv.
  swf,          ///< Standard Workload Format of the Parallel Workloads Archive.
  yaml,         ///< Our own workload file.
};
inline constexpr std::array<std::string_view, 9> kTraceFormatNames{
    "canonical", "itp", "elasticflow", "tiresias", "philly-json", "helios", "pai", "swf", "yaml"};

/// "philly-json" and so on.
[[nodiscard]] std::string_view name_of(TraceFormat format);

/// Errors: invalid_argument for an unknown name, with the nearest known one.
[[nodiscard]] Result<TraceFormat> parse_trace_format(std::string_view name);

struct TraceOptions {
  /// The format; without it the first bytes of the file decide.
  std::optional<TraceFormat> format = std::nullopt;
  /// Keep only the GPU demands where a format has others (pai: cpu, memory), so that the trace fits
  /// a cluster that states nothing but GPUs.
  bool gpus_only = false;
};

/// Rows left out for one reason.
struct SkippedRows {
  std::string reason;         ///< "duration is 0"
  std::uint64_t count = 0;    ///< Rows.
  std::string first_example;  ///< "line 17: duration is 0"
};

struct TraceRead {
  Workload workload;
  TraceFormat format = TraceFormat::canonical;
  std::uint64_t rows_read = 0;           ///< Rows of data, skipped ones included.
  std::uint64_t out_of_order = 0;        ///< Jobs that stood below a job of a later submit time.
  std::vector<SkippedRows> skipped;      ///< In order of first appearance.
  std::vector<std::string> assumptions;  ///< What the format does not say and was assumed.
};

/// Reads a trace, packed by gzip or not. Each job becomes a rigid gang: as many workers as GPUs,
/// one GPU each, work equal to its duration. The canonical form keeps its times; in all public
/// formats time 0 is the earliest submit time of the jobs kept, and jobs are sorted by (arrival,
/// line).
///
/// Errors: invalid_argument, "file:line: field ...: what, what would be right", also for a trace
/// without a usable job; data_corrupted for a damaged or cut-off gzip file, a line or a JSON token
/// longer than 1 MiB; unavailable if the source cannot be read.
/// Cost: one pass; memory for the jobs kept and two buffers.
[[nodiscard]] Result<TraceRead> read_trace(ByteSource& source, const TraceOptions& options = {});

/// The same for a file. Errors: also not_found.
[[nodiscard]] Result<TraceRead> read_trace_file(const std::string& path,
                                                const TraceOptions& options = {});

/// The workload as canonical CSV: what read_trace reads back as the same arrivals, durations, GPUs
/// and groups. The duration of a job is the one with its requested tasks, its GPUs those of its
/// requested workers.
/// Errors: invalid_argument if a job has no whole number of GPUs, or a comma, quote or line break
/// in its name or group: the canonical form cannot hold it.
[[nodiscard]] Result<std::string> write_canonical(const Workload& workload);

}  // namespace bourse
