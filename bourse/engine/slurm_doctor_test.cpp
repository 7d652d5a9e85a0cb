#include "bourse/engine/slurm_doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace bourse {
namespace {

using ::testing::HasSubstr;
using Weight = SlurmFinding::Weight;

/// A site where nothing is to be said.
SlurmFacts good_site() {
  SlurmFacts facts;
  facts.config = parse_slurm_config(
      "Configuration data as of 2026-11-26T22:57:18\n"
      "MessageTimeout          = 10 sec\n"
      "MinJobAge               = 300 sec\n"
      "ProctrackType           = proctrack/cgroup\n"
      "SchedulerParameters     = bf_interval=1,batch_sched_delay=0\n"
      "SelectType              = select/cons_tres\n"
      "SelectTypeParameters    = CR_CORE_MEMORY\n"
      "SlurmUser               = slurm(64030)\n"
      "SlurmdTimeout           = 60 sec\n"
      "SLURM_VERSION           = 22.05.8\n"
      "TaskPlugin              = task/affinity,task/cgroup\n");
  facts.partition = parse_slurm_fields(
      "PartitionName=gpu State=UP MaxTime=1-00:00:00 OverSubscribe=NO PreemptMode=OFF RootOnly=NO");
  facts.nodes = {{.name = "n1", .states = {"idle"}, .gres = {{"gpu", 4}}}};
  facts.user = "anna";
  facts.is_operator = true;
  facts.helper = "/usr/bin/bourse-slurm-helper";
  facts.helper_said = "bourse-slurm-helper, protocol 2, Slurm 22.05.2\n";
  return facts;
}

/// All that is not fine, in one text.
std::string complaints(const SlurmFacts& facts, Weight at_least = Weight::note) {
  std::string text;
  for (const SlurmFinding& finding : examine(facts))
    if (finding.weight >= at_least) text += finding.text + ": " + finding.advice + "\n";
  return text;
}

TEST(SlurmDoctor, HasNothingToSayOfAGoodSite) { EXPECT_EQ(complaints(good_site()), ""); }

TEST(SlurmDoctor, FindsWhatKeepsBourseFromWorking) {
  SlurmFacts facts = good_site();
  facts.config["SelectType"] = "select/linear";
  facts.config["SLURM_VERSION"] = "17.11.2";
  facts.partition["State"] = "DOWN";
  facts.partition["OverSubscribe"] = "EXCLUSIVE";
  facts.partition["MaxTime"] = "10:00";
  facts.nodes[0].states = {"down"};
  const std::string text = complaints(facts, Weight::problem);
  for (const char* const said : {"version '17.11.2'", "partition gpu is DOWN", "whole nodes only",
                                 "0 of 1 nodes", "SelectType is select/linear", "--cell-time 600s"})
    EXPECT_THAT(text, HasSubstr(said));
}

TEST(SlurmDoctor, NotesWhoMayNotExtendTimeLimits) {
  SlurmFacts facts = good_site();
  facts.is_operator = false;
  EXPECT_THAT(complaints(facts), HasSubstr("anna may not extend"));
  facts.user = "slurm";
  EXPECT_EQ(complaints(facts), "");
}

TEST(SlurmDoctor, NotesWhatIsNotConfined) {
  SlurmFacts facts = good_site();
  facts.config["ProctrackType"] = "proctrack/linuxproc";
  facts.config["TaskPlugin"] = "task/none";
  facts.config["SelectTypeParameters"] = "CR_CORE";
  facts.nodes[0].gres.clear();
  const std::string text = complaints(facts);
  for (const char* const said :
       {"ProctrackType", "task/cgroup", "memory is not handed out", "no GPUs"})
    EXPECT_THAT(text, HasSubstr(said));
  EXPECT_EQ(complaints(facts, Weight::problem), "");
}

TEST(SlurmDoctor, NotesHowLongNewJobsWait) {
  SlurmFacts facts = good_site();
  facts.config["SchedulerParameters"] = "bf_interval=1";
  EXPECT_THAT(complaints(facts), HasSubstr("new jobs may wait 3 s before Slurm looks at them"));
  facts.config["SchedulerParameters"] = "defer,batch_sched_delay=10";
  EXPECT_THAT(complaints(facts), HasSubstr("SchedulerParameters has defer"));
  EXPECT_THAT(complaints(facts), HasSubstr("may wait 10 s"));
  EXPECT_EQ(complaints(facts, Weight::problem), "");
}

TEST(SlurmDoctor, NotesTimesThatAreTooShortOrTooLong) {
  SlurmFacts facts = good_site();
  facts.config["MessageTimeout"] = "2 sec";
  facts.config["MinJobAge"] = "10 sec";
  facts.config["SlurmdTimeout"] = "600 sec";
  const std::string text = complaints(facts);
  for (const char* const said :
       {"MessageTimeout is 2 sec", "MinJobAge is 10 sec", "SlurmdTimeout is 600 sec"})
    EXPECT_THAT(text, HasSubstr(said));
}

TEST(SlurmDoctor, LooksWhetherTheHelperFits) {
  SlurmFacts facts = good_site();
  facts.helper_said = "bourse-slurm-helper, protocol 2, Slurm 23.02.8\n";
  EXPECT_THAT(complaints(facts, Weight::problem), HasSubstr("is built for Slurm 23.02.8"));
  facts.helper_said = "bourse-slurm-helper, protocol 1, Slurm 22.05.8\n";
  EXPECT_THAT(complaints(facts, Weight::problem), HasSubstr("is of another version of bourse"));
  facts.helper_said = "libslurm.so.38: cannot open shared object file";
  EXPECT_THAT(complaints(facts, Weight::problem),
              HasSubstr("does not run: libslurm.so.38: cannot open shared object file"));
  facts.helper.clear();
  EXPECT_THAT(complaints(facts), HasSubstr("bourse-slurm-helper is not used"));
  EXPECT_EQ(complaints(facts, Weight::problem), "");
}

}  // namespace
}  // namespace bourse
