#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bourse/base/units.h"
#include "bourse/model/workload.h"

namespace bourse {
namespace {

constexpr std::string_view kBert = R"(horizon: 20h
slot: 1h
cluster:
  machines:
    - {count: 2, resources: {gpu: 8}}
defaults:
  restart_cost: 30s
  utility: 5
jobs:
  - id: bert-1
    group: team-a
    arrival: 5min
    epochs: 50
    samples: 20000
    worker: {gpu: 1, cpu: 4, memory: 16GiB}
    server: {cpu: 2, memory: 8GiB}
    throughput:
      parameter-server:
        {compute_per_sample: 20ms, gradient: 300MB, workers_per_server: 4, global_batch: 64,
         rate_inside: 100Gbit/s, rate_across: 2Gbit/s}
    utility:
      sigmoid: {value: 50, steepness: 0.5/h, midpoint: 3h}
    requested: {workers: 6}
  - id: gang
    arrival: 1h
    duration: 3h
    worker: {gpu: 1}
    throughput: {rigid: {workers: 8}}
)";

std::string error_of(const Result<Workload>& result) {
  return result ? "no error" : result.error().message;
}

std::string yaml_error(std::string_view text) {
  return error_of(parse_workload_yaml(text, "w.yaml"));
}

/// The error of one job at lines 2 and 3 that says `field` (line 3) and else what it must.
std::string job_error(const std::string& field) {
  const std::string name = field.substr(0, field.find(':'));
  std::string text = "jobs:\n  - id: a\n    " + field + "\n";
  const std::pair<std::string, std::string> others[] = {
      {"arrival", "0"},
      {"samples", "10"},
      {"worker", "{gpu: 1}"},
      {"utility", "1"},
      {"throughput", "{table: [{workers: 1, speed: 2}]}"}};
  for (const auto& [key, value] : others)
    if (key != name) text.append("    ").append(key).append(": ").append(value).append("\n");
  return yaml_error(text);
}

/// The error without the file, line and field, which are checked to be these.
std::string error_at(const std::string& field, const std::string& path) {
  const std::string error = job_error(field);
  const std::string head = "w.yaml:3: field 'jobs[0]." + path + "': ";
  EXPECT_TRUE(error.starts_with(head)) << error;
  return error.substr(std::min(head.size(), error.size()));
}

TEST(WorkloadYaml, ReadsEveryField) {
  const auto workload = parse_workload_yaml(kBert, "w.yaml");
  ASSERT_TRUE(workload.has_value()) << workload.error().message;
  EXPECT_EQ(workload->horizon, Seconds(72000));
  EXPECT_EQ(workload->slot, Seconds(3600));
  ASSERT_TRUE(workload->cluster.has_value());
  EXPECT_EQ(workload->cluster->machines.size(), 2u);
  ASSERT_EQ(workload->jobs.size(), 2u);
  const JobSpec& bert = workload->jobs[0];
  EXPECT_EQ(bert.name, "bert-1");
  EXPECT_EQ(bert.group, "team-a");
  EXPECT_EQ(bert.arrival, Seconds(300));
  EXPECT_EQ(bert.samples, 1e6);
  EXPECT_EQ(bert.worker, (ResourceVector{1000, 4000, 16384000}));
  EXPECT_EQ(bert.server, (ResourceVector{0, 2000, 8192000}));
  EXPECT_EQ(bert.requested_workers, 6);
  EXPECT_EQ(bert.requested_servers, 2);  // ceil(6 / 4)
  EXPECT_EQ(bert.restart_cost, Seconds(30));
  EXPECT_EQ(bert.line, 10u);
  const auto& servers = std::get<ParameterServerThroughput>(bert.throughput);
  EXPECT_EQ(servers.compute_per_sample, Seconds(0.02));
  EXPECT_EQ(servers.gradient, Bytes(3e8));
  EXPECT_EQ(servers.rate_across, BytesPerSecond(2.5e8));
  const auto& sigmoid = std::get<SigmoidUtility>(bert.utility);
  EXPECT_EQ(sigmoid.steepness, 0.5 / 3600);
  const JobSpec& gang = workload->jobs[1];
  EXPECT_EQ(gang.samples, 10800);
  EXPECT_EQ(gang.requested_workers, 8);
  EXPECT_EQ(gang.server, (ResourceVector{0, 0, 0}));
  EXPECT_EQ(std::get<ConstantUtility>(gang.utility).value, 5);
}

TEST(WorkloadYaml, ReadsTheOtherShapes) {
  const auto workload = parse_workload_yaml(R"(
defaults: {worker: {gpu: 1}, samples: 10, arrival: 0, utility: {constant: {value: 2}}}
cluster: 4x8
jobs:
  - id: 1
    throughput:
      ring: {compute_per_sample: 1ms, gradient: 1MB, global_batch: 8,
             rate_inside: 4GB/s, rate_in_rack: 2GB/s, rate_across: 1GB/s}
    utility: {deadline: {value: 50, deadline: 2h}}
  - id: 2
    throughput:
      table: [{workers: 2, speed: 100}, {workers: 4, servers: 1, locality: rack, speed: 150}]
    utility: {linear-decay: {value: 50, full_until: 1h, zero_at: 2h}}
  - id: 3
    duration: 3h
    throughput: {rigid: {workers: 2, servers: 1}}
    utility: {piecewise-linear: [[0h, 10], [5h, 2]]}
)",
                                            "w.yaml");
  ASSERT_TRUE(workload.has_value()) << workload.error().message;
  EXPECT_EQ(workload->cluster->machines.size(), 4u);
  EXPECT_EQ(std::get<RingThroughput>(workload->jobs[0].throughput).rate_in_rack,
            BytesPerSecond(2e9));
  EXPECT_EQ(std::get<DeadlineUtility>(workload->jobs[0].utility).late_value, 0);
  const auto& table = std::get<TableThroughput>(workload->jobs[1].throughput);
  ASSERT_EQ(table.points.size(), 2u);
  EXPECT_EQ(table.points[0].locality, Locality::cluster);
  EXPECT_EQ(table.points[1].locality, Locality::rack);
  EXPECT_EQ(workload->jobs[1].requested_workers, 2);
  EXPECT_EQ(std::get<LinearDecayUtility>(workload->jobs[1].utility).zero_at, Seconds(7200));
  EXPECT_EQ(std::get<PiecewiseLinearUtility>(workload->jobs[2].utility).points[1].value, 2);
  EXPECT_EQ(workload->jobs[2].requested_servers, 1);
  EXPECT_EQ(workload->horizon, kForever);
}

TEST(WorkloadYaml, SaysWhatIsWrongWithTheFile) {
  EXPECT_EQ(yaml_error(""), "w.yaml:1: the file is empty; it must be a map of fields");
  EXPECT_EQ(yaml_error("horizon: 1h"), "w.yaml:1: field 'jobs': is missing");
  EXPECT_EQ(yaml_error("jobs: []"), "w.yaml:1: field 'jobs': is an empty list");
  EXPECT_EQ(yaml_error("jobs: [7]"), "w.yaml:1: field 'jobs[0]': must be a map of fields");
  EXPECT_EQ(yaml_error("job: []"), "w.yaml:1: field 'job': is not known; did you mean 'jobs'?");
  EXPECT_EQ(yaml_error("horizon: 0\njobs: []"), "w.yaml:1: field 'horizon': must be above 0");
  EXPECT_EQ(yaml_error("slot: 0s\njobs: []"), "w.yaml:1: field 'slot': must be above 0");
  EXPECT_EQ(yaml_error("cluster: 4x0\njobs: []"),
            "w.yaml:1: field 'cluster': cluster '4x0' has no GPUs; write MACHINESxGPUS, such as "
            "256x8");
  EXPECT_EQ(yaml_error("cluster: {machines: [{count: 0}]}\njobs: []"),
            "w.yaml:1: field 'cluster.machines[0].count': '0' is not a whole number from 1 to "
            "1000000");
  EXPECT_EQ(yaml_error("defaults: {id: x}\njobs: []"),
            "w.yaml:1: field 'defaults.id': has no default; every job has its own");
  EXPECT_EQ(yaml_error("defaults: {arival: x}\njobs: []"),
            "w.yaml:1: field 'defaults.arival': is not known; did you mean 'arrival'?");
  EXPECT_EQ(yaml_error("defaults: {arrival: x}\njobs:\n- {id: a}"),
            "w.yaml:1: field 'defaults.arrival': 'x' does not start with a number");
}

TEST(WorkloadYaml, SaysWhatIsWrongWithIdsAndArrivals) {
  EXPECT_EQ(error_at("arrival: 5 parsecs", "arrival"),
            "'5 parsecs' has no known unit of time; use one of ns, us, ms, s, min, h, d, w");
  EXPECT_EQ(error_at("arrival: -5s", "arrival"), "'-5s' is negative");
  EXPECT_EQ(error_at("arrival: nan", "arrival"), "'nan' is not a finite number");
  EXPECT_EQ(error_at("arrival: 1e999", "arrival"), "'1e999' is out of the range of a number");
  EXPECT_EQ(error_at("arrival: [1]", "arrival"), "must be a single value");
  EXPECT_EQ(error_at("arrival: \"1\\n2\"", "arrival"),
            "must be one line without control characters");
  EXPECT_EQ(error_at("arrival: " + std::string(1001, '1'), "arrival"), "is longer than 1000 bytes");
  EXPECT_EQ(error_at("arrival: ", "arrival"), "is empty");
  EXPECT_EQ(error_at("arival: 3", "arival"), "is not known; did you mean 'arrival'?");
  EXPECT_EQ(yaml_error("jobs:\n- {arrival: 0}"), "w.yaml:2: field 'jobs[0].id': is missing");
  EXPECT_EQ(yaml_error("jobs:\n- {id: a}"), "w.yaml:2: field 'jobs[0].arrival': is missing");
  const std::string rest =
      ", duration: 1, utility: 1, worker: {gpu: 1}, throughput: {rigid: {workers: 1}}}\n";
  EXPECT_EQ(yaml_error("jobs:\n- {id: a, arrival: 2h" + rest + "- {id: b, arrival: 1h" + rest),
            "w.yaml:3: field 'jobs[1].arrival': '1h' is before the arrival of the job above "
            "(7200s); arrivals must not decrease");
  EXPECT_EQ(
      yaml_error("jobs:\n- {id: a, arrival: 1" + rest + "- {id: a, arrival: 1" + rest),
      "w.yaml:3: field 'jobs[1].id': 'a' is also the id of the job at line 2; ids must differ");
}

TEST(WorkloadYaml, SaysWhatIsWrongWithWork) {
  EXPECT_EQ(error_at("samples: 0", "samples"), "'0' is not above 0");
  EXPECT_EQ(error_at("samples: inf", "samples"), "'inf' is not a finite number");
  EXPECT_EQ(error_at("samples: many", "samples"), "'many' does not start with a number");
  EXPECT_EQ(error_at("epochs: -1", "epochs"), "'-1' is not above 0");
  EXPECT_EQ(job_error("epochs: 1e308"),
            "w.yaml:3: field 'jobs[0].epochs': times samples is out of the range of a number");
  EXPECT_EQ(error_at("duration: 3h", "duration"),
            "give a duration, or samples and epochs, not both");
  EXPECT_EQ(error_at("restart_cost: -1s", "restart_cost"), "'-1s' is negative");
  const std::string head = "jobs:\n- {id: a, arrival: 0, utility: 1, worker: {gpu: 1}, ";
  EXPECT_EQ(yaml_error(head + "throughput: {rigid: {workers: 1}}}"),
            "w.yaml:2: field 'jobs[0].duration': is missing; the work of a rigid job is its "
            "duration");
  EXPECT_EQ(yaml_error(head + "duration: 0, throughput: {rigid: {workers: 1}}}"),
            "w.yaml:2: field 'jobs[0].duration': must be above 0");
  EXPECT_EQ(yaml_error(head + "duration: 1, throughput: {table: [{workers: 1, speed: 1}]}}"),
            "w.yaml:2: field 'jobs[0].duration': is only for rigid jobs; give samples, and epochs "
            "if not 1");
  EXPECT_EQ(yaml_error(head + "throughput: {table: [{workers: 1, speed: 1}]}}"),
            "w.yaml:2: field 'jobs[0].samples': is missing");
}

TEST(WorkloadYaml, SaysWhatIsWrongWithDemands) {
  EXPECT_EQ(error_at("worker: {gpu: -1}", "worker.gpu"), "'-1' is negative");
  EXPECT_EQ(error_at("worker: {gpu: 0}", "worker"), "must demand something, such as gpu: 1");
  EXPECT_EQ(error_at("worker: 3", "worker"), "must be a map of fields");
  EXPECT_EQ(error_at("worker: ", "worker"), "is empty; it must be a map of fields");
  EXPECT_EQ(job_error("server: {gpu: 4GiB}"),
            "w.yaml:3: field 'jobs[0].server.gpu': resource 'gpu' is a count and takes no unit");
  EXPECT_EQ(error_at("requested: {workers: 0}", "requested.workers"),
            "'0' is not a whole number from 1 to 1000000");
  EXPECT_EQ(error_at("requested: {servers: 1}", "requested.workers"), "is missing");
  EXPECT_EQ(error_at("requested: {workers: 1, severs: 1}", "requested.severs"),
            "is not known; did you mean 'servers'?");
  const std::string head = "jobs:\n- {id: a, arrival: 0, utility: 1, worker: {gpu: 1}, ";
  EXPECT_EQ(
      yaml_error(head + "duration: 1, throughput: {rigid: {workers: 2}}, requested: {workers: "
                        "3}}"),
      "w.yaml:2: field 'jobs[0].requested': differs from the gang; leave it out for a rigid "
      "job");
  EXPECT_EQ(
      yaml_error(head + "samples: 1, throughput: {table: [{workers: 2, speed: 1}]}, requested: "
                        "{workers: 1}}"),
      "w.yaml:2: field 'jobs[0].requested': these tasks make no progress; give more workers "
      "or servers");
}

TEST(WorkloadYaml, SaysWhatIsWrongWithThroughput) {
  const auto error = [](const std::string& value, const std::string& path) {
    return error_at("throughput: " + value, "throughput" + path);
  };
  const auto servers = [](const std::string& change) {
    return "{parameter-server: {compute_per_sample: 20ms, gradient: 300MB, workers_per_server: 4, "
           "global_batch: 64, rate_inside: 100Gbit/s" +
           change + "}}";
  };
  EXPECT_EQ(error("{}", ""),
            "has 0 shapes; give exactly one of parameter-server, ring, rigid, table, adaptive");
  EXPECT_EQ(error("{rigid: {workers: 1}, table: []}", ""),
            "has 2 shapes; give exactly one of parameter-server, ring, rigid, table, adaptive");
  EXPECT_EQ(error("{rings: 3}", ".rings"), "is not known; did you mean 'ring'?");
  EXPECT_EQ(error("{ring: 3}", ".ring"), "must be a map of fields");
  EXPECT_EQ(error("{table: []}", ".table"), "is an empty list");
  EXPECT_EQ(error("{table: [{workers: 1, speed: 0}]}", ".table[0].speed"), "'0' is not above 0");
  EXPECT_EQ(error("{table: [{workers: 1, speed: 1, locality: mars}]}", ".table[0].locality"),
            "'mars' is not a locality; use machine, rack or cluster");
  EXPECT_EQ(error(servers(""), ".parameter-server.rate_across"), "is missing");
  EXPECT_EQ(error(servers(", rate_across: 3"), ".parameter-server.rate_across"),
            "'3' has no known unit of rate; use one of kbit/s, Mbit/s, Gbit/s, kB/s, MB/s, GB/s, "
            "MiB/s");
  EXPECT_EQ(error(servers(", rate_across: 200Gbit/s"), ".parameter-server"),
            "rate_across must be at most rate_inside");
  EXPECT_EQ(error(servers(", rate_across: 1Gbit/s, gradients: 1"), ".parameter-server.gradients"),
            "is not known; did you mean 'gradient'?");
}

TEST(WorkloadYaml, SaysWhatIsWrongWithUtility) {
  const auto error = [](const std::string& value, const std::string& path) {
    return error_at("utility: " + value, "utility" + path);
  };
  EXPECT_EQ(error("-1", ""), "value must be a number of at least 0");
  EXPECT_EQ(error("much", ""), "'much' does not start with a number");
  EXPECT_EQ(error("{sigmod: 1}", ".sigmod"), "is not known; did you mean 'sigmoid'?");
  EXPECT_EQ(error("{sigmoid: {value: 1, steepness: 3, midpoint: 1h}}", ".sigmoid.steepness"),
            "'3' is not a number per unit of time, such as 0.5/h");
  EXPECT_EQ(error("{sigmoid: {value: 1, steepness: 3/2h, midpoint: 1h}}", ".sigmoid.steepness"),
            "'3/2h' is not a number per unit of time, such as 0.5/h");
  EXPECT_EQ(error("{sigmoid: {value: 1, steepness: -3/h, midpoint: 1h}}", ".sigmoid.steepness"),
            "'-3/h' is negative");
  EXPECT_EQ(error("{sigmoid: {value: 1, steepness: 1e308/ns, midpoint: 1h}}", ".sigmoid.steepness"),
            "'1e308/ns' is out of the range of a number");
  EXPECT_EQ(error("{sigmoid: {value: 1, midpoint: 1h}}", ".sigmoid.steepness"), "is missing");
  EXPECT_EQ(error("{deadline: {value: 1, deadline: 1h, late_value: 2}}", ".deadline"),
            "late_value must be between 0 and value");
  EXPECT_EQ(error("{linear-decay: {value: 1, full_until: 2h, zero_at: 1h}}", ".linear-decay"),
            "zero_at must be later than full_until");
  EXPECT_EQ(error("{piecewise-linear: [[0h, 1], [1h, 2]]}", ".piecewise-linear"),
            "the values of points must not increase");
  EXPECT_EQ(error("{piecewise-linear: [[0h, 1, 2]]}", ".piecewise-linear[0]"),
            "must be a pair [delay, value], such as [5h, 2]");
}

// Properties.

/// Any positive finite number, of every magnitude.
double positive_number(double most = 1e15) {
  const double mantissa = *rc::gen::inRange(1, 1'000'000'000) / 1e9;
  return std::min(most, std::ldexp(mantissa, *rc::gen::inRange(-30, 50)));
}

Seconds duration() { return std::min(Seconds(positive_number()), kLongestStated / 100.0); }

Throughput any_written_throughput() {
  const double fast = positive_number();
  const int batch = *rc::gen::inRange(1, 500);
  switch (*rc::gen::inRange(0, 4)) {
    case 0:
      return ParameterServerThroughput{.compute_per_sample = duration(),
                                       .gradient = Bytes(positive_number()),
                                       .workers_per_server = *rc::gen::inRange(1, 40) / 3.0,
                                       .global_batch = batch,
                                       .rate_inside = BytesPerSecond(fast),
                                       .rate_across = BytesPerSecond(fast / 3)};
    case 1:
      return RingThroughput{.compute_per_sample = duration(),
                            .gradient = Bytes(positive_number()),
                            .global_batch = batch,
                            .rate_inside = BytesPerSecond(fast),
                            .rate_in_rack = BytesPerSecond(fast / 3),
                            .rate_across = BytesPerSecond(fast / 7)};
    case 2:
      return RigidThroughput{.workers = batch, .servers = *rc::gen::inRange(0, 4)};
    default:
      return TableThroughput{.points = {{batch, 1, Locality::rack, positive_number()},
                                        {batch + 1, 0, Locality::machine, positive_number()}}};
  }
}

Utility any_utility() {
  const double value = positive_number();
  const Seconds time = duration();
  switch (*rc::gen::inRange(0, 5)) {
    case 0:
      return ConstantUtility{value};
    case 1:
      return SigmoidUtility{.value = value, .steepness = positive_number(), .midpoint = time};
    case 2:
      return DeadlineUtility{.value = value, .deadline = time, .late_value = value / 3};
    case 3:
      return LinearDecayUtility{.value = value, .full_until = time, .zero_at = 2 * time};
    default:
      return PiecewiseLinearUtility{.points = {{time, value}, {3 * time, value / 7}}};
  }
}

Workload any_workload() {
  Workload workload;
  RC_ASSERT(workload.types.add("gpu", ResourceKind::count).has_value());
  RC_ASSERT(workload.types.add("memory", ResourceKind::bytes).has_value());
  if (*rc::gen::arbitrary<bool>()) workload.horizon = duration();
  if (*rc::gen::arbitrary<bool>()) workload.slot = duration();
  if (*rc::gen::arbitrary<bool>()) workload.cluster = *parse_cluster_short_form("3x4");
  const int jobs = *rc::gen::inRange(1, 5);
  const auto amount = [](Amount low) { return *rc::gen::inRange<Amount>(low, kMaxAmount); };
  Seconds arrival{0};
  for (int i = 0; i < jobs; ++i) {
    arrival += duration();
    JobSpec job{.name = "job \"" + std::to_string(i) + "\": [x]",
                .group = *rc::gen::arbitrary<bool>() ? "null" : "",
                .arrival = arrival,
                .samples = positive_number(1e11),
                .worker = {amount(1), amount(0)},
                .server = {amount(0), amount(0)},
                .throughput = any_written_throughput(),
                .utility = any_utility(),
                .restart_cost = *rc::gen::arbitrary<bool>() ? duration() : Seconds(0)};
    job.requested_workers = max_workers(job.throughput);
    job.requested_servers = servers_for(job.throughput, job.requested_workers);
    if (!is_rigid(job.throughput)) ++job.requested_servers;
    workload.jobs.push_back(job);
  }
  return workload;
}

// A text of the fields of both writings: equal texts and equal fields are the same, for every
// double is written so that it reads back exactly; the fields that the text leaves out are compared
// here.
RC_GTEST_PROP(WorkloadYaml, ComesBackAsTheSameWorkload, ()) {
  const Workload workload = any_workload();
  const std::string text = workload_yaml(workload);
  const auto back = parse_workload_yaml(text, "w.yaml");
  if (!back) RC_FAIL(back.error().message + "\n" + text);
  RC_ASSERT(workload_yaml(*back) == text);
  RC_ASSERT(back->types == workload.types);
  RC_ASSERT(back->horizon == workload.horizon);
  RC_ASSERT(back->slot == workload.slot);
  RC_ASSERT(back->cluster.has_value() == workload.cluster.has_value());
  RC_ASSERT(back->jobs.size() == workload.jobs.size());
  for (std::size_t i = 0; i < back->jobs.size(); ++i) {
    const JobSpec& a = back->jobs[i];
    const JobSpec& b = workload.jobs[i];
    RC_ASSERT(a.name == b.name);
    RC_ASSERT(a.group == b.group);
    RC_ASSERT(a.arrival == b.arrival);
    RC_ASSERT(a.samples == b.samples);
    RC_ASSERT(a.worker == b.worker);
    RC_ASSERT(a.server == b.server);
    RC_ASSERT(a.restart_cost == b.restart_cost);
    RC_ASSERT(a.requested_workers == b.requested_workers);
    RC_ASSERT(a.requested_servers == b.requested_servers);
    RC_ASSERT(a.throughput.index() == b.throughput.index());
    const Seconds late(*rc::gen::inRange(0, 1'000'000) / 7.0);
    RC_ASSERT(utility_at(a.utility, late) == utility_at(b.utility, late));
    const TaskCounts tasks{a.requested_workers, a.requested_servers};
    for (const Locality locality : {Locality::machine, Locality::rack, Locality::cluster})
      RC_ASSERT(samples_per_second(a.throughput, tasks, locality) ==
                samples_per_second(b.throughput, tasks, locality));
  }
}

}  // namespace
}  // namespace bourse
