#include "bourse/protocol/job_json.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <variant>

namespace bourse {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name_of(Locality locality) {
  if (locality == Locality::machine) return "machine";
  return locality == Locality::rack ? "rack" : "cluster";
}

Json shape_json(const ParameterServerThroughput& t) {
  return {
      {"shape", "parameter-server"},        {"compute_per_sample_s", t.compute_per_sample.value},
      {"gradient_bytes", t.gradient.value}, {"workers_per_server", t.workers_per_server},
      {"global_batch", t.global_batch},     {"rate_inside", t.rate_inside.value},
      {"rate_across", t.rate_across.value}};
}

Json shape_json(const RingThroughput& t) {
  return {{"shape", "ring"},
          {"compute_per_sample_s", t.compute_per_sample.value},
          {"gradient_bytes", t.gradient.value},
          {"global_batch", t.global_batch},
          {"rate_inside", t.rate_inside.value},
          {"rate_in_rack", t.rate_in_rack.value},
          {"rate_across", t.rate_across.value}};
}

Json shape_json(const RigidThroughput& t) {
  return {{"shape", "rigid"}, {"workers", t.workers}, {"servers", t.servers}};
}

Json shape_json(const TableThroughput& t) {
  Json points = Json::array();
  for (const auto& point : t.points)
    points.push_back({{"workers", point.workers},
                      {"servers", point.servers},
                      {"locality", name_of(point.locality)},
                      {"samples_per_second", point.samples_per_second}});
  return {{"shape", "table"}, {"points", std::move(points)}};
}

Json shape_json(const AdaptiveThroughput& t) {
  return {{"shape", "adaptive"},
          {"step_fixed_s", t.step_fixed.value},
          {"step_per_sample_s", t.step_per_sample.value},
          {"sync_inside_s", t.sync_inside.value},
          {"sync_inside_per_worker_s", t.sync_inside_per_worker.value},
          {"sync_across_s", t.sync_across.value},
          {"sync_across_per_worker_s", t.sync_across_per_worker.value},
          {"overlap", t.overlap},
          {"base_batch", t.base_batch},
          {"requested_batch", t.requested_batch},
          {"max_batch_per_worker", t.max_batch_per_worker},
          {"max_workers", t.max_workers},
          {"noise_scale", t.noise_scale},
          {"epoch_samples", t.epoch_samples},
          {"base_learning_rate", t.base_learning_rate},
          {"max_learning_rate", t.max_learning_rate}};
}

Json utility_json(const ConstantUtility& u) { return {{"kind", "constant"}, {"value", u.value}}; }

Json utility_json(const SigmoidUtility& u) {
  return {{"kind", "sigmoid"},
          {"value", u.value},
          {"steepness", u.steepness},
          {"midpoint_s", u.midpoint.value}};
}

Json utility_json(const DeadlineUtility& u) {
  return {{"kind", "deadline"},
          {"value", u.value},
          {"deadline_s", u.deadline.value},
          {"late_value", u.late_value}};
}

Json utility_json(const LinearDecayUtility& u) {
  return {{"kind", "linear-decay"},
          {"value", u.value},
          {"full_until_s", u.full_until.value},
          {"zero_at_s", u.zero_at.value}};
}

Json utility_json(const PiecewiseLinearUtility& u) {
  Json points = Json::array();
  for (const auto& point : u.points)
    points.push_back({{"delay_s", point.delay.value}, {"value", point.value}});
  return {{"kind", "piecewise-linear"}, {"points", std::move(points)}};
}

}  // namespace

Json amounts_json(const ResourceTypes& types, std::span<const Amount> amounts) {
  Json json = Json::object();
  for (std::size_t r = 0; r < types.size(); ++r)
    json[types[r].name] = static_cast<double>(amounts[r]) / kAmountsPerUnit;
  return json;
}

Json job_json(const Cluster& cluster, JobId id, const JobSpec& job) {
  return {{"id", id.value},
          {"name", job.name},
          {"group", job.group},
          {"arrival_s", job.arrival.value},
          {"work", job.samples},
          {"worker", amounts_json(cluster.types, job.worker)},
          {"server", amounts_json(cluster.types, job.server)},
          {"requested", {{"workers", job.requested_workers}, {"servers", job.requested_servers}}},
          {"requested_duration_s", requested_duration(job).value},
          {"min_workers", min_workers(job.throughput)},
          {"max_workers", max_workers(job.throughput)},
          {"restart_cost_s", job.restart_cost.value},
          {"throughput", std::visit([](const auto& t) { return shape_json(t); }, job.throughput)},
          {"utility", std::visit([](const auto& u) { return utility_json(u); }, job.utility)}};
}

}  // namespace bourse
