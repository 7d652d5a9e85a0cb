#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

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
