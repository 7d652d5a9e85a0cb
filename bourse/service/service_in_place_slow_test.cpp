#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bourse/policy/policy.h"
#include "bourse/service/fixtures.h"
#include "bourse/service/service.h"

namespace bourse {
namespace {

using enum JobPhase;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::job_of;
using testing::ServiceRig;

/// One to four workers that are resized in place.
std::string in_place_job(const std::string& more = "") {
  return "name: grower\nworkers:\n  command: [train]\n  min: 1\n  max: 4\n"
         "  resources: {gpu: 1}\nwork: {samples: 1000, duration: 1000s}\n"
         "elastic: in-place\n" +
         more;
}

/// A rig whose policy shares the machines fairly, and a job in place that has all of them.
class InPlace : public ::testing::Test {
 protected:
  InPlace() : job_(rig_.submit(in_place_job())) { rig_.start_all(); }

  /// Another job, which takes its share.
  JobNumber crowd() { return rig_.submit(job_of(2)); }

  nlohmann::json members() {
    const std::string path =
        rig_.directory.path() + "/jobs/" + std::to_string(job_) + "/members.json";
    World& world = rig_.real.world();
    return nlohmann::json::parse(world.files.read(path).value_or(""));
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    const nlohmann::json list = members();
    for (const auto& member : list.at("members")) all.push_back(member.at("task"));
    return all;
  }
  /// Cells of the job that live, by part.
  std::vector<CellId> cells() const {
    std::vector<CellId> all;
    for (const auto& [id, spec] : rig_.engine.alive())
      if (id.job == job_) all.push_back(id);
    std::ranges::sort(all, {}, &CellId::part);
    return all;
  }
  void end(CellId cell, CellEnd how) {
    rig_.engine.tell_ended(cell, how);
    rig_.clock.settle();
  }
  void obey() {
    rig_.engine.obey();
    rig_.clock.settle();
  }

  ServiceRig rig_{"2x2", "drf"};
  JobNumber job_;
};

TEST_F(InPlace, EachTaskHasACellAndIsTold) {
  EXPECT_EQ(rig_.phase(job_), running);
  ASSERT_EQ(cells().size(), 4U);
  const CellSpec cell = rig_.engine.started[3];
  EXPECT_EQ(cell.id, (CellId{job_, 1, MachineId(1U), 4}));
  ASSERT_EQ(cell.tasks.size(), 1U);
  EXPECT_EQ(cell.tasks[0].name(), "worker-3");
  EXPECT_THAT(cell.tasks[0].environment,
              ::testing::IsSupersetOf({"RANK=3", "WORLD_SIZE=4", "LOCAL_RANK=1",
                                       "LOCAL_WORLD_SIZE=2", "BOURSE_TASK=worker-3"}));
  EXPECT_EQ(members().at("workers"), 4);
  EXPECT_EQ(members().at("generation"), 1);
  EXPECT_THAT(names(), ElementsAre("worker-0", "worker-1", "worker-2", "worker-3"));
  EXPECT_EQ(rig_.service->machines()[0].jobs.size(), 1U);
}

TEST_F(InPlace, ShrinksAndGrowsWhileTheOthersRunOn) {
  const JobNumber other = crowd();
  EXPECT_EQ(rig_.phase(job_), running);
  ASSERT_EQ(rig_.engine.stopped.size(), 2U);
  EXPECT_EQ(rig_.phase(other), waiting);  // Those that leave still hold their room.
  EXPECT_EQ(members().at("generation"), 2);
  EXPECT_EQ(members().at("workers"), 2);
  EXPECT_EQ(rig_.job(job_).workers, 2);
  obey();
  EXPECT_EQ(rig_.phase(other), starting);
  rig_.start_all();
  const std::vector<CellId> stayed = cells();
  ASSERT_EQ(stayed.size(), 2U);

  for (const auto& [id, spec] : rig_.engine.alive())
    if (id.job == other) rig_.engine.tell_ended(id, CellEnd::completed);
  rig_.clock.settle();
  EXPECT_EQ(rig_.phase(other), finished);
  EXPECT_EQ(rig_.phase(job_), running);
  const std::vector<CellId> now = cells();
  ASSERT_EQ(now.size(), 4U);
  EXPECT_EQ(now[0], stayed[0]);
  EXPECT_EQ(now[1], stayed[1]);
  EXPECT_EQ(now[2].part, 5U);  // Never the part of a cell that was.
  EXPECT_EQ(now[2].epoch, 1U);
  EXPECT_EQ(members().at("generation"), 3);
  EXPECT_THAT(names(), ElementsAre("worker-0", "worker-1", "worker-2", "worker-3"));
  EXPECT_EQ(rig_.job(job_).resizes, 2U);

  rig_.start_all();
  for (const CellId cell : cells()) end(cell, CellEnd::completed);
  EXPECT_EQ(rig_.phase(job_), finished);
}

/// One worker for each job, and the batch that a test says when it wakes.
class BatchPolicy final : public Policy {
 public:
  explicit BatchPolicy(const int& batch) : batch_(batch) {}
  Decision decide(const ClusterState& state, const Event& /*event*/) override {
    Decision decision;
    for (const JobId job : state.active())
      decision.changes.push_back({job, {{MachineId(0U), 1, 0}}, batch_});
    decision.wake_at = state.now() + Seconds(10);
    return decision;
  }
  bool adopt(const ClusterState& state, JobId job, std::span<const PlannedSlot> /*plan*/,
             Seconds /*promised*/) override {
    adopted = state.job(job).batch;
    return true;
  }
  static inline int adopted = 0;

 private:
  const int& batch_;
};

/// A step of 64 takes 10 + 64 = 74 ms, one of 256 takes 10 + 256 = 266 ms. With a noise scale of
/// 192 a sample is worth 1 with 64 and (192 + 64) / (192 + 256) = 4 / 7 with 256.
std::string adaptive_job(const std::string& elastic) {
  return "name: adaptive\nworkers: {command: [train], max: 2, resources: {gpu: 1}}\n"
         "throughput: {adaptive: {step_fixed: 10ms, step_per_sample: 1ms, base_batch: 64, "
         "max_batch_per_worker: 1000, max_workers: 4, noise_scale: 192, epoch: 1000, "
         "base_learning_rate: 0.1, max_learning_rate: 1}}\n"
         "work: {samples: 1000000}\nelastic: " +
         elastic + "\n";
}

class Batches : public ::testing::Test {
 protected:
  Batches() : rig_("1x4", [this] { return std::make_unique<BatchPolicy>(batch_); }) {}

  nlohmann::json members(JobNumber job) {
    const std::string path =
        rig_.directory.path() + "/jobs/" + std::to_string(job) + "/members.json";
    return nlohmann::json::parse(rig_.real.world().files.read(path).value_or(""));
  }
  void decide(int batch) {
    batch_ = batch;
    rig_.clock.advance(Seconds(10.5));
  }

  int batch_ = 0;
  ServiceRig rig_;
};

TEST_F(Batches, AreToldInPlaceWhileTheTasksRunOn) {
  const JobNumber job = rig_.submit(adaptive_job("in-place"));
  rig_.start_all();
  EXPECT_THAT(rig_.engine.started[0].tasks[0].environment, ::testing::Contains("BOURSE_BATCH=64"));
  EXPECT_EQ(members(job).at("batch"), 64);
  EXPECT_NEAR(rig_.job(job).samples_per_second, 64 / 0.074, 1e-6);
  decide(256);
  EXPECT_EQ(members(job).at("batch"), 256);
  EXPECT_EQ(members(job).at("generation"), 2);
  EXPECT_NEAR(rig_.job(job).samples_per_second, 256 / 0.266 * 4 / 7, 1e-6);
  EXPECT_EQ(rig_.engine.started.size(), 1U);
  EXPECT_THAT(rig_.engine.stopped, IsEmpty());
  EXPECT_EQ(rig_.job(job).resizes, 0U);
  EXPECT_THAT(rig_.service->job(job)->history.back().what, HasSubstr("and a batch of 256"));
  // What is seen of a batch says how fast the others are: all are half as fast as declared.
  const CellId cell = rig_.engine.started[0].id;
  const double half = 256 / 0.266 * 4 / 7 / 2;
  rig_.engine.tell_progress(cell, 10000, Seconds(1000));
  rig_.clock.settle();
  rig_.clock.advance(Seconds(1));
  rig_.engine.tell_progress(cell, 10000 + half, Seconds(1001));
  rig_.clock.settle();
  EXPECT_NEAR(rig_.job(job).samples_per_second, half, 0.5);
  decide(0);
  EXPECT_EQ(members(job).at("batch"), 64);
  EXPECT_NEAR(rig_.job(job).samples_per_second, 64 / 0.074 / 2, 0.5);
}

TEST_F(Batches, AreKnownToTheNextDaemon) {
  const JobNumber job = rig_.submit(adaptive_job("in-place"));
  rig_.start_all();
  decide(256);
  rig_.restart();
  EXPECT_EQ(BatchPolicy::adopted, 256);
  EXPECT_EQ(rig_.phase(job), running);
  EXPECT_EQ(members(job).at("batch"), 256);
}

TEST_F(Batches, ChangeByARestartElsewhere) {
  const JobNumber job = rig_.submit(adaptive_job("restart"));
  rig_.start_all();
  decide(256);
  EXPECT_EQ(rig_.phase(job), pausing);
  EXPECT_THAT(rig_.service->job(job)->history.back().what,
              HasSubstr("to go on with 1 worker on 1 machine and a batch of 256"));
  rig_.engine.obey();
  rig_.clock.settle();
  ASSERT_EQ(rig_.engine.started.size(), 2U);
  EXPECT_THAT(rig_.engine.started[1].tasks[0].environment, ::testing::Contains("BOURSE_BATCH=256"));
}

TEST(ServiceInPlace, ServersAreMembersToo) {
  ServiceRig rig("1x4", "drf");
  const JobNumber job =
      rig.submit(in_place_job("servers: {command: [serve], count: 1, resources: {gpu: 1}}\n"));
  ASSERT_EQ(rig.engine.started.size(), 4U);  // Three workers and a server.
  const CellSpec& server = rig.engine.started[0];
  EXPECT_EQ(server.tasks[0].name(), "server-0");
  EXPECT_EQ(server.tasks[0].command, std::vector<std::string>{"serve"});
  EXPECT_THAT(rig.engine.started[1].tasks[0].environment,
              ::testing::IsSupersetOf({"RANK=0", "BOURSE_WORKERS=3", "BOURSE_SERVERS=1"}));
  rig.start_all();
  const JobNumber other = rig.submit(job_of(2));
  ASSERT_EQ(rig.engine.stopped.size(), 2U);
  for (const auto& [cell, is_urgent] : rig.engine.stopped)
    EXPECT_EQ(rig.engine.alive().at(cell).tasks[0].role, TaskRole::worker);
  rig.engine.obey();
  rig.clock.settle();
  EXPECT_EQ(rig.phase(other), starting);
  EXPECT_EQ(rig.phase(job), running);
}

// Four workers and two servers give way to a job of three.
TEST(ServiceInPlace, AnotherNumberOfServersIsARestart) {
  ServiceRig rig("1x6", "drf");
  const JobNumber job = rig.submit(
      in_place_job("servers: {command: [serve], per_workers: 2, resources: {gpu: 1}}\n"));
  ASSERT_EQ(rig.engine.started.size(), 6U);
  rig.start_all();
  (void)rig.submit(job_of(3));
  EXPECT_EQ(rig.phase(job), pausing);
  EXPECT_EQ(rig.engine.stopped.size(), 6U);
  rig.engine.obey();
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), starting);
  EXPECT_EQ(rig.job(job).workers, 2);
  EXPECT_EQ(rig.job(job).servers, 1);
}

TEST_F(InPlace, WhoLeavesMayFailAndTheJobGoesOn) {
  crowd();
  ASSERT_EQ(rig_.engine.stopped.size(), 2U);
  end(rig_.engine.stopped[0].first, CellEnd::failed);
  end(rig_.engine.stopped[1].first, CellEnd::lost);
  EXPECT_EQ(rig_.phase(job_), running);
  EXPECT_EQ(rig_.service->counters().failures, 0U);
  EXPECT_EQ(cells().size(), 2U);
}

TEST_F(InPlace, AMemberThatFailsRestartsTheWholeJob) {
  const std::vector<CellId> before = cells();
  end(before[2], CellEnd::failed);
  EXPECT_EQ(rig_.engine.stopped.size(), 3U);
  obey();
  EXPECT_EQ(rig_.phase(job_), backing_off);
  rig_.clock.advance(Seconds(1.01));
  EXPECT_EQ(rig_.phase(job_), starting);
  EXPECT_EQ(cells()[0].epoch, 2U);
  EXPECT_GT(cells()[0].part, before[3].part);
  EXPECT_EQ(members().at("epoch"), 2);
}

TEST_F(InPlace, NobodyJoinsAJobThatIsFinishing) {
  const JobNumber other = crowd();
  obey();
  rig_.start_all();
  end(cells()[0], CellEnd::completed);
  for (const auto& [id, spec] : rig_.engine.alive())
    if (id.job == other) rig_.engine.tell_ended(id, CellEnd::completed);
  rig_.clock.settle();
  EXPECT_EQ(cells().size(), 1U);
  end(cells()[0], CellEnd::completed);
  EXPECT_EQ(rig_.phase(job_), finished);
}

TEST_F(InPlace, ADaemonThatDiesInTheMidstOfAResizeGoesOnWithIt) {
  const JobNumber other = crowd();
  ASSERT_EQ(rig_.engine.stopped.size(), 2U);
  rig_.engine.stopped.clear();  // The agents were not reached.
  rig_.restart();
  EXPECT_EQ(rig_.engine.adopted.size(), 4U);
  ASSERT_EQ(rig_.engine.stopped.size(), 2U);
  EXPECT_EQ(rig_.phase(job_), running);
  EXPECT_EQ(members().at("workers"), 2);
  EXPECT_EQ(members().at("generation"), 2);
  obey();
  EXPECT_EQ(rig_.phase(job_), running);
  EXPECT_EQ(rig_.phase(other), starting);
  EXPECT_EQ(cells().size(), 2U);
}

TEST(ServiceInPlace, ARestartedDaemonKnowsWhoHasStarted) {
  ServiceRig rig("2x2", "drf");
  const JobNumber job = rig.submit(in_place_job());
  const std::vector<CellSpec> started = rig.engine.started;
  ASSERT_EQ(started.size(), 4U);
  for (const std::size_t i : {0U, 1U}) rig.engine.tell_started(started[i].id);
  rig.clock.settle();
  rig.restart();
  EXPECT_EQ(rig.phase(job), starting);
  for (const std::size_t i : {2U, 3U}) rig.engine.tell_started(started[i].id);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), running);
}

TEST_F(InPlace, ALostListIsWrittenAgainAfterARestart) {
  const std::string path =
      rig_.directory.path() + "/jobs/" + std::to_string(job_) + "/members.json";
  ASSERT_TRUE(rig_.real.world().files.remove(path).has_value());
  rig_.restart();
  EXPECT_EQ(members().at("workers"), 4);
  EXPECT_THAT(rig_.engine.stopped, IsEmpty());
}

TEST_F(InPlace, ARestartedDaemonKnowsThatSomeHaveCompleted) {
  end(cells()[3], CellEnd::completed);
  rig_.restart();
  EXPECT_EQ(cells().size(), 3U);  // Nobody took its place.
  for (const CellId cell : cells()) end(cell, CellEnd::completed);
  EXPECT_EQ(rig_.phase(job_), finished);
}

TEST_F(InPlace, AJobWhoseWorkersAllMoveIsRestarted) {
  const JobNumber other = crowd();
  obey();
  rig_.start_all();
  ASSERT_EQ(cells().size(), 2U);
  ASSERT_TRUE(rig_.service->drain(rig_.service->machines()[0].name, true, "").has_value());
  ASSERT_TRUE(rig_.service->drain(rig_.service->machines()[1].name, true, "").has_value());
  EXPECT_EQ(rig_.phase(job_), pausing);
  EXPECT_EQ(rig_.phase(other), pausing);
  obey();
  EXPECT_EQ(rig_.phase(job_), waiting);
}

TEST_F(InPlace, AListThatCannotBeWrittenFailsTheJob) {
  // A directory stands where the file shall be.
  const std::string path =
      rig_.directory.path() + "/jobs/" + std::to_string(job_) + "/members.json";
  World& world = rig_.real.world();
  ASSERT_TRUE(world.files.remove(path).has_value());
  ASSERT_TRUE(world.files.make_directories(path + "/x").has_value());
  crowd();
  EXPECT_EQ(rig_.engine.stopped.size(), 6U);  // Two that leave, then all.
  obey();
  EXPECT_EQ(rig_.phase(job_), backing_off);
  EXPECT_THAT(rig_.job(job_).reason, HasSubstr("cannot be told of the others"));
}

}  // namespace
}  // namespace bourse
