#include "bourse/model/job.h"

#include <gtest/gtest.h>

#include <cmath>

namespace bourse {
namespace {

JobSpec gang() {
  JobSpec job;
  job.name = "a";
  job.samples = 3600;
  job.worker = {1000};
  job.throughput = RigidThroughput{.workers = 4, .servers = 0};
  job.requested_workers = 4;
  return job;
}

template <class Change>
std::string error_with(Change change) {
  JobSpec job = gang();
  change(job);
  const auto ok = validate(job);
  return ok ? "no error" : ok.error().message;
}

TEST(RequestedDuration, IsTheWorkOverTheSpeedOfTheRequestedTasks) {
  EXPECT_EQ(requested_duration(gang()), Seconds(3600));
  JobSpec job = gang();
  job.requested_workers = 3;
  EXPECT_EQ(requested_duration(job), kForever);
  job.throughput = TableThroughput{{{2, 0, Locality::machine, 10}}};
  EXPECT_EQ(requested_duration(job), Seconds(360));
}

TEST(ValidateJob, NamesTheField) {
  EXPECT_EQ(error_with([](JobSpec&) {}), "no error");
  EXPECT_EQ(error_with([](JobSpec& j) { j.name = ""; }),
            "field 'id': is empty; give every job a name");
  EXPECT_EQ(error_with([](JobSpec& j) { j.arrival = Seconds(-1); }),
            "field 'arrival': must be a time of at least 0");
  EXPECT_EQ(error_with([](JobSpec& j) { j.samples = std::nan(""); }),
            "field 'work': must be above 0");
  EXPECT_EQ(error_with([](JobSpec& j) { j.restart_cost = kForever; }),
            "field 'restart_cost': must be a duration of at least 0");
  EXPECT_EQ(error_with([](JobSpec& j) { j.requested_workers = 0; }),
            "field 'requested.workers': must be from 1 to 1000000");
  EXPECT_EQ(error_with([](JobSpec& j) { j.requested_servers = -1; }),
            "field 'requested.servers': must be from 0 to 1000000");
  EXPECT_EQ(error_with([](JobSpec& j) { j.throughput = TableThroughput{}; }),
            "field 'throughput': a table needs at least one measured point");
  EXPECT_EQ(error_with([](JobSpec& j) { j.utility = ConstantUtility{-1}; }),
            "field 'utility': value must be a number of at least 0");
  EXPECT_EQ(error_with([](JobSpec& j) { j.worker = {0}; }),
            "field 'worker': must demand something");
  EXPECT_EQ(error_with([](JobSpec& j) { j.requested_workers = 3; }),
            "field 'requested': these tasks make no progress");
}

}  // namespace
}  // namespace bourse
