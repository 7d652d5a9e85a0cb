#include "bourse/service/job_file.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

namespace bourse {
namespace {

std::string text_of_file(const std::string& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The examples between "```yaml" and "```" of docs/job-file.md.
std::vector<std::string> examples() {
  const std::string text = text_of_file(BOURSE_SOURCE_DIR "/docs/job-file.md");
  std::vector<std::string> found;
  const std::string open = "```yaml\n";
  for (auto begin = text.find(open); begin != std::string::npos; begin = text.find(open, begin)) {
    begin += open.size();
    found.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return found;
}

JobFile read(std::string_view text) {
  auto file = parse_job_file(text, "job.yaml");
  EXPECT_TRUE(file.has_value()) << file.error().message;
  return file ? *std::move(file) : JobFile{};
}

/// Line 4 and on of a job that is otherwise right.
JobFile read_with(std::string_view rest, std::string_view size = "") {
  return read(
      fmt::format("name: a\nworkers: {{command: ./run, resources: {{cpu: 1}}{}}}\n"
                  "work: {{samples: 1000, epochs: 3}}\n{}\n",
                  size, rest));
}

std::string error_of(std::string_view text) {
  const auto file = parse_job_file(text, "job.yaml");
  return file ? "no error" : file.error().message;
}

std::string error_with(std::string_view rest, std::string_view size = "") {
  return error_of(
      fmt::format("name: a\nworkers: {{command: ./run, resources: {{cpu: 1}}{}}}\n"
                  "work: {{samples: 1000, epochs: 3}}\n{}\n",
                  size, rest));
}

TEST(JobFile, ReadsTheExamplesOfItsDocument) {
  const auto found = examples();
  ASSERT_EQ(found.size(), 4u);
  for (const std::string& each : found) {
    const auto file = parse_job_file(each, "docs/job-file.md");
    // What `bourse submit` replaces before the daemon sees it.
    const bool is_program = each.find("\nprogram:") != std::string::npos;
    EXPECT_EQ(file.has_value(), !is_program) << (file ? each : file.error().message);
  }
}

TEST(JobFile, ReadsEveryField) {
  const JobFile file = read(examples()[1]);
  EXPECT_EQ(file.text, examples()[1]);
  EXPECT_EQ(file.name, "bert-large");
  EXPECT_EQ(file.group, "team-a");
  EXPECT_EQ(file.directory, "/srv/bert");
  ASSERT_EQ(file.environment.size(), 1u);
  EXPECT_EQ(file.environment[0], (std::pair<std::string, std::string>("OMP_NUM_THREADS", "4")));
  EXPECT_EQ(file.workers.command,
            (std::vector<std::string>{"python3", "train.py", "--config", "large.yaml"}));
  EXPECT_EQ(file.workers.demand, (ResourceVector{1000, 4000, 8192000}));
  EXPECT_EQ(file.min_workers, 2);
  EXPECT_EQ(file.max_workers, 16);
  ASSERT_TRUE(file.servers.has_value());
  EXPECT_EQ(file.servers->command, (std::vector<std::string>{"python3", "server.py"}));
  EXPECT_EQ(servers_of(file, 4), 1);
  EXPECT_EQ(servers_of(file, 5), 2);
  EXPECT_EQ(file.samples, 180000);
  EXPECT_EQ(file.duration.value, 7200);
  EXPECT_EQ(file.global_batch, 256);
  const auto& utility = std::get<DeadlineUtility>(file.utility);
  EXPECT_EQ(utility.value, 50);
  EXPECT_EQ(utility.deadline.value, 6 * 3600);
  EXPECT_EQ(utility.late_value, 5);
  EXPECT_FALSE(file.throughput.has_value());
  EXPECT_EQ(file.checkpoint, "/data/bert");
  EXPECT_EQ(file.retries, 3);
  EXPECT_EQ(file.elastic, Elasticity::restart);
  EXPECT_EQ(file.grace.value, 60);
  EXPECT_EQ(file.restart_cost.value, 20);
  EXPECT_EQ(file.lease.value_or(Seconds(0)).value, 30);
  EXPECT_EQ(file.progress_pattern, R"(step \d+ samples=(?<samples>\d+) loss=(?<loss>[0-9.]+))");
}

TEST(JobFile, HasDefaultsThatItsDocumentStates) {
  const JobFile file = read(examples()[0]);
  EXPECT_EQ(file.min_workers, 1);
  EXPECT_EQ(file.max_workers, 1);
  EXPECT_EQ(file.samples, 0);
  EXPECT_EQ(file.duration.value, 1200);
  EXPECT_EQ(std::get<ConstantUtility>(file.utility).value, 1);
  EXPECT_EQ(file.retries, 3);
  EXPECT_EQ(file.elastic, Elasticity::none);
  EXPECT_EQ(file.grace.value, 30);
  EXPECT_EQ(file.restart_cost.value, 10);
  EXPECT_FALSE(file.lease.has_value());
  EXPECT_EQ(read_with("", ", min: 2, max: 3").elastic, Elasticity::restart);
  EXPECT_EQ(read_with("elastic: in-place", ", min: 2, max: 3").elastic, Elasticity::in_place);
}

TEST(JobFile, HandsNoTextToAShell) {
  const std::string several =
      "name: a\nworkers:\n  command: |\n    cd data\n    exec ./run \"$@\"\n"
      "  resources: {cpu: 1}\nwork: {duration: 1}\n";
  EXPECT_EQ(
      error_of(several),
      "job.yaml:3: field 'workers.command': has several lines, which only a shell understands; "
      "write [sh, -c, '...'] to run one");
  // What was submitted when it might be one goes on.
  const auto old = parse_job_file(several, "job.yaml", CommandTexts::shell_too);
  ASSERT_TRUE(old.has_value()) << old.error().message;
  EXPECT_EQ(old->workers.command,
            (std::vector<std::string>{"/bin/sh", "-c", "cd data\nexec ./run \"$@\"\n"}));
  EXPECT_EQ(read("name: a\nworkers:\n  command: [sh, -c, 'a; $(b)']\n"
                 "  resources: {cpu: 1}\nwork: {duration: 1}\n")
                .workers.command,
            (std::vector<std::string>{"sh", "-c", "a; $(b)"}))
      << "words are handed on as they are";
}

TEST(JobFile, SizesComeFromTheThroughputUnlessStated) {
  const std::string ring =
      "throughput: {ring: {compute_per_sample: 1ms, gradient: 1MB, global_batch: 32, "
      "rate_inside: 1GB/s, rate_in_rack: 1GB/s, rate_across: 1GB/s}}";
  EXPECT_EQ(read_with(ring).max_workers, 32);
  EXPECT_EQ(read_with(ring).global_batch, 32);
  EXPECT_EQ(read_with(ring, ", min: 4").min_workers, 4);
  EXPECT_EQ(read_with(ring, ", min: 4").max_workers, 32);
  EXPECT_EQ(error_with(ring, ", max: 40"),
            "job.yaml:2: field 'workers': has up to 40 workers and 'throughput' a global batch of "
            "32");
  const JobFile table = read_with(
      "throughput: {table: [{workers: 1, speed: 1}, {workers: 4, speed: 3}]}", ", min: 2, max: 8");
  EXPECT_EQ(table.min_workers, 4);
  EXPECT_EQ(table.max_workers, 4);
  EXPECT_EQ(read_with("throughput: {rigid: {workers: 8}}").min_workers, 8);
}

TEST(JobFile, SaysWhereAndWhatIsWrong) {
  EXPECT_EQ(error_of("nme: a"), "job.yaml:1: field 'nme': is not known; did you mean 'name'?");
  EXPECT_EQ(error_of("name: a"), "job.yaml:1: field 'workers': is missing");
  EXPECT_EQ(error_of("name: a\nworkers: {command: x}"),
            "job.yaml:2: field 'workers.resources': is missing");
  EXPECT_EQ(error_of("name: a\nworkers: {command: '', resources: {cpu: 1}}"),
            "job.yaml:2: field 'workers.command': is empty; say what to run");
  EXPECT_EQ(error_of("name: a\nworkers: {command: [], resources: {cpu: 1}}"),
            "job.yaml:2: field 'workers.command': is an empty list");
  EXPECT_EQ(error_of("name: a\nworkers: {command: x, resources: {cpu: 0}}"),
            "job.yaml:2: field 'workers.resources': must demand something, such as gpu: 1");
  EXPECT_EQ(error_of("name: a\nworkers: {command: x, resources: {cpu: 1}}"),
            "job.yaml:1: field 'work': is missing; say {samples: 60000, epochs: 3}, or, if nothing "
            "better is known, {duration: 30min}");
  EXPECT_EQ(error_with("deadline: 2 hours").substr(0, 32), "job.yaml:4: field 'deadline': '2");
  EXPECT_EQ(error_with("late_value: 1"), "job.yaml:4: field 'late_value': needs a deadline");
  EXPECT_EQ(error_with("deadline: 1h\nlate_value: 2").substr(0, 31),
            "job.yaml:5: field 'late_value':");
  EXPECT_EQ(error_with("value: 3\nutility: 3"),
            "job.yaml:4: field 'value': is part of utility; give one of them");
  EXPECT_EQ(error_with("elastic: restrat"),
            "job.yaml:4: field 'elastic': there is no 'restrat'; did you mean 'restart'?");
  EXPECT_EQ(error_with("elastic: in-place"),
            "job.yaml:4: field 'elastic': in-place is for jobs of several sizes, and this one "
            "always has 1 worker; give workers.min and workers.max");
  EXPECT_EQ(error_with("elastic: none", ", min: 1, max: 2"),
            "job.yaml:4: field 'elastic': none is for jobs of one size, and this one has from 1 to "
            "2 workers; give workers.count");
  EXPECT_EQ(error_with("", ", min: 2"), "job.yaml:2: field 'workers.max': is missing beside min");
  EXPECT_EQ(error_with("", ", min: 3, max: 2"),
            "job.yaml:2: field 'workers.min': there are at least 3 and at most 2 workers");
  EXPECT_EQ(error_with("", ", count: 3, max: 2"),
            "job.yaml:2: field 'workers.count': give count, or min and max, not both");
  EXPECT_EQ(error_with("global_batch: 2", ", count: 3"),
            "job.yaml:4: field 'global_batch': is less than the 3 workers that the job may have; "
            "give each at least one sample");
  EXPECT_EQ(error_with("environment: {BOURSE_RANK: 1}"),
            "job.yaml:4: field 'environment.BOURSE_RANK': is a variable that bourse sets itself; "
            "use another name");
  EXPECT_EQ(error_with("environment: {a-b: 1}"),
            "job.yaml:4: field 'environment.a-b': is not the name of a variable: letters, digits "
            "and '_'");
  EXPECT_EQ(error_with("grace: 2d"), "job.yaml:4: field 'grace': '2d' is not from 0s to 86400s");
  EXPECT_EQ(error_with("profile: fast"),
            "job.yaml:4: field 'profile': 'fast' is not known; the one profile is auto");
  EXPECT_EQ(error_with("progress: {pattern: 'x'}").substr(0, 66),
            "job.yaml:4: field 'progress.pattern': 'x' has no named group; writ");
  EXPECT_EQ(error_with("throughput: {rigid: {workers: 2}}", ", count: 3"),
            "job.yaml:2: field 'workers': differs from the gang of 2 workers in 'throughput'; "
            "leave count, min and max out");
  EXPECT_EQ(error_with("throughput: {rigid: {workers: 2, servers: 1}}"),
            "job.yaml:1: field 'servers': is missing; its throughput has parameter servers");
}

Cluster cluster(std::string_view text = "machines: [{count: 2, resources: {gpu: 4, cpu: 16}}]") {
  return parse_cluster_yaml(text, "cluster.yaml").value();
}

constexpr std::string_view kAdaptive =
    "throughput: {adaptive: {step_per_sample: 1ms, base_batch: 8, requested_batch: 16, "
    "max_batch_per_worker: 8, max_workers: 4, noise_scale: 1, epoch: 1, base_learning_rate: 1, "
    "max_learning_rate: 2}}";

TEST(JobFile, OfAnAdaptiveJobHasItsBatchFromThePolicy) {
  const JobFile file =
      read(std::string("name: a\nworkers: {command: x, max: 3, resources: {gpu: 1}}"
                       "\nwork: {samples: 100, epochs: 2}\n") +
           std::string(kAdaptive));
  EXPECT_EQ(file.min_workers, 1);
  EXPECT_EQ(file.max_workers, 3);
  EXPECT_EQ(told_batch(file, 0), 16);
  EXPECT_EQ(told_batch(file, 12), 12);
  const JobSpec job = bind_job(file, cluster(), Seconds(0)).value();
  EXPECT_EQ(std::get<AdaptiveThroughput>(job.throughput).max_workers, 3);
  EXPECT_EQ(job.samples, 200);
  EXPECT_EQ(error_with(std::string(kAdaptive) + "\nglobal_batch: 16"),
            "job.yaml:5: field 'global_batch': is decided by the policy for the shape 'adaptive'; "
            "leave it out");
  EXPECT_EQ(error_with(kAdaptive, ", count: 2"),
            "job.yaml:2: field 'workers': has more than one worker at least, and a job of the "
            "shape 'adaptive' may have one; leave min and count out");
  EXPECT_EQ(error_with(kAdaptive, ", max: 5"),
            "job.yaml:2: field 'workers': has up to 5 workers and 'throughput' at most 4");
}

TEST(BindJob, GuessesASpeedFromTheDuration) {
  // 1000 samples in 100 s with one worker are 10/s; two are 2 / 1.05 times as fast, three 3 / 1.1.
  const JobFile file = read(
      "name: a\nworkers: {command: x, min: 1, max: 3, resources: {cpu: 1}}\n"
      "work: {samples: 1000, duration: 100s}");
  const JobSpec job = bind_job(file, cluster(), Seconds(7)).value();
  EXPECT_EQ(job.arrival.value, 7);
  EXPECT_EQ(job.samples, 1000);
  EXPECT_EQ(job.worker, (ResourceVector{0, 1000}));
  EXPECT_EQ(min_workers(job.throughput), 1);
  EXPECT_EQ(max_workers(job.throughput), 3);
  const auto speed = [&](int workers, Locality locality) {
    return samples_per_second(job.throughput, {workers, 0}, locality);
  };
  EXPECT_DOUBLE_EQ(speed(1, Locality::machine), 10);
  EXPECT_DOUBLE_EQ(speed(2, Locality::machine), 20 / 1.05);
  EXPECT_DOUBLE_EQ(speed(3, Locality::machine), 30 / 1.1);
  EXPECT_DOUBLE_EQ(speed(3, Locality::cluster), 0.9 * 30 / 1.1);
}

TEST(BindJob, TakesAnHourIfNothingIsKnown) {
  const JobFile file = read(
      "name: a\nworkers: {command: x, resources: {cpu: 1}}\n"
      "work: {samples: 7200}");
  const JobSpec job = bind_job(file, cluster(), Seconds(0)).value();
  EXPECT_DOUBLE_EQ(requested_duration(job).value, 3600);
  EXPECT_FALSE(is_rigid(job.throughput));
}

TEST(BindJob, MakesAGangOfOneSizeAndADuration) {
  const JobFile file = read(
      "name: a\nworkers: {command: x, count: 4, resources: {gpu: 2}}\n"
      "work: {duration: 5min}");
  const JobSpec job = bind_job(file, cluster(), Seconds(0)).value();
  ASSERT_TRUE(is_rigid(job.throughput));
  EXPECT_EQ(job.requested_workers, 4);
  EXPECT_EQ(job.samples, 300);
}

TEST(BindJob, KeepsAStatedThroughputAndTabulatesOneThatIsBounded) {
  // With n workers a step of 32 samples takes 32 * 1 ms / n: n workers train 1000 n samples a
  // second (no gradient to send).
  const std::string ring =
      "throughput: {ring: {compute_per_sample: 1ms, gradient: 0B, global_batch: 32, "
      "rate_inside: 1GB/s, rate_in_rack: 1GB/s, rate_across: 1GB/s}}";
  const JobSpec whole = bind_job(read_with(ring), cluster(), Seconds(0)).value();
  EXPECT_TRUE(std::holds_alternative<RingThroughput>(whole.throughput));
  EXPECT_EQ(whole.samples, 3000);
  const JobSpec part = bind_job(read_with(ring, ", min: 2, max: 4"), cluster(), Seconds(0)).value();
  ASSERT_TRUE(std::holds_alternative<TableThroughput>(part.throughput));
  EXPECT_EQ(std::get<TableThroughput>(part.throughput).points.size(), 3u);
  EXPECT_EQ(min_workers(part.throughput), 2);
  EXPECT_EQ(max_workers(part.throughput), 4);
  EXPECT_NEAR(samples_per_second(part.throughput, {3, 0}, Locality::cluster), 3000, 1e-9);
}

TEST(BindJob, BoundsTheRowsOfALargeTable) {
  const JobFile file = read(
      "name: a\nworkers: {command: x, min: 1, max: 100000, "
      "resources: {cpu: 1}}\nwork: {samples: 1}");
  const JobSpec job = bind_job(file, cluster(), Seconds(0)).value();
  EXPECT_EQ(std::get<TableThroughput>(job.throughput).points.size(), 128u);
  EXPECT_EQ(max_workers(job.throughput), 100000);
}

TEST(BindJob, SaysWhatDoesNotFit) {
  const auto error = [](std::string_view workers) {
    const JobFile file =
        read(fmt::format("name: a\nworkers: {{command: x, {}}}\nwork: {{samples: 1}}", workers));
    const auto job = bind_job(file, cluster(), Seconds(0));
    return job ? "no error" : job.error().message;
  };
  EXPECT_EQ(error("resources: {gpu: 5}"),
            "job 'a' needs 5 gpu for one worker and the largest machine has 4");
  EXPECT_EQ(error("count: 9, resources: {gpu: 1}"),
            "job 'a' needs 9 gpu for its requested 9 workers and the whole cluster has 8");
  EXPECT_EQ(error("resources: {disk: 5GB}"),
            "job 'a' needs 4768.372MiB disk and the cluster's machines have none; add it to their "
            "resources");
  EXPECT_EQ(error("resources: {gpu: 1GiB}"),
            "job 'a' gives gpu as a size and the cluster as a count; use a unit of size in both or "
            "in neither");
}

TEST(MissingPrograms, AreFoundWhereTheTextShowsThem) {
  const auto missing = [](std::string_view command) {
    const JobFile file = read(fmt::format(
        "name: a\nworkers: {{command: {}, resources: {{cpu: 1}}}}\nwork: {{samples: 1}}", command));
    return missing_programs(file, "/srv/j", "/bin:/usr/bin",
                            [](const std::string& path) {
                              return path == "/usr/bin/python3" || path == "/srv/j/./run";
                            })
        .size();
  };
  EXPECT_EQ(missing("[python3, x.py]"), 0u);
  EXPECT_EQ(missing("[./run]"), 0u);
  EXPECT_EQ(missing("[/opt/run]"), 1u);
  EXPECT_EQ(missing("[pyhton3]"), 1u);
  EXPECT_EQ(missing("python3 x.py"), 0u);
  EXPECT_EQ(missing("pyhton3 x.py"), 1u);
  EXPECT_EQ(missing("cd x"), 1u) << "that is the shell's own";
}

TEST(JobFileSchema, HasTheFieldsThatAreRead) {
  const auto schema =
      nlohmann::json::parse(text_of_file(BOURSE_SOURCE_DIR "/docs/schema/job.schema.json"));
  std::set<std::string> stated;
  for (const auto& [name, field] : schema.at("properties").items()) stated.insert(name);
  std::set<std::string> read;
  for (const std::string_view key : job_file_keys()) read.emplace(key);
  EXPECT_EQ(stated, read);
}

}  // namespace
}  // namespace bourse
