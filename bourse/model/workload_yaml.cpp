#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/model/cluster_yaml.h"
#include "bourse/model/shape_yaml.h"
#include "bourse/model/workload.h"
#include "bourse/model/yaml.h"

namespace bourse {
namespace {

constexpr std::string_view kWorkloadKeys[] = {"cluster", "horizon", "slot", "defaults", "jobs"};
constexpr std::string_view kJobKeys[] = {"id",         "group",    "arrival",   "epochs",
                                         "samples",    "duration", "worker",    "server",
                                         "throughput", "utility",  "requested", "restart_cost"};

/// Reads the jobs one after the other.
class JobReader {
 public:
  JobReader(Workload& workload, std::optional<YamlField> defaults)
      : workload_(workload), defaults_(defaults) {}

  Result<void> add(YamlField map) {
    map_ = map;
    job_ = JobSpec{};
    job_.line = map.value().line;
    BOURSE_TRY_VOID(map.expect_keys(kJobKeys));
    BOURSE_TRY_VOID(read_name());
    BOURSE_TRY_VOID(read_arrival());
    BOURSE_TRY_VOID(read_demands());
    BOURSE_TRY_VOID(read_shapes());
    BOURSE_TRY_VOID(read_work());
    BOURSE_TRY_VOID(read_requested());
    if (const auto field = find("restart_cost")) {
      BOURSE_TRY(job_.restart_cost, field->seconds());
    }
    BOURSE_TRY_VOID(check());
    workload_.jobs.push_back(std::move(job_));
    return {};
  }

 private:
  [[nodiscard]] std::optional<YamlField> find(std::string_view key) const {
    if (const auto field = map_->find(key)) return field;
    return defaults_ ? defaults_->find(key) : std::nullopt;
  }

  [[nodiscard]] Result<YamlField> required(std::string_view key) const {
    if (const auto field = find(key)) return *field;
    return map_->error_in(key, "is missing");
  }

  Result<void> read_name() {
    BOURSE_TRY(const YamlField id, map_->required("id"));
    BOURSE_TRY(const std::string_view name, id.text());
    job_.name = std::string(name);
    if (const auto [it, fresh] = line_of_.emplace(name, id.value().line); !fresh)
      return id.error(fmt::format("'{}' is also the id of the job at line {}; ids must differ",
                                  quotable(name), it->second));
    if (const auto group = find("group")) {
      BOURSE_TRY(const std::string_view group_name, group->text());
      job_.group = std::string(group_name);
    }
    return {};
  }

  Result<void> read_arrival() {
    BOURSE_TRY(const YamlField field, required("arrival"));
    BOURSE_TRY(job_.arrival, field.seconds());
    if (!workload_.jobs.empty() && job_.arrival < workload_.jobs.back().arrival)
      return field.error(
          fmt::format("'{}' is before the arrival of the job above ({}); arrivals "
                      "must not decrease",
                      quotable(field.value().text), to_text(workload_.jobs.back().arrival)));
    return {};
  }

  Result<void> read_demands() {
    BOURSE_TRY(const YamlField worker, required("worker"));
    BOURSE_TRY(job_.worker, read_resources(worker, workload_.types, Rounding::up));
    if (std::ranges::all_of(job_.worker, [](Amount a) { return a == 0; }))
      return worker.error("must demand something, such as gpu: 1");
    if (const auto server = find("server")) {
      BOURSE_TRY(job_.server, read_resources(*server, workload_.types, Rounding::up));
    }
    return {};
  }

  Result<void> read_shapes() {
    BOURSE_TRY(const YamlField throughput, required("throughput"));
    BOURSE_TRY(job_.throughput, read_throughput(throughput));
    BOURSE_TRY(const YamlField utility, required("utility"));
    BOURSE_TRY(job_.utility, read_utility(utility));
    return {};
  }

  /// What the job itself says of its work wins over what the defaults say.
  Result<void> read_work() {
    const auto own_duration = map_->find("duration");
    const bool own_samples = map_->find("samples") || map_->find("epochs");
    if (own_duration && own_samples)
      return own_duration->error("give a duration, or samples and epochs, not both");
    const auto duration = own_samples ? std::nullopt : find("duration");
    if (is_rigid(job_.throughput)) {
      if (!duration)
        return map_->error_in("duration", "is missing; the work of a rigid job is its duration");
      BOURSE_TRY(const Seconds time, duration->seconds());
      if (time.value <= 0) return duration->error("must be above 0");
      job_.samples = time.value;
      return {};
    }
    if (own_duration)
      return own_duration->error("is only for rigid jobs; give samples, and epochs if not 1");
    BOURSE_TRY(const YamlField samples, required("samples"));
    BOURSE_TRY(job_.samples, samples.positive());
    if (const auto epochs = find("epochs")) {
      BOURSE_TRY(const double times, epochs->positive());
      job_.samples *= times;
      if (!std::isfinite(job_.samples) || job_.samples <= 0)
        return epochs->error("times samples is out of the range of a number");
    }
    return {};
  }

  /// Unless asked otherwise: a gang whole, any other job the fewest workers with their servers.
  Result<void> read_requested() {
    job_.requested_workers = min_workers(job_.throughput);
    job_.requested_servers = servers_for(job_.throughput, job_.requested_workers);
    const auto requested = find("requested");
    if (!requested) return {};
    BOURSE_TRY_VOID(requested->expect_keys(kTaskKeys));
    BOURSE_TRY(job_.requested_workers, count_in(*requested, "workers", 1));
    job_.requested_servers = servers_for(job_.throughput, job_.requested_workers);
    BOURSE_TRY(job_.requested_servers, count_in_or(*requested, "servers", job_.requested_servers));
    if (const auto* gang = std::get_if<RigidThroughput>(&job_.throughput))
      if (job_.requested_workers != gang->workers || job_.requested_servers != gang->servers)
        return requested->error("differs from the gang; leave it out for a rigid job");
    if (!std::isfinite(requested_duration(job_).value))
      return requested->error("these tasks make no progress; give more workers or servers");
    return {};
  }

  /// The rules of a job that none of its fields can check alone; the message begins with
  /// "field 'name': ".
  [[nodiscard]] Result<void> check() const {
    const auto ok = validate(job_);
    if (ok) return {};
    const std::string_view message = ok.error().message;
    const auto quote = message.find('\'', 7);
    if (!message.starts_with("field '") || quote == std::string_view::npos)
      return map_->error(message);
    return map_->error_in(message.substr(7, quote - 7), message.substr(quote + 3));
  }

  Workload& workload_;
  std::optional<YamlField> defaults_;
  std::optional<YamlField> map_;
  JobSpec job_;
  std::unordered_map<std::string_view, std::uint32_t> line_of_;
};

Result<void> read_settings(YamlField root, Workload& workload) {
  if (const auto field = root.find("cluster")) {
    BOURSE_TRY(workload.cluster, read_cluster(*field));
  }
  if (const auto field = root.find("horizon")) {
    BOURSE_TRY(workload.horizon, field->seconds());
    if (workload.horizon.value <= 0) return field->error("must be above 0");
  }
  if (const auto field = root.find("slot")) {
    BOURSE_TRY(workload.slot, field->seconds());
    if (workload.slot.value <= 0) return field->error("must be above 0");
  }
  return {};
}

}  // namespace

Result<Workload> parse_workload_yaml(std::string_view text, std::string_view file) {
  BOURSE_TRY(const YamlDocument document, parse_yaml(text, file));
  const YamlField root = document.root();
  BOURSE_TRY_VOID(root.expect_keys(kWorkloadKeys));
  Workload workload;
  BOURSE_TRY_VOID(read_settings(root, workload));
  const auto defaults = root.find("defaults");
  if (defaults) BOURSE_TRY_VOID(defaults->expect_keys(kJobKeys));
  if (defaults && defaults->find("id"))
    return defaults->find("id")->error("has no default; every job has its own");
  BOURSE_TRY(const YamlField jobs, root.required("jobs"));
  BOURSE_TRY(const std::vector<YamlField> items, jobs.list());
  JobReader reader(workload, defaults);
  workload.jobs.reserve(items.size());
  for (const YamlField& item : items) BOURSE_TRY_VOID(reader.add(item));
  for (JobSpec& job : workload.jobs) {
    job.worker.resize(workload.types.size(), 0);
    job.server.resize(workload.types.size(), 0);
  }
  return workload;
}

namespace {

/// Writes into the text; every double so that it reads back the same.
class WorkloadWriter {
 public:
  std::string write(const Workload& workload) && {
    if (workload.cluster) line("cluster:\n{}", cluster_yaml(*workload.cluster, 2));
    if (workload.horizon < kForever) line("horizon: {}\n", to_text(workload.horizon));
    if (workload.slot.value > 0) line("slot: {}\n", to_text(workload.slot));
    line("jobs:\n");
    for (const JobSpec& job : workload.jobs) write_job(job, workload.types);
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
  }

  void write_job(const JobSpec& job, const ResourceTypes& types) {
    line("  - id: {}\n", yaml_text(job.name));
    if (!job.group.empty()) line("    group: {}\n", yaml_text(job.group));
    line("    arrival: {}\n", to_text(job.arrival));
    if (is_rigid(job.throughput))
      line("    duration: {}\n", to_text(Seconds(job.samples)));
    else
      line("    samples: {}\n", number_text(job.samples));
    // The first job names every type, so that they come back in the same order.
    line("    worker: {}\n", resources_yaml(types, job.worker, first_));
    first_ = false;
    const bool has_server = std::ranges::any_of(job.server, [](Amount a) { return a != 0; });
    if (has_server) line("    server: {}\n", resources_yaml(types, job.server, false));
    line("    throughput: {{");
    std::visit([&](const auto& t) { write_shape(t); }, job.throughput);
    line("}}\n    utility: {{");
    std::visit([&](const auto& u) { write_shape(u); }, job.utility);
    line("}}\n");
    if (!is_rigid(job.throughput))
      line("    requested: {{workers: {}, servers: {}}}\n", job.requested_workers,
           job.requested_servers);
    if (job.restart_cost.value > 0) line("    restart_cost: {}\n", to_text(job.restart_cost));
  }

  void write_shape(const ParameterServerThroughput& t) {
    line("parameter-server: {{compute_per_sample: {}, gradient: {}, workers_per_server: {}, ",
         to_text(t.compute_per_sample), to_text(t.gradient), number_text(t.workers_per_server));
    line("global_batch: {}, rate_inside: {}, rate_across: {}}}", t.global_batch,
         to_text(t.rate_inside), to_text(t.rate_across));
  }
  void write_shape(const RingThroughput& t) {
    line("ring: {{compute_per_sample: {}, gradient: {}, global_batch: {}, ",
         to_text(t.compute_per_sample), to_text(t.gradient), t.global_batch);
    line("rate_inside: {}, rate_in_rack: {}, rate_across: {}}}", to_text(t.rate_inside),
         to_text(t.rate_in_rack), to_text(t.rate_across));
  }
  void write_shape(const RigidThroughput& t) {
    line("rigid: {{workers: {}", t.workers);
    if (t.servers > 0) line(", servers: {}", t.servers);
    line("}}");
  }
  void write_shape(const TableThroughput& t) {
    line("table: [");
    for (const auto& point : t.points)
      line("{}{{workers: {}, servers: {}, locality: {}, speed: {}}}",
           &point == &t.points.front() ? "" : ", ", point.workers, point.servers,
           kLocalityNames[static_cast<std::size_t>(point.locality)],
           number_text(point.samples_per_second));
    line("]");
  }
  void write_shape(const AdaptiveThroughput& t) {
    line("adaptive: {{step_fixed: {}, step_per_sample: {}, sync_inside: {}, ",
         to_text(t.step_fixed), to_text(t.step_per_sample), to_text(t.sync_inside));
    line("sync_inside_per_worker: {}, sync_across: {}, sync_across_per_worker: {}, ",
         to_text(t.sync_inside_per_worker), to_text(t.sync_across),
         to_text(t.sync_across_per_worker));
    line("overlap: {}, base_batch: {}, requested_batch: {}, max_batch_per_worker: {}, ",
         number_text(t.overlap), t.base_batch, t.requested_batch, t.max_batch_per_worker);
    line("max_workers: {}, noise_scale: {}, epoch: {}, ", t.max_workers, number_text(t.noise_scale),
         number_text(t.epoch_samples));
    line("base_learning_rate: {}, max_learning_rate: {}}}", number_text(t.base_learning_rate),
         number_text(t.max_learning_rate));
  }

  void write_shape(const ConstantUtility& u) {
    line("constant: {{value: {}}}", number_text(u.value));
  }
  void write_shape(const SigmoidUtility& u) {
    line("sigmoid: {{value: {}, steepness: {}/s, midpoint: {}}}", number_text(u.value),
         number_text(u.steepness), to_text(u.midpoint));
  }
  void write_shape(const DeadlineUtility& u) {
    line("deadline: {{value: {}, deadline: {}, late_value: {}}}", number_text(u.value),
         to_text(u.deadline), number_text(u.late_value));
  }
  void write_shape(const LinearDecayUtility& u) {
    line("linear-decay: {{value: {}, full_until: {}, zero_at: {}}}", number_text(u.value),
         to_text(u.full_until), to_text(u.zero_at));
  }
  void write_shape(const PiecewiseLinearUtility& u) {
    line("piecewise-linear: [");
    for (const auto& point : u.points)
      line("{}[{}, {}]", &point == &u.points.front() ? "" : ", ", to_text(point.delay),
           number_text(point.value));
    line("]");
  }

  std::string out_;
  bool first_ = true;
};

}  // namespace

std::string workload_yaml(const Workload& workload) { return WorkloadWriter{}.write(workload); }

}  // namespace bourse
