#include "bourse/service/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "bourse/service/fixtures.h"

namespace bourse {
namespace {

using testing::StateDirectory;

StoredJob some_job(const std::string& name) {
  StoredJob job;
  job.name = name;
  job.group = "team";
  job.text = "name: " + name + "\n";
  job.directory = "/home";
  job.environment = std::string("A=1\0B=2\0", 8);
  job.submitted = Seconds(100);
  job.samples = 10;
  return job;
}

TEST(Store, ReadsBackWhatWasCommitted) {
  const StateDirectory directory;
  {
    const auto store = *Store::open(directory.path(), nullptr, Seconds(50));
    StoredJob job = some_job("a");
    store->begin();
    store->add_job(job);
    job.phase = JobPhase::running;
    job.started = Seconds(110);
    job.speeds = "[]";
    store->update_job(job);
    store->put_cell({.job = job.number, .epoch = 1, .machine = 2, .workers = 3, .token = "t"});
    store->add_change(Seconds(110), "job", job.number, job.phase, 1, "runs");
    ASSERT_TRUE(store->commit().has_value());
  }
  const auto store = *Store::open(directory.path(), nullptr, Seconds(70));
  EXPECT_EQ(store->beginning(), Seconds(50));  // That of the first time.
  const std::vector<StoredJob> live = store->live_jobs();
  ASSERT_EQ(live.size(), 1U);
  EXPECT_EQ(live[0].name, "a");
  EXPECT_EQ(live[0].environment, std::string("A=1\0B=2\0", 8));
  EXPECT_EQ(live[0].started, Seconds(110));
  EXPECT_FALSE(live[0].ended.has_value());
  const std::vector<StoredCell> cells = store->cells();
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cells[0].workers, 3);
  EXPECT_EQ(store->history(live[0].number, 10).at(0).what, "runs");
  EXPECT_EQ(store->last_change(), 1U);
}

TEST(Store, ForgetsWhatWasNotCommitted) {
  const StateDirectory directory;
  {
    const auto store = *Store::open(directory.path(), nullptr, Seconds(0));
    StoredJob job = some_job("a");
    store->begin();
    store->add_job(job);
  }
  const auto store = *Store::open(directory.path(), nullptr, Seconds(0));
  EXPECT_TRUE(store->live_jobs().empty());
}

TEST(Store, ListsTheNewestFirstByPhaseGroupAndPage) {
  const StateDirectory directory;
  const auto store = *Store::open(directory.path(), nullptr, Seconds(0));
  store->begin();
  for (int i = 0; i < 5; ++i) {
    StoredJob job = some_job("j" + std::to_string(i));
    if (i == 2) job.group = "other";
    if (i == 3) job.phase = JobPhase::finished;
    store->add_job(job);
  }
  ASSERT_TRUE(store->commit().has_value());
  const auto names = [&](const JobQuery& query) {
    std::vector<std::string> all;
    for (const StoredJob& job : store->jobs(query)) all.push_back(job.name);
    return all;
  };
  using ::testing::ElementsAre;
  EXPECT_THAT(names({.limit = 2}), ElementsAre("j4", "j3"));
  EXPECT_THAT(names({.before = 4}), ElementsAre("j2", "j1", "j0"));
  EXPECT_THAT(names({.phases = {JobPhase::finished}}), ElementsAre("j3"));
  EXPECT_THAT(names({.group = "other"}), ElementsAre("j2"));
  EXPECT_EQ(store->counts()[static_cast<std::size_t>(JobPhase::finished)], 1U);
  EXPECT_EQ(store->live_jobs().size(), 4U);
}

TEST(Store, RefusesOneOfANewerVersion) {
  const StateDirectory directory;
  {
    const auto database = *Database::open(directory.path() + "/bourse.db", nullptr);
    database->execute("PRAGMA user_version = 99");
  }
  const auto store = Store::open(directory.path(), nullptr, Seconds(0));
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code, ErrorCode::failed_precondition);
  EXPECT_THAT(store.error().message, ::testing::HasSubstr("of version 99"));
}

TEST(Store, GoesOnWithOneOfVersion2) {
  const StateDirectory directory;
  {
    const auto store = *Store::open(directory.path(), nullptr, Seconds(50));
    StoredJob job = some_job("a");
    store->begin();
    store->add_job(job);
    ASSERT_TRUE(store->commit().has_value());
  }
  {
    // Back to what version 2 had.
    const auto database = *Database::open(directory.path() + "/bourse.db", nullptr);
    database->execute(R"(
      ALTER TABLE jobs DROP COLUMN generation;
      ALTER TABLE jobs DROP COLUMN last_part;
      DROP TABLE cells;
      CREATE TABLE cells (
        job INTEGER, epoch INTEGER, machine INTEGER, workers INTEGER NOT NULL,
        servers INTEGER NOT NULL, token TEXT NOT NULL, is_stopping INTEGER NOT NULL,
        PRIMARY KEY (job, epoch, machine)) WITHOUT ROWID;
      INSERT INTO cells VALUES (1, 3, 2, 4, 1, 'secret', 1);
      PRAGMA user_version = 2;)");
    ASSERT_TRUE(database->status().has_value());
  }
  for (int opened = 0; opened < 2; ++opened) {
    const auto store = Store::open(directory.path(), nullptr, Seconds(70));
    ASSERT_TRUE(store.has_value()) << store.error().message;
    ASSERT_EQ((*store)->live_jobs().size(), 1U);
    EXPECT_EQ((*store)->live_jobs()[0].generation, 0U);
    const std::vector<StoredCell> cells = (*store)->cells();
    ASSERT_EQ(cells.size(), 1U);
    EXPECT_EQ(cells[0].token, "secret");
    EXPECT_EQ(cells[0].machine, 2U);
    EXPECT_EQ(cells[0].workers, 4);
    EXPECT_TRUE(cells[0].is_stopping);
    EXPECT_EQ(cells[0].part, 0U);
  }
}

TEST(Store, SaysThatAFileIsNoDatabase) {
  const StateDirectory directory;
  std::ofstream(directory.path() + "/bourse.db") << std::string(5000, 'x');
  const auto store = Store::open(directory.path(), nullptr, Seconds(0));
  ASSERT_FALSE(store.has_value());
  EXPECT_EQ(store.error().code, ErrorCode::data_corrupted);
}

}  // namespace
}  // namespace bourse
