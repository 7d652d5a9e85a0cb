#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "bourse/training/fixtures.h"
#include "bourse/training/member.h"
#include "bourse/training/optimiser.h"
#include "bourse/training/parameter_server.h"
#include "bourse/training/ring_lead.h"
#include "bourse/training/ring_worker.h"
#include "bourse/training/worker.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// Calls back before each gradient; may throw, as a worker that dies.
class WatchedModel final : public Model {
 public:
  WatchedModel(const SampleShape& shape, std::function<void(const Examples&)> before)
      : inner_(plain_network(shape, {8})), before_(std::move(before)) {}
  [[nodiscard]] std::vector<ParameterShape> parameters() const override {
    return inner_->parameters();
  }
  void initialise(std::uint64_t seed, std::span<float> values) override {
    inner_->initialise(seed, values);
  }
  Outcome gradient(std::span<const float> values, const Examples& examples, std::uint64_t seed,
                   std::span<float> gradient) override {
    before_(examples);
    return inner_->gradient(values, examples, seed, gradient);
  }
  Outcome evaluate(std::span<const float> values, const Examples& examples) override {
    return inner_->evaluate(values, examples);
  }

 private:
  std::unique_ptr<Model> inner_;
  std::function<void(const Examples&)> before_;
};

/// The sum of a number for each example that depends on its features: which they are, in no order.
std::uint64_t sum_of(const Examples& examples) {
  const std::size_t features = examples.features.size() / examples.labels.size();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < examples.labels.size(); ++i) {
    const std::string_view bytes(reinterpret_cast<const char*>(&examples.features[i * features]),
                                 features * sizeof(float));
    sum += std::hash<std::string_view>{}(bytes);
  }
  return sum;
}

/// Servers and workers of a training as threads of this process, each with sockets of its own.
class Training {
 public:
  Training() {
    write_small_set(folder_.path());
    data_ = load_dataset(folder_.path()).value();
    options = {.model = "watched",
               .data = folder_.path(),
               .epochs = 3,
               .batch = 20,
               .learning_rate = 0.05,
               .schedule = RateSchedule::constant,
               .checkpoint = folder_ / "out",
               .checkpoint_steps = 10};
  }

  /// What a worker does beside its work, before each gradient.
  using Before = std::function<void(std::atomic<bool>& leaves)>;

  void start_servers(std::size_t count) {
    ++run_;
    environment_.run = std::to_string(run_);
    environment_.server_addresses.clear();
    for (std::size_t i = 0; i < count; ++i)
      environment_.server_addresses.push_back("unix:" + (folder_ / std::to_string(run_)) + "-" +
                                              std::to_string(i));
    for (std::size_t i = 0; i < count; ++i) {
      servers_.emplace_back([this, i] {
        MemberEnvironment mine = environment_;
        mine.is_server = true;
        mine.rank = i;
        const Result<void> done = run_server(mine, options);
        EXPECT_TRUE(done) << done.error().message;
      });
    }
  }

  void start_worker(Before before = {}) {
    const std::lock_guard lock(mutex_);
    const std::string name = "worker-" + std::to_string(next_worker_++);
    workers_.emplace_back([this, name, before = std::move(before)] {
      std::atomic<bool> leaves = false;
      Peers peers(environment_.server_addresses, environment_.run);
      WatchedModel model(data_.shape, [&](const Examples& examples) {
        seen_ += sum_of(examples);
        if (before) before(leaves);
      });
      Worker worker({.name = name,
                     .training = options,
                     .servers = peers.servers(),
                     .coordinator = peers.coordinator(),
                     .data = &data_,
                     .model = &model,
                     .leaves = &leaves});
      try {
        worker.run();
      } catch (const std::domain_error&) {  // NOLINT(bugprone-empty-catch)
        // As if its process had died: its connections end with `peers`.
      }
    });
  }

  /// The worker of a ring that leads, as run_worker() has it.
  void start_leader() {
    ++run_;
    options.mode = SyncMode::ring;
    environment_.run = std::to_string(run_);
    environment_.leader_address = "unix:" + (folder_ / std::to_string(run_));
    environment_.task = "worker-0";
    next_worker_ = 1;
    servers_.emplace_back([this] {
      const ModelTable models = {{"watched", [](const SampleShape& shape) {
                                    return std::make_unique<WatchedModel>(shape,
                                                                          [](const Examples&) {});
                                  }}};
      const Result<Workplace> workplace = prepare_worker(options, models);
      ASSERT_TRUE(workplace) << workplace.error().message;
      const Result<void> done = run_worker(environment_, options, *workplace);
      EXPECT_TRUE(done) << done.error().message;
    });
  }

  /// A coordinator whose process has no worker.
  void start_coordinator() {
    ++run_;
    options.mode = SyncMode::ring;
    environment_.run = std::to_string(run_);
    environment_.leader_address = "unix:" + (folder_ / std::to_string(run_));
    coordinator_ = std::make_shared<Coordinator>(
        Coordinator::Options{.training = options,
                             .servers = {},
                             .on_progress = {},
                             .on_note = [this](const std::string& text) { take_note(text); }});
    servers_.emplace_back([this, coordinator = coordinator_, environment = environment_] {
      Peers peers({environment.leader_address}, environment.run);
      peers.host(peers.coordinator(), coordinator);
      EXPECT_TRUE(peers.serve(environment.leader_address));
      coordinator->start();
      while (!coordinator->wait_until_over(1)) continue;
      coordinator->finish_checkpoints();
      (void)coordinator->wait_until_alone(5);
      RealFiles files;
      EXPECT_TRUE(files.write(options.checkpoint + "/curve.csv", curve_csv(coordinator->curve())));
    });
  }
  [[nodiscard]] Coordinator& coordinator() { return *coordinator_; }

  void start_member(Before before = {}) {
    const std::lock_guard lock(mutex_);
    const std::string name = "worker-" + std::to_string(next_worker_++);
    workers_.emplace_back([this, name, before = std::move(before)] {
      try {
        run_member(name, before);
      } catch (const std::domain_error&) {  // NOLINT(bugprone-empty-catch)
        // As if its process had died: its connections end with it.
      } catch (const program::CallError&) {  // NOLINT(bugprone-empty-catch)
        // It comes when the others are done and the leader is gone.
      }
    });
  }

  /// Waits for the end and returns the curve.
  std::vector<CurvePoint> finish() {
    for (std::thread& server : servers_) server.join();
    for (std::thread& worker : workers_) worker.join();
    servers_.clear();
    workers_.clear();
    RealFiles files;
    const auto points = parse_curve_csv(files.read(options.checkpoint + "/curve.csv").value());
    return points.value();
  }

  std::vector<CurvePoint> run(std::size_t workers, std::size_t servers) {
    start_servers(servers);
    for (std::size_t i = 0; i < workers; ++i) start_worker();
    return finish();
  }

  [[nodiscard]] const TestFolder& folder() const { return folder_; }

  /// As the daemon tells it to a job that is resized in place.
  void tell_batch(int batch) {
    environment_.members_file = folder_ / "members";
    std::ofstream(environment_.members_file) << "{\"batch\": " << batch << "}";
  }

  /// All samples that gradients were asked for, as sum_of().
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  /// The same of one epoch.
  [[nodiscard]] std::uint64_t all_samples() const {
    std::vector<std::uint32_t> places(data_.train.count());
    std::iota(places.begin(), places.end(), 0U);
    Examples examples;
    gather(data_, data_.train, places, examples);
    return sum_of(examples);
  }
  [[nodiscard]] bool has_noted(std::string_view part) {
    const std::lock_guard lock(mutex_);
    return std::ranges::any_of(
        notes_, [&](const std::string& note) { return note.find(part) != std::string::npos; });
  }

  TrainOptions options;

 private:
  void take_note(const std::string& text) {
    const std::lock_guard lock(mutex_);
    notes_.push_back(text);
  }

  void run_member(const std::string& name, const Before& before) {
    std::atomic<bool> leaves = false;
    const Peers peers({environment_.leader_address}, environment_.run);
    WatchedModel model(data_.shape, [&](const Examples& examples) {
      seen_ += sum_of(examples);
      if (before) before(leaves);
    });
    RingWorker worker({.name = name,
                       .run = environment_.run,
                       .address = environment_.leader_address + "-" + name,
                       .training = options,
                       .coordinator = peers.coordinator(),
                       .data = &data_,
                       .model = &model,
                       .leaves = &leaves});
    const RingWorker::Ended ended = worker.run();
    // One that must stay until another has the parameters may do the rest meanwhile.
    EXPECT_TRUE(ended != RingWorker::Ended::left || leaves.load());
  }

  TestFolder folder_;
  Dataset data_;
  MemberEnvironment environment_;
  int run_ = 0;
  std::mutex mutex_;  ///< Guards what follows while workers run.
  int next_worker_ = 0;
  std::vector<std::string> notes_;
  std::shared_ptr<Coordinator> coordinator_;  ///< Owned by us and by its thread.
  std::atomic<std::uint64_t> seen_ = 0;
  std::vector<std::thread> servers_;
  std::deque<std::thread> workers_;
};

/// To the last bit.
void expect_same(const std::vector<CurvePoint>& one, const std::vector<CurvePoint>& other) {
  ASSERT_EQ(one.size(), other.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].step, other[i].step);
    EXPECT_EQ(one[i].samples, other[i].samples);
    EXPECT_EQ(one[i].loss, other[i].loss) << "step " << one[i].step;
    EXPECT_EQ(one[i].accuracy, other[i].accuracy) << "step " << one[i].step;
  }
}

std::vector<CurvePoint> undisturbed() {
  Training training;
  return training.run(1, 1);
}

// 203 samples in batches of 20 are 11 steps an epoch, the last of 3 samples; 3 epochs.
TEST(Training, LearnsTheSameWithAnyNumberOfWorkersAndServers) {
  const std::vector<CurvePoint> alone = undisturbed();
  ASSERT_EQ(alone.size(), 33U);
  EXPECT_EQ(alone[10].samples, 203);
  EXPECT_EQ(alone.back().samples, 609);
  EXPECT_GT(alone.back().accuracy, 0.9);
  EXPECT_LT(alone.back().loss, alone.front().loss / 2);
  for (const auto& [workers, servers] : {std::pair(3, 2), std::pair(4, 3)}) {
    Training training;
    expect_same(alone,
                training.run(static_cast<std::size_t>(workers), static_cast<std::size_t>(servers)));
  }
}

// One worker of three leaves, one dies in the middle of a step, and another two come meanwhile.
TEST(Training, WorkersComeAndGoAndNoSampleIsLostOrRepeated) {
  Training training;
  training.start_servers(2);
  training.start_worker();
  training.start_worker([calls = 0](std::atomic<bool>& leaves) mutable {
    if (++calls == 12) leaves = true;
  });
  training.start_worker([&training, calls = 0](std::atomic<bool>&) mutable {
    if (++calls == 8) training.start_worker();
    if (calls == 20) training.start_worker();
    if (calls == 31) throw std::domain_error("dies");
  });
  expect_same(undisturbed(), training.finish());
}

// A worker hangs in its first step until another has done six: they do its part too.
TEST(Training, GoesOnWhenAWorkerHangs) {
  Training training;
  std::atomic<int> others = 0;
  training.start_servers(1);
  training.start_worker([&](std::atomic<bool>&) {
    ++others;
    others.notify_all();
  });
  training.start_worker([&, calls = 0](std::atomic<bool>&) mutable {
    if (++calls > 1) return;
    for (int done = others; done < 48; done = others) others.wait(done);
  });
  expect_same(undisturbed(), training.finish());
}

// Two epochs by 3 workers and 2 servers, a third by 1 and 3.
TEST(Training, GoesOnFromACheckpointWithOtherNumbers) {
  Training training;
  training.options.epochs = 2;
  (void)training.run(3, 2);
  training.options.epochs = 3;
  expect_same(undisturbed(), training.run(1, 3));
}

TEST(Training, UsesTheCheckpointBeforeOneThatIsTorn) {
  Training training;
  training.options.epochs = 2;
  (void)training.run(2, 2);
  const std::string newest = training.options.checkpoint + "/step-000000000022/server-1.bin";
  ASSERT_TRUE(std::filesystem::exists(newest));
  std::filesystem::resize_file(newest, std::filesystem::file_size(newest) / 2);
  training.options.epochs = 3;
  expect_same(undisturbed(), training.run(2, 2));
}

// Nobody is there any more; it finds that all epochs are done, and does not wait for a connection.
TEST(Training, EndsForAWorkerThatComesTooLate) {
  Training training;
  training.options.epochs = 1;
  (void)training.run(1, 1);
  training.start_worker();
  (void)training.finish();
  training.start_leader();
  (void)training.finish();
  training.start_member();
  (void)training.finish();
}

TEST(Training, KeepsItsCheckpointsFromAnother) {
  Training training;
  training.options.epochs = 1;
  (void)training.run(1, 1);
  training.options.model = "another";
  Coordinator coordinator({.training = training.options,
                           .servers = {},
                           .on_progress = {},
                           .on_note = [](const std::string&) {}});
  EXPECT_THROW(coordinator.start(), std::runtime_error);
}

// The same bits as with servers. Five members of eight microbatches: some have one, some two.
TEST(Ring, LearnsTheSameAsWithServers) {
  for (const int members : {1, 2, 5}) {
    Training training;
    training.start_leader();
    for (int i = 1; i < members; ++i) training.start_member();
    expect_same(undisturbed(), training.finish());
  }
}

// One member leaves when another has computed beside it, and another two come meanwhile and get the
// parameters and the momentum from the others.
TEST(Ring, MembersComeAndGoAndNoSampleIsLostOrRepeated) {
  Training training;
  std::atomic<int> of_others = 0;
  training.start_leader();
  training.start_member([&of_others, calls = 0](std::atomic<bool>& leaves) mutable {
    if (++calls >= 12 && of_others > 8) leaves = true;
  });
  training.start_member([&, calls = 0](std::atomic<bool>&) mutable {
    ++of_others;
    if (++calls == 8) training.start_member();
    if (calls == 20) training.start_member();
  });
  expect_same(undisturbed(), training.finish());
}

// Two epochs by a ring of three, one more by two workers and two servers, and the other way round.
TEST(Ring, ExchangesCheckpointsWithServers) {
  Training training;
  training.options.epochs = 1;
  training.start_leader();
  training.start_member();
  training.start_member();
  (void)training.finish();
  training.options.epochs = 2;
  training.options.mode = SyncMode::synchronous;
  (void)training.run(2, 2);
  training.options.epochs = 3;
  std::atomic<int> gradients = 0;
  training.start_leader();
  training.start_member([&](std::atomic<bool>&) { ++gradients; });
  expect_same(undisturbed(), training.finish());
  // The last epoch has 11 steps of 8 microbatches.
  EXPECT_LE(gradients, 88);
}

// The only member dies in its 16th or its 6th step, and another one comes: it goes on from the
// checkpoint of step 10, or, as there is none yet, from first values.
TEST(Ring, GoesOnFromACheckpointWhenTheOnlyMemberWithTheParametersDies) {
  for (const int steps : {15, 5}) {
    Training training;
    training.start_coordinator();
    training.start_member([&training, last = 8 * steps, calls = 0](std::atomic<bool>&) mutable {
      if (++calls <= last) return;
      training.start_member();
      throw std::domain_error("dies");
    });
    expect_same(undisturbed(), training.finish());
    EXPECT_TRUE(
        training.has_noted(steps == 15 ? "those of step 10 are used" : "those of step 0 are used"));
  }
}

// The only member is told to leave as the next one is started: none of its steps is lost.
TEST(Ring, AMemberStaysUntilAnotherHasTheParameters) {
  Training training;
  training.start_coordinator();
  training.start_member([&training, calls = 0](std::atomic<bool>& leaves) mutable {
    if (++calls != 40) return;
    training.start_member();
    leaves = true;
  });
  expect_same(undisturbed(), training.finish());
  EXPECT_FALSE(training.has_noted("nobody has the parameters"));
}

Report done(const std::string& worker, const Assignment& work) {
  return {.worker = worker,
          .phase = work.phase,
          .range = work.range,
          .microbatches = std::vector<MicroReport>(work.range.count)};
}

// a makes the first step alone; b, who joins then, has the parameters once it has done the next.
TEST(Coordinator, LetsNobodyLeaveARingWhoAloneHasTheParameters) {
  Coordinator coordinator({.training = {.batch = 8, .microbatches = 2, .mode = SyncMode::ring},
                           .servers = {},
                           .on_progress = {},
                           .on_note = [](const std::string&) {}});
  coordinator.start();
  const auto join = [&](const std::string& name) {
    return coordinator.join({.worker = name,
                             .parameters = 4,
                             .train_samples = 800,
                             .test_samples = 10,
                             .slot = coordinator.reserve_slot(),
                             .address = name});
  };
  (void)join("a");
  Report report{.worker = "a", .range = {}, .microbatches = {}};
  report = done("a", coordinator.next(report));
  Assignment of_a = coordinator.next(report);
  EXPECT_EQ(of_a.version, 1);
  EXPECT_FALSE(coordinator.leave("a"));
  EXPECT_EQ(join("b").start_step, -1);
  report = done("a", of_a);
  report.is_leaving = true;
  of_a = coordinator.next(report);  // All the same it is given work.
  EXPECT_EQ(of_a.version, 2);
  ASSERT_EQ(of_a.ring.size(), 2U);
  EXPECT_FALSE(of_a.ring[0].needs_state);
  EXPECT_TRUE(of_a.ring[1].needs_state);
  const Assignment of_b = coordinator.next({.worker = "b", .range = {}, .microbatches = {}});
  EXPECT_FALSE(coordinator.leave("a"));
  auto next_of_b =
      std::async(std::launch::async, [&] { return coordinator.next(done("b", of_b)); });
  while (!coordinator.leave("a")) std::this_thread::yield();
  const Assignment alone = next_of_b.get();  // The step is done again, by b.
  EXPECT_EQ(alone.version, 2);
  ASSERT_EQ(alone.ring.size(), 1U);
  EXPECT_FALSE(alone.ring[0].needs_state);
}

// Large enough for two threads and for a last piece that is not whole. The gradient is 2 everywhere
// and the scale a half, so that the norm of the mean gradient is the number of parameters.
TEST(ParameterServer, MakesALargeStepByPartsAsInOne) {
  constexpr std::size_t kCount = (std::size_t{5} << 17) + 7;
  std::vector<float> values(kCount);
  std::iota(values.begin(), values.end(), 0.0F);
  const std::vector<float> gradient(kCount, 2.0F);
  ParameterServer server({.training = {.microbatches = 1}});
  server.load({.parameters = kCount, .values = program::Buffer(values)});
  std::vector<float> expected = values;
  std::vector<std::vector<float>> state(1, std::vector<float>(kCount));
  for (std::int64_t step = 0; step < 2; ++step) {
    server.push({.step = step,
                 .node = {0, 1},
                 .learning_rate = 0.25,
                 .scale = 0.5,
                 .gradient = program::Buffer(gradient)});
    apply({}, {.number = step + 1, .learning_rate = 0.25, .scale = 0.5}, expected, gradient,
          expected, state);
  }
  const Pulled pulled = server.pull(2);
  EXPECT_TRUE(std::ranges::equal(pulled.values.as<float>(), expected));
  EXPECT_DOUBLE_EQ(pulled.squared_norm, kCount);
}

// A worker that is lost after its last gradient and before its report: who does its part again has
// to begin from what it began from, also if the step has been made on some of the servers.
TEST(ParameterServer, KeepsTheVersionBeforeTheLast) {
  ParameterServer server({.training = {.microbatches = 1}});
  const std::vector<float> start = {1, 2};
  const std::vector<float> slope = {10, 20};
  const auto buffer_of = [](const std::vector<float>& values) {
    return program::Buffer::copy_of(values.data(), values.size() * sizeof(float));
  };
  server.load({.parameters = 2, .values = buffer_of(start)});
  const auto values_of = [&](std::int64_t version) {
    const Pulled pulled = server.pull(version);
    EXPECT_EQ(pulled.version, version);
    const std::span<const float> values = pulled.values.as<float>();
    return std::vector<float>(values.begin(), values.end());
  };
  EXPECT_EQ(values_of(0), start);
  server.push(
      {.step = 0, .node = {0, 1}, .learning_rate = 0.5, .scale = 1, .gradient = buffer_of(slope)});
  const std::vector<float> first = values_of(1);
  EXPECT_NE(first, start);
  EXPECT_EQ(values_of(0), start);
  server.push(
      {.step = 1, .node = {0, 1}, .learning_rate = 0.5, .scale = 1, .gradient = buffer_of(slope)});
  EXPECT_EQ(values_of(1), first);
  EXPECT_EQ(server.pull(0).version, 2);  // Nobody needs it any more.
}

TEST(RingLead, IsTheWorkerOfRankZero) {
  TestFolder folder;
  std::ofstream(folder / "members")
      << R"({"master_address": "10.0.0.2", "master_port": 29411, "members": [)"
      << R"({"task": "server-0", "role": "server", "rank": 0},)"
      << R"({"task": "worker-3", "role": "worker", "rank": 0},)"
      << R"({"task": "worker-1", "role": "worker", "rank": 1}]})";
  const auto lead = read_lead(folder / "members", "worker-1");
  ASSERT_TRUE(lead);
  EXPECT_EQ(lead->leader, "worker-3");
  EXPECT_EQ(lead->address, "tcp:10.0.0.2:29411");
  EXPECT_EQ(lead->rank, 1U);
  EXPECT_TRUE(lead->is_listed);
  EXPECT_FALSE(read_lead(folder / "members", "worker-0")->is_listed);
  EXPECT_FALSE(read_lead(folder / "nothing", "worker-0"));
  std::ofstream(folder / "members") << "{}";
  EXPECT_FALSE(read_lead(folder / "members", "worker-0"));
}

TEST(LocalHostTowards, IsTheWayThere) {
  EXPECT_EQ(local_host_towards("tcp:127.0.0.1:80").value(), "127.0.0.1");
  EXPECT_EQ(local_host_towards("tcp:[::1]:80").value(), "[::1]");
}

// 20 samples in each of the first five steps, then 50: 203 are 5 * 20 + 2 * 50 + 3, and
// in later epochs 4 * 50 + 3.
TEST(Batch, ChangesBetweenTwoStepsAndEachSampleIsUsedOncePerEpoch) {
  Training training;
  training.start_coordinator();
  training.start_member([&training, calls = 0](std::atomic<bool>&) mutable {
    if (++calls == 8 * 4 + 1) training.coordinator().set_batch(50);
  });
  const std::vector<CurvePoint> curve = training.finish();
  std::vector<std::int64_t> samples;
  for (const CurvePoint& point : curve) samples.push_back(point.samples);
  EXPECT_EQ(samples, (std::vector<std::int64_t>{20, 40, 60, 80, 100, 150, 200, 203, 253, 303, 353,
                                                403, 406, 456, 506, 556, 606, 609}));
  EXPECT_EQ(training.seen(), 3 * training.all_samples());
}

/// With this rule for the learning rate, meant for a batch of 20.
void follow(Training& training, RateRule rule) {
  training.options.rate_rule = rule;
  training.options.base_batch = 20;
}

// In place, in the last step of the first epoch, which has 3 samples; by a restart after it.
TEST(Batch, ChangesInPlaceAsByARestart) {
  Training in_place;
  follow(in_place, RateRule::linear);
  in_place.start_coordinator();
  in_place.start_member([&in_place, calls = 0](std::atomic<bool>&) mutable {
    if (++calls == 8 * 10 + 1) in_place.coordinator().set_batch(50);
  });
  const std::vector<CurvePoint> one = in_place.finish();

  Training restarted;
  follow(restarted, RateRule::linear);
  restarted.options.epochs = 1;
  (void)restarted.run(2, 2);
  restarted.options.epochs = 3;
  restarted.options.batch = 50;
  expect_same(one, restarted.run(3, 1));
  EXPECT_EQ(one.size(), 11U + 5 + 5);
}

TEST(Batch, IsThatOfTheMembersFile) {
  Training told;
  told.tell_batch(40);
  const std::vector<CurvePoint> one = told.run(2, 2);
  Training asked;
  asked.options.batch = 40;
  expect_same(one, asked.run(1, 1));
  EXPECT_EQ(one.size(), 3U * 6);
}

TEST(Batch, IsReadFromTheMembersFile) {
  TestFolder folder;
  EXPECT_FALSE(read_batch(folder / "members"));
  for (const char* text : {"", "{}", "[]", R"({"batch": 0})", R"({"batch": -1})",
                           R"({"batch": "8"})", R"({"batch": 1.5})"}) {
    std::ofstream(folder / "members") << text;
    EXPECT_FALSE(read_batch(folder / "members")) << text;
  }
  std::ofstream(folder / "members") << R"({"batch": 256, "members": []})";
  EXPECT_EQ(read_batch(folder / "members"), 256);
}

// The base batch is 8, the batch 32 in 4 microbatches of 8. As in
// NoiseScale.FollowsFromTwoBatchSizes the mean squared norms are 16 and 7, and the gain is 16 / 7:
// so much further gets a step, from the third on; that of the first step is known when the second
// is done. Until then the gain is 32 / 8.
TEST(AdaScale, TakesTheLearningRateTimesTheGain) {
  Coordinator coordinator({.training = {.epochs = 1,
                                        .batch = 32,
                                        .microbatches = 4,
                                        .mode = SyncMode::ring,
                                        .learning_rate = 0.5,
                                        .rate_rule = RateRule::adascale,
                                        .base_batch = 8,
                                        .schedule = RateSchedule::constant},
                           .servers = {},
                           .on_progress = {},
                           .on_note = [](const std::string&) {}});
  coordinator.start();
  (void)coordinator.join({.worker = "a",
                          .parameters = 4,
                          .train_samples = 96,
                          .test_samples = 10,
                          .slot = coordinator.reserve_slot(),
                          .address = "a"});
  Report report{.worker = "a", .range = {}, .microbatches = {}};
  const auto next = [&] {
    Assignment work = coordinator.next(report);
    report = done("a", work);
    // Of the gradient of the sum over 8 samples.
    for (MicroReport& micro : report.microbatches) micro.squared_norm = 16.0 * 8 * 8;
    report.norm_version = work.version;
    report.squared_norm = 7;
    return work;
  };
  EXPECT_DOUBLE_EQ(next().learning_rate, 0.5 * 4);
  EXPECT_DOUBLE_EQ(next().learning_rate, 0.5 * 4);
  const Assignment third = next();
  EXPECT_NEAR(third.learning_rate, 0.5 * 16 / 7, 1e-9);
  EXPECT_EQ(third.position, 64U);
  // 32 + 32 + 8 * 16 / 7 = 82.3 of the 96 samples at the base batch: a second epoch is begun.
  EXPECT_EQ(next().kind, WorkKind::evaluate);
  const Assignment fourth = next();
  EXPECT_EQ(fourth.kind, WorkKind::train);
  EXPECT_EQ(fourth.epoch, 1);
  // 100.6: it is over, in the middle of the epoch, with an evaluation.
  EXPECT_EQ(next().kind, WorkKind::evaluate);
  EXPECT_EQ(next().kind, WorkKind::finish);
  EXPECT_TRUE(coordinator.is_done());
  EXPECT_EQ(coordinator.curve().back().samples, 128);
}

// Four times the batch: fewer steps, more samples, the same accuracy.
TEST(AdaScale, LearnsAsMuchInFewerSteps) {
  Training training;
  follow(training, RateRule::adascale);
  training.options.batch = 80;
  const std::vector<CurvePoint> curve = training.run(3, 2);
  EXPECT_LT(curve.size(), 33U);
  EXPECT_GE(curve.back().samples, 609);
  EXPECT_GT(curve.back().accuracy, 0.9);
  RealFiles files;
  const std::string& folder = training.options.checkpoint;
  const Manifest last = read_manifest(files, folder, checkpoint_steps(files, folder)[0]).value();
  EXPECT_GE(last.cursor.progress, 609);
  EXPECT_LT(last.cursor.progress, 609 + 80);
  EXPECT_TRUE(is_finished(files, folder, 3));
}

// Stopped after seven steps and gone on with: what is known of the noise is in the checkpoint.
TEST(AdaScale, GoesOnAsIfUndisturbed) {
  Training whole;
  follow(whole, RateRule::adascale);
  whole.options.batch = 80;
  const std::vector<CurvePoint> one = whole.run(2, 1);
  for (const bool is_ring : {true, false}) {
    Training stopped;
    follow(stopped, RateRule::adascale);
    stopped.options.batch = 80;
    stopped.start_coordinator();
    stopped.start_member([&stopped, calls = 0](std::atomic<bool>&) mutable {
      if (++calls == 8 * 6 + 1) stopped.coordinator().stop();
    });
    (void)stopped.finish();
    EXPECT_FALSE(stopped.coordinator().is_done());
    if (is_ring) {
      stopped.start_coordinator();
      stopped.start_member();
      expect_same(one, stopped.finish());
    } else {
      stopped.options.mode = SyncMode::synchronous;
      expect_same(one, stopped.run(2, 1));
    }
  }
}

// Each push counts at once: the curve is not the same, what is learned is.
TEST(Training, LearnsWithoutWaitingForOthers) {
  for (const SyncMode mode : {SyncMode::asynchronous, SyncMode::stale}) {
    Training training;
    training.options.mode = mode;
    training.options.staleness = 2;
    training.options.learning_rate = 0.01;
    const std::vector<CurvePoint> curve = training.run(3, 2);
    EXPECT_EQ(curve.back().samples, 609);
    EXPECT_GT(curve.back().accuracy, 0.8);
  }
}

TEST(ProgressLine, HasWhatIsKnown) {
  EXPECT_EQ(progress_line({.samples = 10, .total_samples = 20, .loss = 0.5, .workers = 2}),
            "{\"loss\":0.5,\"samples\":10,\"total_samples\":20,\"workers\":2}\n");
  EXPECT_EQ(progress_line({.samples = 10, .total_samples = 20, .is_checkpointed = true}),
            "{\"checkpointed\":true,\"samples\":10,\"total_samples\":20,\"workers\":0}\n");
}

}  // namespace
}  // namespace bourse::training
