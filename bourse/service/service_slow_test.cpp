#include "bourse/service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/service/fixtures.h"

namespace bourse {
namespace {

using enum JobPhase;
using testing::job_of;
using testing::ServiceRig;

/// A job of 1,000 samples with so many workers.
std::string training_of(int workers) {
  return "name: j\nworkers: {command: [train], count: " + std::to_string(workers) +
         ", resources: {gpu: 1}}\nwork: {samples: 1000}\n";
}

TEST(Service, StartsAJobThatFits) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(2));
  EXPECT_EQ(rig.phase(job), starting);
  ASSERT_EQ(rig.engine.started.size(), 1U);
  const CellSpec& cell = rig.engine.started[0];
  EXPECT_EQ(cell.id, (CellId{job, 1, MachineId(std::size_t{0})}));
  ASSERT_EQ(cell.tasks.size(), 2U);
  EXPECT_EQ(cell.tasks[1].name(), "worker-1");
  EXPECT_THAT(cell.tasks[1].environment,
              ::testing::IsSupersetOf({"RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=1",
                                       "MASTER_ADDR=127.0.0.1", "BOURSE_ROLE=worker"}));
  rig.start_all();
  EXPECT_EQ(rig.phase(job), running);
}

TEST(Service, EndsAJobWhoseTasksAllReturnZero) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(2));
  rig.start_all();
  rig.clock.advance(Seconds(50));
  rig.engine.tell_ended({job, 1, MachineId(std::size_t{0})}, CellEnd::completed);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), finished);
  EXPECT_DOUBLE_EQ(rig.job(job).utility, 1);
  EXPECT_EQ(rig.service->machines()[0].jobs.size(), 0U);
}

TEST(Service, LetsAJobWaitUntilThereIsRoom) {
  ServiceRig rig("1x4");
  const JobNumber first = rig.submit(job_of(3));
  const JobNumber second = rig.submit(job_of(2));
  rig.start_all();
  EXPECT_EQ(rig.phase(second), waiting);
  rig.engine.tell_ended({first, 1, MachineId(std::size_t{0})}, CellEnd::completed);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(second), starting);
}

TEST(Service, TriesAFailedJobAgainLaterEachTime) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(1, "retries: 2\n"));
  const auto fail_once = [&](std::uint32_t epoch) {
    rig.start_all();
    rig.engine.tell_ended({job, epoch, MachineId(std::size_t{0})}, CellEnd::failed,
                          "worker-0: boom");
    rig.clock.settle();
  };
  fail_once(1);
  EXPECT_EQ(rig.phase(job), backing_off);
  EXPECT_THAT(rig.job(job).reason, ::testing::HasSubstr("boom"));
  rig.clock.advance(Seconds(1.01));
  EXPECT_EQ(rig.phase(job), starting);
  fail_once(2);
  rig.clock.advance(Seconds(1.01));
  EXPECT_EQ(rig.phase(job), backing_off);  // Two seconds this time.
  rig.clock.advance(Seconds(1));
  EXPECT_EQ(rig.phase(job), starting);
  fail_once(3);
  EXPECT_EQ(rig.phase(job), failed);
  EXPECT_THAT(rig.job(job).reason, ::testing::HasSubstr("3 times"));
}

TEST(Service, DoesNotHoldALostMachineAgainstAJob) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(1, "retries: 0\n"));
  rig.start_all();
  rig.engine.tell_ended({job, 1, MachineId(std::size_t{0})}, CellEnd::lost);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), backing_off);
  rig.clock.advance(Seconds(1.01));
  EXPECT_EQ(rig.phase(job), starting);
}

TEST(Service, EndsTheOtherCellsOfAJobThatFails) {
  ServiceRig rig("2x4");
  const JobNumber job = rig.submit(job_of(8));
  rig.start_all();
  ASSERT_EQ(rig.engine.started.size(), 2U);
  rig.engine.tell_ended({job, 1, MachineId(std::size_t{1})}, CellEnd::failed, "worker-4: boom");
  rig.clock.settle();
  ASSERT_EQ(rig.engine.stopped.size(), 1U);
  EXPECT_EQ(rig.phase(job), running);
  rig.engine.obey();
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), backing_off);
}

TEST(Service, CancelsAJobThatRuns) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(1));
  rig.start_all();
  ASSERT_TRUE(rig.service->cancel(job).has_value());
  ASSERT_EQ(rig.engine.stopped.size(), 1U);
  rig.engine.obey();
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), cancelled);
  EXPECT_EQ(rig.service->cancel(job).error().message, "job 1 has ended: it is cancelled");
  EXPECT_EQ(rig.service->cancel(7).error().code, ErrorCode::not_found);
}

TEST(Service, MovesJobsOffAMachineThatIsDrained) {
  ServiceRig rig("2x4");
  const JobNumber job = rig.submit(job_of(2));
  rig.start_all();
  const std::string machine = rig.service->machines()[0].name;
  ASSERT_TRUE(rig.service->drain(machine, true, "new fan").has_value());
  EXPECT_EQ(rig.phase(job), pausing);
  EXPECT_EQ(rig.service->machines()[0].state, "draining");
  rig.engine.obey();
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), starting);
  EXPECT_EQ(rig.engine.started.back().id.machine, MachineId(std::size_t{1}));
  EXPECT_EQ(rig.engine.started.back().id.epoch, 2U);
  EXPECT_EQ(rig.service->machines()[0].state, "drained");
  rig.restart();
  EXPECT_EQ(rig.service->machines()[0].state, "drained");
  EXPECT_EQ(rig.service->drain("x", true, "").error().message, "there is no machine 'x'");
}

TEST(Service, GoesOnAfterARestartWithTheCellsThatLive) {
  ServiceRig rig("2x4", "pd-ors", {{"slot", "10s"}});
  const JobNumber job = rig.submit(job_of(2));
  rig.start_all();
  rig.clock.advance(Seconds(15));
  const std::size_t starts = rig.engine.started.size();
  rig.restart();
  EXPECT_TRUE(rig.engine.is_adopted);
  ASSERT_EQ(rig.engine.adopted.size(), 1U);
  EXPECT_EQ(rig.engine.adopted[0].job, job);
  EXPECT_EQ(rig.phase(job), running);
  rig.clock.advance(Seconds(30));
  EXPECT_EQ(rig.engine.started.size(), starts);
  EXPECT_TRUE(rig.engine.stopped.empty());
  rig.engine.tell_ended(rig.engine.adopted[0], CellEnd::completed);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), finished);
}

TEST(Service, MovesNothingThatRunsWhenItIsRestarted) {
  for (const PolicyInfo& policy : all_policies()) {
    SCOPED_TRACE(policy.name);
    ServiceRig rig("4x4", std::string(policy.name));
    for (const int workers : {3, 4, 2, 3, 4, 4}) rig.submit(job_of(workers));
    std::size_t at_work = 0;
    for (int i = 0; i < 200 && at_work < 2; ++i) {  // Some policies start jobs in rounds only.
      rig.clock.advance(Seconds(2));
      rig.engine.obey();
      rig.start_all();
      at_work = rig.service->jobs({.phases = {running}}).size();
    }
    EXPECT_GE(at_work, 2U);
    const std::size_t starts = rig.engine.started.size();
    rig.engine.stopped.clear();
    rig.restart();
    EXPECT_TRUE(rig.engine.stopped.empty());
    EXPECT_EQ(rig.engine.started.size(), starts);
    EXPECT_EQ(rig.service->jobs({.phases = {running}}).size(), at_work);
  }
}

// More jobs than there is room for: those that wait at the restart run when those that ran have
// ended.
TEST(Service, FinishesAllJobsAfterARestart) {
  for (const char* const policy : {"fifo", "sjf-bco", "drf", "easy-backfill", "pd-ors"}) {
    SCOPED_TRACE(policy);
    ServiceRig rig("2x4", policy);
    for (const int workers : {3, 4, 2, 3}) rig.submit(job_of(workers));
    for (int i = 0; i < 100 && rig.service->jobs({.phases = {running}}).empty(); ++i) {
      rig.clock.advance(Seconds(2));
      rig.start_all();
    }
    rig.restart();
    for (int i = 0; i < 300 && rig.service->jobs({.phases = {finished}}).size() < 4; ++i) {
      rig.clock.advance(Seconds(5));
      rig.engine.obey();
      rig.start_all();
      for (const auto& [cell, spec] : rig.engine.alive())
        rig.engine.tell_ended(cell, CellEnd::completed);
      rig.clock.settle();
    }
    EXPECT_EQ(rig.service->jobs({.phases = {finished}}).size(), 4U);
  }
}

// 20 samples in 10 s, then the clock of its machine is set an hour ahead: what is seen of the speed
// is what was seen before.
TEST(Service, LearnsNoSpeedFromAClockThatWasSet) {
  ServiceRig rig;
  const JobNumber job = rig.submit(training_of(1));
  rig.start_all();
  const CellId cell{job, 1, MachineId(std::size_t{0})};
  const auto report = [&](double samples, double at) {
    rig.engine.tell_progress(cell, samples, Seconds(at));
    rig.clock.settle();
    rig.clock.advance(Seconds(10));
  };
  report(20, 100);
  report(40, 110);
  report(60, 3720);
  report(80, 3730);
  EXPECT_NEAR(rig.job(job).samples_per_second, 2, 1e-6);
}

// One of two workers for 10 s, then some seconds of both: only from then on is it the speed of two,
// 40 samples in 10 s.
TEST(Service, LearnsNoSpeedWhileWorkersAreStillStarting) {
  ServiceRig rig;
  const JobNumber job = rig.submit(training_of(2));
  rig.start_all();
  const CellId cell{job, 1, MachineId(std::size_t{0})};
  const auto report = [&](double samples, double at, double workers) {
    rig.engine.tell_progress(cell, samples, Seconds(at), false, workers);
    rig.clock.settle();
    rig.clock.advance(Seconds(10));
  };
  report(20, 100, 1);
  report(30, 110, 1);
  report(60, 120, 2);
  EXPECT_TRUE(rig.service->job(job)->speeds.empty());
  report(100, 130, 2);
  EXPECT_NEAR(rig.job(job).samples_per_second, 4, 1e-6);
}

TEST(Service, RemembersACancellationOverARestart) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(1));
  const JobNumber other = rig.submit(job_of(1));
  rig.start_all();
  ASSERT_TRUE(rig.service->cancel(job).has_value());
  rig.engine.stopped.clear();
  rig.restart();
  ASSERT_EQ(rig.engine.stopped.size(), 1U);  // The first time may not have reached the agent.
  rig.engine.obey();
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), cancelled);
  EXPECT_EQ(rig.phase(other), running);
}

TEST(Service, IsDoneWithAJobThatCompletesWhileItIsToldToEnd) {
  ServiceRig rig("2x4");
  const JobNumber job = rig.submit(job_of(2));
  rig.start_all();
  ASSERT_TRUE(rig.service->drain(rig.service->machines()[0].name, true, "").has_value());
  ASSERT_EQ(rig.phase(job), pausing);
  rig.engine.tell_ended({job, 1, MachineId(std::size_t{0})}, CellEnd::completed);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), finished);
}

TEST(Service, StartsAnewAfterARestartWhatLostItsCells) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(2));
  rig.start_all();
  rig.restart();
  rig.engine.tell_ended(rig.engine.adopted[0], CellEnd::lost);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), backing_off);
  rig.clock.advance(Seconds(2));
  EXPECT_EQ(rig.phase(job), starting);
  EXPECT_EQ(rig.engine.started.back().id.epoch, 2U);
}

// It died after it had journaled the start, and before it had made the directory.
TEST(Service, MakesThePlaceForCheckpointsOfWhatItTakesOver) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(1));
  const std::string path = rig.directory.path() + "/jobs/" + std::to_string(job) + "/checkpoint";
  Files& files = rig.real.world().files;
  ASSERT_TRUE(files.exists(path));
  ASSERT_TRUE(files.remove(path).has_value());
  rig.restart();
  EXPECT_TRUE(files.exists(path));
  rig.start_all();
  EXPECT_EQ(rig.phase(job), running);
}

TEST(Service, LosesOnlyWhatWasNotSaved) {
  ServiceRig rig;
  const JobNumber job = rig.submit(training_of(1));
  rig.start_all();
  const CellId cell{job, 1, MachineId(std::size_t{0})};
  rig.engine.tell_progress(cell, 300, Seconds(10), true);
  rig.engine.tell_progress(cell, 500, Seconds(20));
  rig.clock.settle();
  EXPECT_NEAR(rig.job(job).samples_done, 500, 1e-6);
  EXPECT_NEAR(rig.job(job).samples_per_second, 20, 1e-6);  // 200 samples in 10 s.
  rig.engine.tell_ended(cell, CellEnd::failed, "worker-0: boom");
  rig.clock.settle();
  EXPECT_NEAR(rig.job(job).samples_done, 300, 1e-6);
}

TEST(Service, KnowsThatWhatIsLostWhileItEndsHasNotSaved) {
  ServiceRig rig("2x2");
  const JobNumber job = rig.submit(
      "name: j\nworkers: {command: [train], count: 2, resources: {gpu: 1}}\n"
      "work: {samples: 1000, duration: 100s}\n");
  rig.start_all();
  const CellId cell{job, 1, MachineId(std::size_t{0})};
  rig.engine.tell_progress(cell, 300, Seconds(1), true);
  rig.engine.tell_progress(cell, 400, Seconds(2));
  rig.clock.settle();
  rig.engine.tell_machine(cell.machine, false);
  rig.clock.settle();
  ASSERT_EQ(rig.phase(job), pausing);
  rig.engine.tell_ended(cell, CellEnd::lost, "its node is gone");
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), starting);  // On the other machine.
  EXPECT_EQ(rig.job(job).samples_done, 300);
}

TEST(Service, StartsAnewAfterARestartWhereAMachineHasLess) {
  ServiceRig rig("2x2");
  const JobNumber hit = rig.submit(job_of(2));
  const JobNumber other = rig.submit(job_of(1));
  rig.start_all();
  rig.engine.set_cluster(*parse_cluster_short_form("2x1"));
  rig.restart();
  EXPECT_EQ(rig.phase(hit), waiting);  // Its two GPUs are not on one machine any more.
  EXPECT_EQ(rig.phase(other), running);
}

TEST(Service, AcknowledgesWhatIsInTheJournal) {
  ServiceRig rig;
  const JobNumber job = rig.submit(job_of(1));
  rig.start_all();
  const CellId cell{job, 1, MachineId(std::size_t{0})};
  EXPECT_EQ(rig.engine.acknowledged[cell], 1U);
}

TEST(Service, RefusesAJobThatNoMachineHolds) {
  ServiceRig rig("2x4");
  const auto job = rig.service->submit({.text = job_of(9), .directory = "/tmp"});
  ASSERT_FALSE(job.has_value());
  EXPECT_EQ(job.error().code, ErrorCode::invalid_argument);
}

// ElasticFlow keeps what it knows of each job: that which makes the forecast has to learn of the
// one that runs before it plans another, which needs three of the four GPUs.
TEST(Service, ForecastsByAPolicyThatKnowsWhatRuns) {
  ServiceRig rig("1x4", "elasticflow", {{"slot", "10s"}});
  (void)rig.submit(job_of(4));
  rig.start_all();
  const auto forecast = rig.service->forecast({.text = job_of(3), .directory = "/tmp"});
  ASSERT_TRUE(forecast.has_value()) << forecast.error().message;
  EXPECT_FALSE(forecast->is_admitted);
  EXPECT_FALSE(forecast->starts.has_value());
}

TEST(Service, ForecastsWithoutChangingAnything) {
  ServiceRig rig("1x4", "pd-ors", {{"slot", "10s"}});
  const JobNumber first = rig.submit(job_of(4));
  rig.start_all();
  const std::uint64_t changes = rig.service->last_change();
  const auto forecast = rig.service->forecast({.text = job_of(4), .directory = "/tmp"});
  ASSERT_TRUE(forecast.has_value()) << forecast.error().message;
  ASSERT_TRUE(forecast->starts.has_value());
  EXPECT_GE((*forecast->starts - rig.clock.unix_time()).value, 90);  // After the first.
  EXPECT_EQ(rig.service->last_change(), changes);
  EXPECT_EQ(rig.service->jobs({}).size(), 1U);
  EXPECT_EQ(rig.phase(first), running);
}

/// A machine of two GPUs under pd-ors with fixed prices, so that costs are known: a GPU for a slot
/// of 100 s costs at least 1.
struct PricedRig : ServiceRig {
  PricedRig()
      : ServiceRig(
            "1x2", "pd-ors",
            {{"slot", "100s"}, {"on-decline", "wait"}, {"price-low", "1"}, {"price-high", "2"}}) {}
  JobNumber submit_for(const std::string& group, int workers = 2) {
    return submit(job_of(workers, "value: 50\nrestart_cost: 0s\ngroup: " + group + "\n"));
  }
  [[nodiscard]] double left(const std::string& account) const {
    return service->account(account, 1)->account.balance;
  }
};

TEST(ServiceAccounts, ChargeAnAdmittedJobThePostedPriceOnce) {
  PricedRig rig;
  ASSERT_TRUE(rig.service->put_account({.name = "team", .credits = 100}).has_value());
  const JobNumber job = rig.submit_for("team");
  rig.clock.settle();
  const JobView view = rig.job(job);
  EXPECT_EQ(view.account, "team");
  EXPECT_GT(view.charged, 0);
  EXPECT_NEAR(rig.left("team"), 100 - view.charged, 1e-9);
  rig.restart();
  EXPECT_EQ(rig.job(job).charged, view.charged);
  EXPECT_NEAR(rig.left("team"), 100 - view.charged, 1e-9);
  const JobNumber other = rig.submit_for("nobody");
  EXPECT_EQ(rig.job(other).account, "default");
}

TEST(ServiceAccounts, JobsWithoutCreditRunAsFillerAndGiveWay) {
  PricedRig rig;
  ASSERT_TRUE(rig.service->put_account({.name = "poor", .credits = 0}).has_value());
  const JobNumber poor = rig.submit_for("poor", 1);
  rig.clock.settle();
  EXPECT_EQ(rig.job(poor).charged, 0);
  EXPECT_THAT(
      rig.service->job(poor)->history.back().what,
      ::testing::AnyOf(::testing::HasSubstr("idle machines"), ::testing::HasSubstr("starting")));
  rig.start_all();
  EXPECT_EQ(rig.phase(poor), running) << "the machine is idle";
  rig.restart();
  const JobNumber rich = rig.submit_for("default", 2);
  rig.clock.settle();
  rig.engine.obey();
  rig.clock.settle();
  rig.start_all();
  EXPECT_EQ(rig.phase(rich), running);
  EXPECT_EQ(rig.phase(poor), waiting);
  ASSERT_TRUE(rig.service->grant("poor", 50).has_value());
  rig.engine.tell_ended({rich, 1, MachineId(std::size_t{0})}, CellEnd::completed);
  rig.clock.advance(Seconds(200));
  EXPECT_GT(rig.job(poor).charged, 0) << "it can pay now";
}

TEST(ServiceAccounts, GiveThePriceBackWhenAMachineBreaksThePromise) {
  PricedRig rig;
  ASSERT_TRUE(rig.service->put_account({.name = "team", .credits = 100}).has_value());
  const JobNumber job = rig.submit_for("team");
  rig.clock.settle();
  rig.start_all();
  ASSERT_EQ(rig.phase(job), running);
  rig.engine.tell_ended({job, 1, MachineId(std::size_t{0})}, CellEnd::lost, "power");
  rig.clock.advance(Seconds(1000));
  rig.start_all();
  rig.engine.tell_ended({job, 2, MachineId(std::size_t{0})}, CellEnd::completed);
  rig.clock.settle();
  EXPECT_EQ(rig.phase(job), finished);
  EXPECT_NEAR(rig.job(job).charged, 0, 1e-9);
  EXPECT_NEAR(rig.left("team"), 100, 1e-9);
}

TEST(ServiceAccounts, AreForTheirMembers) {
  PricedRig rig;
  ASSERT_TRUE(rig.service->put_account({.name = "team", .credits = 9, .members = {"alice"}}));
  const std::string file = job_of(1, "group: team\n");
  const auto refused = rig.service->submit({.text = file, .directory = "/tmp", .user = "bob"});
  EXPECT_EQ(refused.error().message,
            "user 'bob' is no member of the account 'team'; name another group, or ask an admin");
  EXPECT_TRUE(rig.service->submit({.text = file, .directory = "/tmp", .user = "alice"}));
  EXPECT_TRUE(
      rig.service->submit({.text = file, .directory = "/tmp", .user = "bob", .is_admin = true}));
  EXPECT_EQ(rig.service->grant("nobody", 1).error().code, ErrorCode::not_found);
  EXPECT_EQ(rig.service->grant("default", 1).error().code, ErrorCode::failed_precondition);
}

// Names come from people; paths must not.
TEST(ServiceAccess, NoNameOfAJobOrTaskLeavesItsDirectory) {
  ServiceRig rig;
  std::string file = job_of(1);
  file.replace(file.find("name: j"), 7, "name: ../../../tmp/evil");
  const JobNumber job = rig.submit(file);
  ASSERT_EQ(rig.engine.started.size(), 1U);
  const std::string root = rig.directory.path() + "/jobs/" + std::to_string(job) + "/";
  const CellSpec& cell = rig.engine.started[0];
  EXPECT_EQ(cell.directory.find(".."), std::string::npos);
  for (const std::string& path : {cell.directory, cell.tasks[0].log_file, cell.tasks[0].fifo})
    EXPECT_TRUE(path.empty() || path.starts_with(rig.directory.path() + "/")) << path;
  EXPECT_TRUE(cell.tasks[0].log_file.starts_with(root)) << cell.tasks[0].log_file;
  for (const char* task : {"../../bourse.db", "/etc/passwd", "worker-0/../../x", "", "worker-0\n"})
    EXPECT_EQ(rig.service->log(job, task, 0, 10).error().code, ErrorCode::not_found) << task;
}

}  // namespace
}  // namespace bourse
