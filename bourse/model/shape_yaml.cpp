#include "bourse/model/shape_yaml.h"

#include <fmt/core.h>

#include <vector>

#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::string_view kThroughputShapes[] = {"parameter-server", "ring", "rigid", "table",
                                                  "adaptive"};
constexpr std::string_view kServerKeys[] = {"compute_per_sample", "gradient",
                                            "workers_per_server", "global_batch",
                                            "rate_inside",        "rate_across"};
constexpr std::string_view kRingKeys[] = {"compute_per_sample", "gradient",     "global_batch",
                                          "rate_inside",        "rate_in_rack", "rate_across"};
constexpr std::string_view kAdaptiveKeys[] = {
    "step_fixed",      "step_per_sample",        "sync_inside",      "sync_inside_per_worker",
    "sync_across",     "sync_across_per_worker", "overlap",          "base_batch",
    "requested_batch", "max_batch_per_worker",   "max_workers",      "noise_scale",
    "epoch",           "base_learning_rate",     "max_learning_rate"};
constexpr std::string_view kPointKeys[] = {"workers", "servers", "locality", "speed"};
constexpr std::string_view kUtilityShapes[] = {"sigmoid", "deadline", "linear-decay",
                                               "piecewise-linear", "constant"};
constexpr std::string_view kSigmoidKeys[] = {"value", "steepness", "midpoint"};
constexpr std::string_view kDeadlineKeys[] = {"value", "deadline", "late_value"};
constexpr std::string_view kDecayKeys[] = {"value", "full_until", "zero_at"};
constexpr std::string_view kConstantKeys[] = {"value"};

// A required field of each kind.

Result<double> number_in(YamlField map, std::string_view key) {
  BOURSE_TRY(const YamlField field, map.required(key));
  return field.number();
}

Result<Seconds> seconds_in(YamlField map, std::string_view key) {
  BOURSE_TRY(const YamlField field, map.required(key));
  return field.seconds();
}

Result<Seconds> seconds_in_or(YamlField map, std::string_view key, Seconds otherwise) {
  if (const auto field = map.find(key)) return field->seconds();
  return otherwise;
}

Result<double> number_in_or(YamlField map, std::string_view key, double otherwise) {
  if (const auto field = map.find(key)) return field->number();
  return otherwise;
}

Result<BytesPerSecond> rate_in(YamlField map, std::string_view key) {
  BOURSE_TRY(const YamlField field, map.required(key));
  return field.bytes_per_second();
}

Result<Throughput> read_parameter_server(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kServerKeys));
  ParameterServerThroughput t;
  BOURSE_TRY(t.compute_per_sample, seconds_in(map, "compute_per_sample"));
  BOURSE_TRY(const YamlField gradient, map.required("gradient"));
  BOURSE_TRY(t.gradient, gradient.bytes());
  BOURSE_TRY(t.workers_per_server, number_in(map, "workers_per_server"));
  BOURSE_TRY(t.global_batch, count_in(map, "global_batch", 1));
  BOURSE_TRY(t.rate_inside, rate_in(map, "rate_inside"));
  BOURSE_TRY(t.rate_across, rate_in(map, "rate_across"));
  return t;
}

Result<Throughput> read_ring(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kRingKeys));
  RingThroughput t;
  BOURSE_TRY(t.compute_per_sample, seconds_in(map, "compute_per_sample"));
  BOURSE_TRY(const YamlField gradient, map.required("gradient"));
  BOURSE_TRY(t.gradient, gradient.bytes());
  BOURSE_TRY(t.global_batch, count_in(map, "global_batch", 1));
  BOURSE_TRY(t.rate_inside, rate_in(map, "rate_inside"));
  BOURSE_TRY(t.rate_in_rack, rate_in(map, "rate_in_rack"));
  BOURSE_TRY(t.rate_across, rate_in(map, "rate_across"));
  return t;
}

Result<Throughput> read_rigid(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kTaskKeys));
  RigidThroughput t;
  BOURSE_TRY(t.workers, count_in(map, "workers", 1));
  BOURSE_TRY(t.servers, count_in_or(map, "servers", 0));
  return t;
}

Result<TableThroughput::Point> read_point(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kPointKeys));
  TableThroughput::Point point;
  BOURSE_TRY(point.workers, count_in(map, "workers", 1));
  BOURSE_TRY(point.servers, count_in_or(map, "servers", 0));
  BOURSE_TRY(const YamlField speed, map.required("speed"));
  BOURSE_TRY(point.samples_per_second, speed.positive());
  if (const auto field = map.find("locality")) {
    BOURSE_TRY(const std::string_view name, field->text());
    if (name != kLocalityNames[0] && name != kLocalityNames[1] && name != kLocalityNames[2])
      return field->error(
          fmt::format("'{}' is not a locality; use machine, rack or cluster", quotable(name)));
    point.locality = name == "machine" ? Locality::machine
                     : name == "rack"  ? Locality::rack
                                       : Locality::cluster;
  }
  return point;
}

Result<Throughput> read_table(YamlField field) {
  BOURSE_TRY(const std::vector<YamlField> items, field.list());
  TableThroughput table;
  for (const YamlField& item : items) {
    BOURSE_TRY(const TableThroughput::Point point, read_point(item));
    table.points.push_back(point);
  }
  return table;
}

Result<Throughput> read_adaptive(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kAdaptiveKeys));
  AdaptiveThroughput t;
  BOURSE_TRY(t.step_fixed, seconds_in_or(map, "step_fixed", Seconds(0)));
  BOURSE_TRY(t.step_per_sample, seconds_in(map, "step_per_sample"));
  BOURSE_TRY(t.sync_inside, seconds_in_or(map, "sync_inside", Seconds(0)));
  BOURSE_TRY(t.sync_inside_per_worker, seconds_in_or(map, "sync_inside_per_worker", Seconds(0)));
  BOURSE_TRY(t.sync_across, seconds_in_or(map, "sync_across", t.sync_inside));
  BOURSE_TRY(t.sync_across_per_worker,
             seconds_in_or(map, "sync_across_per_worker", t.sync_inside_per_worker));
  BOURSE_TRY(t.overlap, number_in_or(map, "overlap", 1));
  BOURSE_TRY(t.base_batch, count_in(map, "base_batch", 1));
  t.requested_batch = t.base_batch;
  if (map.find("requested_batch")) {
    BOURSE_TRY(t.requested_batch, count_in(map, "requested_batch", 1));
  }
  BOURSE_TRY(t.max_batch_per_worker, count_in(map, "max_batch_per_worker", 1));
  BOURSE_TRY(t.max_workers, count_in(map, "max_workers", 1));
  BOURSE_TRY(t.noise_scale, number_in(map, "noise_scale"));
  BOURSE_TRY(t.epoch_samples, number_in(map, "epoch"));
  BOURSE_TRY(t.base_learning_rate, number_in(map, "base_learning_rate"));
  BOURSE_TRY(t.max_learning_rate, number_in(map, "max_learning_rate"));
  return t;
}

Result<Utility> read_sigmoid(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kSigmoidKeys));
  SigmoidUtility u;
  BOURSE_TRY(u.value, number_in(map, "value"));
  BOURSE_TRY(const YamlField steepness, map.required("steepness"));
  BOURSE_TRY(u.steepness, steepness.per_second());
  BOURSE_TRY(u.midpoint, seconds_in(map, "midpoint"));
  return u;
}

Result<Utility> read_deadline(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kDeadlineKeys));
  DeadlineUtility u;
  BOURSE_TRY(u.value, number_in(map, "value"));
  BOURSE_TRY(u.deadline, seconds_in(map, "deadline"));
  if (const auto field = map.find("late_value")) {
    BOURSE_TRY(u.late_value, field->number());
  }
  return u;
}

Result<Utility> read_linear_decay(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kDecayKeys));
  LinearDecayUtility u;
  BOURSE_TRY(u.value, number_in(map, "value"));
  BOURSE_TRY(u.full_until, seconds_in(map, "full_until"));
  BOURSE_TRY(u.zero_at, seconds_in(map, "zero_at"));
  return u;
}

Result<Utility> read_piecewise_linear(YamlField field) {
  BOURSE_TRY(const std::vector<YamlField> items, field.list());
  PiecewiseLinearUtility u;
  for (const YamlField& item : items) {
    BOURSE_TRY(const std::vector<YamlField> pair, item.list());
    if (pair.size() != 2) return item.error("must be a pair [delay, value], such as [5h, 2]");
    PiecewiseLinearUtility::Point point;
    BOURSE_TRY(point.delay, pair[0].seconds());
    BOURSE_TRY(point.value, pair[1].number());
    u.points.push_back(point);
  }
  return u;
}

Result<Utility> read_constant(YamlField map) {
  BOURSE_TRY_VOID(map.expect_keys(kConstantKeys));
  BOURSE_TRY(const double value, number_in(map, "value"));
  return ConstantUtility{value};
}

}  // namespace

Result<int> count_in(YamlField map, std::string_view key, int low) {
  BOURSE_TRY(const YamlField field, map.required(key));
  return field.whole(low, kMaxWorkers);
}

Result<int> count_in_or(YamlField map, std::string_view key, int otherwise) {
  if (const auto field = map.find(key)) return field->whole(0, kMaxWorkers);
  return otherwise;
}

Result<Throughput> read_throughput(YamlField field) {
  BOURSE_TRY(const YamlField shape, field.only_one_of(kThroughputShapes));
  const std::string& name = shape.value().key;
  auto throughput = name == "parameter-server" ? read_parameter_server(shape)
                    : name == "ring"           ? read_ring(shape)
                    : name == "rigid"          ? read_rigid(shape)
                    : name == "adaptive"       ? read_adaptive(shape)
                                               : read_table(shape);
  if (!throughput) return throughput;
  if (const auto ok = validate(*throughput); !ok) return shape.error(ok.error().message);
  return throughput;
}

Result<Utility> read_utility(YamlField field) {
  if (field.is_scalar()) {
    BOURSE_TRY(const double value, field.number());
    if (value < 0) return field.error("value must be a number of at least 0");
    return ConstantUtility{value};
  }
  BOURSE_TRY(const YamlField shape, field.only_one_of(kUtilityShapes));
  const std::string& name = shape.value().key;
  auto utility = name == "sigmoid"        ? read_sigmoid(shape)
                 : name == "deadline"     ? read_deadline(shape)
                 : name == "linear-decay" ? read_linear_decay(shape)
                 : name == "constant"     ? read_constant(shape)
                                          : read_piecewise_linear(shape);
  if (!utility) return utility;
  if (const auto ok = validate(*utility); !ok) return shape.error(ok.error().message);
  return utility;
}

}  // namespace bourse
