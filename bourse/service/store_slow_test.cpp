#include "bourse/service/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

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

TEST(Store, GoesOnWithOneOfEachOlderVersion) {
  for (std::int64_t version = 1; version < Store::kVersion; ++version) {
    SCOPED_TRACE("version " + std::to_string(version));
    const StateDirectory directory;
    {
      const auto database = *Database::open(directory.path() + "/bourse.db", nullptr);
      std::ifstream file(BOURSE_SOURCE_DIR "/tests/stores/version" + std::to_string(version) +
                         ".sql");
      database->execute({std::istreambuf_iterator<char>(file), {}});
      ASSERT_TRUE(database->status().has_value()) << database->status().error().message;
    }
    for (int opened = 0; opened < 2; ++opened) {
      const auto store = Store::open(directory.path(), nullptr, Seconds(70));
      ASSERT_TRUE(store.has_value()) << store.error().message;
      EXPECT_EQ((*store)->beginning(), Seconds(1.7e9));
      const std::vector<StoredJob> live = (*store)->live_jobs();
      ASSERT_EQ(live.size(), 1U);
      EXPECT_EQ(live[0].number, 2U);
      EXPECT_EQ(live[0].name, "old");
      EXPECT_EQ(live[0].epoch, 3U);
      EXPECT_EQ(live[0].promised, Seconds(1700003610));
      EXPECT_EQ(live[0].generation, 0U);
      EXPECT_EQ(live[0].owner, "");
      EXPECT_FALSE(live[0].is_cancelled);
      EXPECT_EQ((*store)->job(1)->phase, JobPhase::finished);
      const std::vector<StoredCell> cells = (*store)->cells();
      ASSERT_EQ(cells.size(), 1U);
      EXPECT_EQ(cells[0].token, "secret");
      EXPECT_EQ(cells[0].workers, 1);
      EXPECT_EQ(cells[0].part, 0U);
      EXPECT_EQ((*store)->drains().at(0).reason, "a fan");
      EXPECT_EQ((*store)->last_change(), 7U);
      EXPECT_TRUE((*store)->tokens().empty());
    }
  }
}

TEST(Store, KeepsTokensAndOwners) {
  const StateDirectory directory;
  const StoredToken token{.id = "1f2e3d4c",
                          .user = "alice",
                          .role = Role::admin,
                          .hash = "abc",
                          .note = "laptop",
                          .created = Seconds(5),
                          .expires = Seconds(6)};
  {
    const auto store = *Store::open(directory.path(), nullptr, Seconds(0));
    store->begin();
    store->put_token(token);
    for (const char* owner : {"alice", "bob"}) {
      StoredJob job = some_job(owner);
      job.owner = owner;
      store->add_job(job);
      store->add_change(Seconds(1), "job", job.number, job.phase, 0, "came");
    }
    ASSERT_TRUE(store->commit().has_value());
  }
  const auto store = *Store::open(directory.path(), nullptr, Seconds(0));
  ASSERT_EQ(store->tokens().size(), 1U);
  EXPECT_EQ(store->tokens()[0].user, "alice");
  EXPECT_EQ(store->tokens()[0].role, Role::admin);
  EXPECT_EQ(store->tokens()[0].hash, "abc");
  EXPECT_EQ(store->tokens()[0].expires, Seconds(6));
  ASSERT_EQ(store->jobs({.owner = "bob"}).size(), 1U);
  EXPECT_EQ(store->jobs({.owner = "bob"})[0].name, "bob");
  EXPECT_EQ(store->changes_after(0, 9).at(0).owner, "alice");
  store->begin();
  store->remove_token("1f2e3d4c");
  ASSERT_TRUE(store->commit().has_value());
  EXPECT_TRUE(store->tokens().empty());
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
