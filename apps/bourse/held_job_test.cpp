#include "apps/bourse/held_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/service/job_file.h"

namespace bourse {
namespace {

// As Slurm 22.05 printed them.
constexpr std::string_view kJobs =
    "1|JobHeldUser|4|8G|gres:gpu:2|2:00:00|/srv/anna|workers=1..4 servers=1|train.sh\n"
    "2|JobHeldAdmin|1|100M|N/A|5:00|/tmp|(null)|a|b\n"
    "3|Resources|1|100M|N/A|5:00|/tmp|(null)|waits by itself\n"
    "4|JobHeldUser|1|0|N/A|UNLIMITED|/tmp|(null)|endless\n";

TEST(HeldJob, IsReadFromWhatSqueuePrints) {
  const std::vector<HeldJob> jobs = parse_held_jobs(kJobs);
  ASSERT_EQ(jobs.size(), 3U);
  EXPECT_EQ(jobs[0].id, 1U);
  EXPECT_EQ(jobs[0].directory, "/srv/anna");
  EXPECT_EQ(jobs[1].comment, "");
}

TEST(HeldJob, BecomesAJobFileThatTheDaemonTakes) {
  const std::vector<HeldJob> jobs = parse_held_jobs(kJobs);
  const auto text = job_file_of(jobs[0], "/srv/anna/1.sh");
  ASSERT_TRUE(text.has_value()) << text.error().message;
  const auto file = parse_job_file(*text, "held");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->name, "train.sh");
  EXPECT_EQ(file->min_workers, 1);
  EXPECT_EQ(file->workers.command, std::vector<std::string>{"/srv/anna/1.sh"});
  EXPECT_TRUE(file->servers.has_value());
  EXPECT_TRUE(parse_job_file(job_file_of(jobs[1], "/s").value(), "held").has_value());
}

TEST(HeldJob, IsRefusedWithASentence) {
  const auto refusal = [](const HeldJob& job) { return job_file_of(job, "/s").error().message; };
  HeldJob job = parse_held_jobs(kJobs)[0];
  job.comment = "workers=4..1";
  EXPECT_EQ(refusal(job), "workers '4..1' must be at least 1, and not fall");
  job.comment = "workers=many";
  EXPECT_EQ(refusal(job), "workers 'many' is no whole number up to 10000");
  job.comment = "gpus=4";
  EXPECT_EQ(refusal(job), "'gpus=4' is not known; say workers=1..4 or servers=1");
  EXPECT_THAT(refusal(parse_held_jobs(kJobs)[2]), ::testing::HasSubstr("no time limit"));
}

}  // namespace
}  // namespace bourse
