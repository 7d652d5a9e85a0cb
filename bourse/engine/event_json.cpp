#include "bourse/engine/event_json.h"

#include <array>
#include <nlohmann/json.hpp>

#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 4> kKinds{"started", "progress", "task_ended", "ended"};
constexpr std::array<std::string_view, 4> kEnds{"completed", "failed", "stopped", "lost"};
constexpr int kMaxStatus = 255;

/// Absent and null are the same.
Result<std::optional<double>> maybe_number(const Json& json, const char* name) {
  const auto field = json.find(name);
  if (field == json.end() || field->is_null()) return std::nullopt;
  return number_field(json, name);
}

void write_progress(Json& json, const ProgressReport& progress) {
  if (progress.samples) json["samples"] = *progress.samples;
  if (progress.samples_per_second) json["samples_per_second"] = *progress.samples_per_second;
  if (progress.compute_per_sample) json["compute_per_sample"] = *progress.compute_per_sample;
  if (progress.exchange_per_sample) json["exchange_per_sample"] = *progress.exchange_per_sample;
  if (progress.workers) json["workers"] = *progress.workers;
  if (progress.loss) json["loss"] = *progress.loss;
  if (progress.checkpointed) json["checkpointed"] = *progress.checkpointed;
}

Result<ProgressReport> read_progress(const Json& json) {
  ProgressReport progress;
  BOURSE_TRY(progress.samples, maybe_number(json, "samples"));
  BOURSE_TRY(progress.samples_per_second, maybe_number(json, "samples_per_second"));
  BOURSE_TRY(progress.compute_per_sample, maybe_number(json, "compute_per_sample"));
  BOURSE_TRY(progress.exchange_per_sample, maybe_number(json, "exchange_per_sample"));
  BOURSE_TRY(progress.workers, maybe_number(json, "workers"));
  BOURSE_TRY(progress.loss, maybe_number(json, "loss"));
  if (json.contains("checkpointed")) {
    BOURSE_TRY(progress.checkpointed, flag_field(json, "checkpointed"));
  }
  return progress;
}

Result<ExitStatus> read_status(const Json& json) {
  BOURSE_TRY(const std::uint64_t code, whole_field(json, "code", kMaxStatus));
  BOURSE_TRY(const std::uint64_t signal, whole_field(json, "signal", kMaxStatus));
  return ExitStatus{.code = static_cast<int>(code), .signal = static_cast<int>(signal)};
}

}  // namespace

Json event_json(const CellEvent& event) {
  Json json{{"cell", text_of(event.cell)},
            {"number", event.number},
            {"kind", kKinds[static_cast<std::size_t>(event.kind)]},
            {"unix_time", event.unix_time.value}};
  switch (event.kind) {
    case CellEventKind::started:
      break;
    case CellEventKind::progress:
      json["task"] = event.task;
      write_progress(json, event.progress);
      break;
    case CellEventKind::task_ended:
      json["task"] = event.task;
      json["code"] = event.status.code;
      json["signal"] = event.status.signal;
      json["message"] = event.message;
      break;
    case CellEventKind::ended:
      json["end"] = kEnds[static_cast<std::size_t>(event.end)];
      json["message"] = event.message;
      break;
  }
  return json;
}

Result<CellEvent> read_event(const Json& json) {
  CellEvent event;
  BOURSE_TRY(const std::string cell, text_field(json, "cell"));
  BOURSE_TRY(event.cell, parse_cell_id(cell));
  BOURSE_TRY(event.number, whole_field(json, "number"));
  BOURSE_TRY(const std::size_t kind, choice_field(json, "kind", kKinds));
  event.kind = static_cast<CellEventKind>(kind);
  BOURSE_TRY(const double time, number_field(json, "unix_time"));
  event.unix_time = Seconds(time);
  if (event.kind == CellEventKind::progress || event.kind == CellEventKind::task_ended) {
    BOURSE_TRY(event.task, text_field(json, "task"));
  }
  if (event.kind == CellEventKind::progress) {
    BOURSE_TRY(event.progress, read_progress(json));
  }
  if (event.kind == CellEventKind::task_ended) {
    BOURSE_TRY(event.status, read_status(json));
  }
  if (event.kind == CellEventKind::ended) {
    BOURSE_TRY(const std::size_t end, choice_field(json, "end", kEnds));
    event.end = static_cast<CellEnd>(end);
  }
  if (event.kind == CellEventKind::task_ended || event.kind == CellEventKind::ended) {
    BOURSE_TRY(event.message, text_field(json, "message"));
  }
  return event;
}

}  // namespace bourse
