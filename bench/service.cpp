#include <fmt/core.h>
#include <httplib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/figures.h"
#include "bench/process.h"
#include "bench/real_daemon.h"
#include "bench/service_rig.h"
#include "bourse/engine/local_engine.h"
#include "bourse/model/cluster.h"
#include "bourse/policy/policy.h"
#include "bourse/service/http_server.h"
#include "bourse/service/service_api.h"

// The daemon: from a submission to a running process, what an event costs, a store with history.
// All times are wall time: a daemon waits for the disk and for other processes.
namespace bourse {
namespace {

using std::chrono::steady_clock;

/// From the call that submits a job until its process says what time it is.
Result<std::vector<Sample>> run_start(const Setup& setup) {
  BOURSE_TRY(const std::unique_ptr<RealDaemon> daemon, RealDaemon::start(setup.program, "1x1"));
  httplib::Client client = client_of(daemon->state());
  RealWorld outside;
  const nlohmann::json request{
      {"file",
       "name: j\nworkers:\n  command: [date, +%s.%N]\n  resources: {gpu: 1}\nwork: {duration: "
       "1s}\n"},
      {"directory", "/tmp"},
      {"environment", {{"PATH", "/usr/bin:/bin"}}}};
  std::vector<Sample> samples;
  for (int i = 1; i <= 10 * setup.repeats; ++i) {
    const double before = outside.world().clock.unix_time().value;
    const auto submitted = client.Post("/v1/jobs", request.dump(), "application/json");
    if (!submitted || submitted->status != 201)
      return fail(ErrorCode::internal, "the daemon did not take a job");
    const std::string path = fmt::format("/v1/jobs/{}", i);
    for (bool has_ended = false; !has_ended;) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      const auto job = client.Get(path);
      has_ended = job && job->body.find("\"finished\"") != std::string::npos;
    }
    std::ifstream log(fmt::format("{}/jobs/{}/logs/worker-0.log", daemon->state(), i));
    double started = 0;
    if (!(log >> started)) return fail(ErrorCode::internal, "a task wrote no time");
    samples.push_back(ms("submit to running", 1e3 * (started - before)));
  }
  return samples;
}

/// Every slot each job moves to the next machine: all cells end and begin.
class Rotation final : public Policy {
 public:
  static constexpr Seconds kSlot{2};

  explicit Rotation(steady_clock::time_point& boundary) : boundary_(boundary) {}

  Decision decide(const ClusterState& state, const Event& event) override {
    Decision decision;
    if (event.kind == EventKind::arrival) place(decision, state, event.job);
    if (state.now() >= next_) {
      boundary_ = steady_clock::now();
      ++slot_;
      next_ = state.now() + kSlot;
      for (const JobId job : state.active()) place(decision, state, job);
    }
    decision.wake_at = next_;
    return decision;
  }

 private:
  void place(Decision& decision, const ClusterState& state, JobId job) const {
    const std::size_t machine = (job.index() + slot_) % state.cluster().machines.size();
    decision.changes.push_back({job, {{MachineId(machine), 1, 0}}});
  }

  steady_clock::time_point& boundary_;  ///< When the last decision began that moved all.
  std::size_t slot_ = 0;
  Seconds next_{3};
};

/// From the boundary of a slot, at which each of so many cells ends and another begins, until all
/// tasks run: real agents and processes, which end at once when told to.
Result<std::vector<Sample>> run_boundary(const Setup& setup) {
  constexpr std::size_t kCells = 64;
  const ScratchDirectory directory;
  RealWorld real;
  LocalEngineOptions machines;
  BOURSE_TRY(machines.machines, parse_cluster_short_form(fmt::format("{}x1", kCells)));
  machines.state_directory = directory.path();
  machines.agent_command = {
      std::filesystem::path(setup.program).replace_filename("bourse-agent").string()};
  BOURSE_TRY(const auto engine, LocalEngine::open(real.world(), std::move(machines)));
  steady_clock::time_point boundary;
  ServiceOptions options;
  options.directory = directory.path();
  options.make_policy = [&boundary]() -> Result<std::unique_ptr<Policy>> {
    return std::make_unique<Rotation>(boundary);
  };
  BOURSE_TRY(const auto service, Service::open(real.world(), *engine, std::move(options)));
  const std::string file =
      "name: j\nworkers:\n  command: [sleep, 1000]\n  resources: {gpu: 1}\nwork: {duration: "
      "1h}\n";
  for (std::size_t i = 0; i < kCells; ++i)
    BOURSE_TRY_VOID(service->submit({.text = file, .directory = "/tmp"}));

  std::vector<Sample> samples;
  std::uint32_t epoch = 0;
  const auto all = [&](auto condition) {
    return std::ranges::all_of(service->jobs({.limit = kCells}), condition);
  };
  service->on_change([&] {
    const bool all_run = all(
        [&](const JobView& job) { return job.phase == JobPhase::running && job.epoch > epoch; });
    if (!all_run) return;
    if (epoch++ > 0) samples.push_back(ms("change of all", ms_since(boundary)));
    if (epoch > static_cast<std::uint32_t>(setup.repeats)) real.stop();
  });
  real.run();
  service->on_change([&] {
    if (all([](const JobView& job) { return is_end(job.phase); })) real.stop();
  });
  for (std::size_t i = 1; i <= kCells; ++i) BOURSE_TRY_VOID(service->cancel(i));
  real.run();
  return samples;
}

/// What one event costs the loop: the answer of the policy, and all from there until what follows
/// from it is safe in the journal.
Result<std::vector<Sample>> run_events(std::size_t live, const Setup& setup) {
  const ScratchDirectory directory;
  BOURSE_TRY(const auto paper, PaperService::open(directory.path(), "128x8"));
  Service& service = *paper->service;
  std::size_t n = 0;
  const auto submit = [&] {
    return service.submit({.text = job_text(++n), .directory = "/tmp"}).has_value();
  };
  while (n < live) {
    if (!submit()) return fail(ErrorCode::internal, "a job was not taken");
    if (n % 10 == 0) paper->clock.leap(Seconds(60));
  }
  std::vector<double> whole;
  std::vector<double> journal;
  const auto measure = [&](const std::function<void()>& event) {
    const double decisions = service.counters().decisions.sum.value;
    const auto start = steady_clock::now();
    event();
    paper->clock.leap(Seconds(0));
    whole.push_back(ms_since(start));
    journal.push_back(whole.back() - 1e3 * (service.counters().decisions.sum.value - decisions));
  };
  for (int i = 0; i < 100 * setup.repeats; ++i) {
    measure([&] { (void)submit(); });
    measure([&] { paper->engine->report(n * 31); });
    if (i % 4 == 0) measure([&] { paper->engine->complete(n * 17); });
    measure([&] { paper->clock.leap(Seconds(i % 10 == 0 ? 60 : 1)); });
  }
  return std::vector<Sample>{ms("decision to journal p50", quantile(journal, 0.5)),
                             ms("decision to journal p99", quantile(journal, 0.99)),
                             ms("whole event p50", quantile(whole, 0.5)),
                             ms("whole event p99", quantile(whole, 0.99))};
}

/// Fills a store, in a process of its own so that its memory does not count here.
void fill_store(const std::string& directory, std::size_t ended, std::size_t live) {
  {
    const auto paper = PaperService::open(directory, "64x8");
    for (std::size_t n = 1; n <= live; ++n) {
      (void)(*paper)->service->submit({.text = job_text(n), .directory = "/tmp"});
      if (n % 10 == 0) (*paper)->clock.leap(Seconds(60));
    }
  }
  RealWorld real;
  const auto store = Store::open(directory, nullptr, Seconds(0));
  (*store)->begin();
  for (std::size_t n = 1; n <= ended; ++n) {
    StoredJob job{.name = fmt::format("ended-{}", n), .group = "team"};
    job.text = job_text(n);
    job.directory = "/data/project";
    job.environment = std::string(2000, 'e');
    job.submitted = real.world().clock.unix_time() - Seconds(1e6);
    job.samples = 1e6;
    (*store)->add_job(job);
    job.phase = JobPhase::finished;
    job.reason = "finished";
    job.ended = real.world().clock.unix_time();
    job.started = job.submitted;
    (*store)->update_job(job);
    for (const char* what : {"submitted", "started", "runs: 1 worker on 1 machine", "finished"})
      (*store)->add_change(*job.ended, "job", job.number, job.phase, 1, what);
  }
  (void)(*store)->commit();
}

/// The daemon of a store with much history: its start, lists of jobs over the API, memory.
Result<std::vector<Sample>> run_history(const Setup& setup) {
  const ScratchDirectory directory;
  const pid_t child = fork();
  if (child == 0) {
    fill_store(directory.path(), 100'000, 2'000);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) return fail(ErrorCode::internal, "the store could not be filled");
  sync();  // What was just written must not be waited for by the daemon's first commit.

  const auto start = steady_clock::now();
  BOURSE_TRY(const auto paper, PaperService::open(directory.path(), "64x8"));
  ServiceApi api(*paper->service, paper->real.world(), "pd-ors", BOURSE_VERSION, "user");
  BOURSE_TRY(auto http,
             HttpServer::start(api, [&](auto call) { paper->real.post(std::move(call)); },
                               {.socket = directory.path() + "/socket"}));
  std::vector<Sample> samples{ms("restart to ready", ms_since(start))};
  std::jthread asking([&] {
    httplib::Client client = client_of(directory.path());
    const auto ask = [&](const std::string& metric, const std::string& path) {
      for (int i = 0; i < 4 * setup.repeats; ++i) {
        const auto before = steady_clock::now();
        const auto answer = client.Get(path);
        if (answer && answer->status == 200) samples.push_back(ms(metric, ms_since(before)));
      }
    };
    (void)client.Get("/readyz");
    ask("jobs list", "/v1/jobs");
    ask("jobs list, 1000 live", "/v1/jobs?state=live&limit=1000");
    ask("jobs list, one group", "/v1/jobs?group=nobody");
    ask("metrics", "/metrics");
    paper->real.post([&] { paper->real.stop(); });
  });
  paper->real.run();
  asking.join();
  http.reset();
  return samples;
}

/// The number that follows `before` in a text.
double number_after(const std::string& text, const std::string& before) {
  const auto at = text.find(before);
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + before.size(), nullptr);
}

/// The simulated daemon of tests/faults: two days of a large site, and stories of disasters.
Result<std::vector<Sample>> run_simulation(const Setup& setup) {
  const std::string program =
      std::filesystem::path(setup.program).replace_filename("service_faults").string();
  BOURSE_TRY(const ProcessOutcome days, run_process({program, "--days", "2"}));
  // It ends with an error if a story violates an invariant.
  BOURSE_TRY(const ProcessOutcome stories,
             run_process({program, "--fresh", std::to_string(20 * setup.repeats)}));
  return std::vector<Sample>{
      {"days a CPU minute", "days", Better::higher, number_after(days.output, "CPU s: ")},
      {"stories", "1", Better::higher, std::strtod(stories.output.c_str(), nullptr)},
      {"violated", "1", Better::lower, number_after(stories.output, "stories, ")},
      {"stories a CPU s", "1/s", Better::higher,
       20 * setup.repeats / std::max(stories.cpu_s, 1e-3)}};
}

}  // namespace

void add_service_cases(std::vector<Case>& cases) {
  // They wait for other processes and for the disk: many rounds would take an hour.
  const auto add = [&](const std::string& name, int rounds, auto run) {
    cases.push_back({.section = "service", .name = name, .rounds = rounds, .run = std::move(run)});
  };
  add("start of a job", 2, run_start);
  add("boundary of 64 cells", 3, run_boundary);
  add("1000 live jobs", 2, [](const Setup& setup) { return run_events(1000, setup); });
  add("100000 jobs that ended", 1, run_history);
  add("64 machines, 500 jobs a day", 1, run_simulation);
  add_service_load_cases(cases);
}

}  // namespace bourse
