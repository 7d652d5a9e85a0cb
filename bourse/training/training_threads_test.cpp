#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bourse/training/fixtures.h"
#include "bourse/training/member.h"
#include "bourse/training/ring_lead.h"
#include "bourse/training/ring_worker.h"
#include "bourse/training/worker.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// Calls back before each gradient; may throw, as a worker that dies.
class WatchedModel final : public Model {
 public:
  WatchedModel(const SampleShape& shape, std::function<void()> before)
      : inner_(plain_network(shape, {8})), before_(std::move(before)) {}
  [[nodiscard]] std::vector<ParameterShape> parameters() const override {
    return inner_->parameters();
  }
  void initialise(std::uint64_t seed, std::span<float> values) override {
    inner_->initialise(seed, values);
  }
  Outcome gradient(std::span<const float> values, const Examples& examples, std::uint64_t seed,
                   std::span<float> gradient) override {
    if (before_) before_();
    return inner_->gradient(values, examples, seed, gradient);
  }
  Outcome evaluate(std::span<const float> values, const Examples& examples) override {
    return inner_->evaluate(values, examples);
  }

 private:
  std::unique_ptr<Model> inner_;
  std::function<void()> before_;
};

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
      WatchedModel model(data_.shape, [&] {
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
                                    return std::make_unique<WatchedModel>(shape, nullptr);
                                  }}};
      const Result<void> done = run_worker(environment_, options, models);
      EXPECT_TRUE(done) << done.error().message;
    });
  }

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

  TrainOptions options;

 private:
  void run_member(const std::string& name, const Before& before) {
    std::atomic<bool> leaves = false;
    const Peers peers({environment_.leader_address}, environment_.run);
    WatchedModel model(data_.shape, [&] {
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
    EXPECT_EQ(ended == RingWorker::Ended::left, leaves.load());
  }

  TestFolder folder_;
  Dataset data_;
  MemberEnvironment environment_;
  int run_ = 0;
  std::mutex mutex_;  ///< Guards what follows while workers run.
  int next_worker_ = 0;
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
