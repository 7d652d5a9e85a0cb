#include "bourse/engine/slurm_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/engine/slurm_commands.h"
#include "bourse/engine/slurm_site.h"

namespace bourse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr CellId kNamedCell{.job = 17, .epoch = 3, .machine = MachineId(0U)};

// Lines as Slurm 22.05 printed them, and one of a later release with the indices of devices.
constexpr std::string_view kNodes =
    "n1|mixed|1/15/0/16|65536|100|gpu:4|gpu:2|rack1|127.0.0.1|none|\n"
    "n1|mixed|1/15/0/16|65536|100|gpu:4|gpu:2|rack1|127.0.0.1|none|\n"
    "n2|down+not_responding|0/0/16/16|65536|0|gpu:a100:2(S:0-1),gpu:a100:1,nic:1|"
    "gpu:a100:1(IDX:0,2),nic:0|(null)|n2.site|Not responding|\n"
    "n3|idle+drain|0/0/16/16|1000|0|(null)|gpu:0|big,ib|n3|a fan | is broken|\n";

TEST(SlurmText, ReadsJobsAndLeavesOutWhatIsNone) {
  const auto jobs = parse_slurm_jobs(
      "17|RUNNING|None|n2|59:58|bourse-k-17-3-0\n"
      "18|PENDING|Resources||1-00:00:05|bourse-k-18-1-2-5\n"
      "name with a line end\n"
      "19|NODE_FAIL|NodeDown|n3|UNLIMITED|a|b\n");
  ASSERT_TRUE(jobs.has_value());
  ASSERT_THAT(*jobs, SizeIs(3));
  EXPECT_EQ((*jobs)[0].id, 17U);
  EXPECT_EQ((*jobs)[0].left, Seconds(3598));
  EXPECT_TRUE(is_live((*jobs)[0]));
  EXPECT_EQ((*jobs)[1].reason, "Resources");
  EXPECT_EQ((*jobs)[1].left, Seconds(86405));
  EXPECT_EQ((*jobs)[2].name, "a|b");
  EXPECT_FALSE((*jobs)[2].left.has_value());
  EXPECT_FALSE(is_live((*jobs)[2]));
}

TEST(SlurmText, DoesNotTrustWhatWasCutOff) {
  EXPECT_EQ(parse_slurm_jobs("17|RUNNING|None|n2|59:58|bourse-k-1").error().code,
            ErrorCode::data_corrupted);
  EXPECT_THAT(parse_slurm_jobs("").value(), IsEmpty());
  EXPECT_EQ(parse_slurm_nodes("n1|idle|\n").error().message,
            "sinfo printed 'n1|idle|', whose columns cannot be read");
}

TEST(SlurmText, ReadsTimes) {
  EXPECT_EQ(parse_slurm_time("0:05").value(), Seconds(5));
  EXPECT_EQ(parse_slurm_time("2-03:00:00").value(), Seconds(2 * 86400 + 3 * 3600));
  EXPECT_EQ(parse_slurm_time("INVALID").value(), Seconds(0));
  EXPECT_FALSE(parse_slurm_time("UNLIMITED").value().has_value());
  for (const char* const wrong : {"5", "1:2:3:4", "-5:00", "a:b", "1-"})
    EXPECT_FALSE(parse_slurm_time(wrong).has_value()) << wrong;
}

TEST(SlurmText, ReadsNodesOnceEach) {
  const auto nodes = parse_slurm_nodes(kNodes);
  ASSERT_TRUE(nodes.has_value()) << nodes.error().message;
  ASSERT_THAT(*nodes, SizeIs(3));
  const SlurmNode& mixed = (*nodes)[0];
  EXPECT_EQ(mixed.cpus, 16);
  EXPECT_EQ(mixed.cpus_allocated, 1);
  EXPECT_EQ(mixed.memory_allocated_mib, 100);
  EXPECT_THAT(mixed.gres, ElementsAre(Pair("gpu", 4)));
  EXPECT_THAT(mixed.gres_used, ElementsAre(Pair("gpu", 2)));
  EXPECT_EQ(mixed.trouble(), "");
  const SlurmNode& down = (*nodes)[1];
  EXPECT_THAT(down.gres, ElementsAre(Pair("gpu", 3), Pair("nic", 1)));
  EXPECT_THAT(down.gres_used, ElementsAre(Pair("gpu", 1), Pair("nic", 0)));
  EXPECT_EQ(down.gpu_type, "a100");
  EXPECT_EQ(down.trouble(), "Slurm says: down, not responding: Not responding");
  EXPECT_THAT(down.features, IsEmpty());
  EXPECT_EQ((*nodes)[2].trouble(), "Slurm says: idle, drain: a fan | is broken");
  EXPECT_THAT((*nodes)[2].features, ElementsAre("big", "ib"));
}

TEST(SlurmText, ReadsFieldsWithBlanks) {
  const auto fields =
      parse_slurm_fields("PartitionName=main OS=Linux 6.1 #1 SMP MaxTime=UNLIMITED MaxTime=5\n");
  EXPECT_EQ(fields.at("PartitionName"), "main");
  EXPECT_EQ(fields.at("OS"), "Linux 6.1 #1 SMP");
  EXPECT_EQ(fields.at("MaxTime"), "UNLIMITED");
}

TEST(SlurmText, NamesCells) {
  EXPECT_EQ(slurm_name("5f0c", kNamedCell), "bourse-5f0c-17-3-0");
  EXPECT_EQ(parse_slurm_name("5f0c", "bourse-5f0c-17-3-0"), kNamedCell);
  for (const char* const other : {"bourse-5f0d-17-3-0", "bourse-5f0c-17", "wrap", ""})
    EXPECT_FALSE(parse_slurm_name("5f0c", other).has_value()) << other;
  EXPECT_EQ(parse_slurm_submission("17;cluster\n").value(), 17U);
  EXPECT_FALSE(parse_slurm_submission("Submitted batch job 17\n").has_value());
}

TEST(SlurmText, KnowsWhichErrorsMayPass) {
  const Error never = slurm_error("sbatch",
                                  "sbatch: error: Memory specification can not be satisfied\n"
                                  "sbatch: error: Batch job submission failed: Requested node "
                                  "configuration is not available\n");
  EXPECT_EQ(never.code, ErrorCode::invalid_argument);
  EXPECT_EQ(never.message,
            "sbatch said: Batch job submission failed: Requested node configuration is not "
            "available");
  EXPECT_EQ(slurm_error("squeue", "slurm_load_jobs error: Unable to contact slurm controller").code,
            ErrorCode::unavailable);
  EXPECT_EQ(slurm_error("sbatch", "sbatch: error: QOSMaxSubmitJobPerUserLimit\n").code,
            ErrorCode::resource_exhausted);
}

TEST(SlurmCommands, SeeNoneOfTheVariablesThatChangeThem) {
  EXPECT_THAT(slurm_environment({"PATH=/bin", "SQUEUE_FORMAT=%i", "SLURM_CONF=/etc/slurm.conf",
                                 "SBATCH_PARTITION=x", "SLURM_JOB_ID=5", "LC_ALL=de_DE"}),
              ElementsAre("LC_ALL=C", "PATH=/bin", "SLURM_CONF=/etc/slurm.conf"));
}

std::vector<std::string> names_of(const std::vector<SlurmNode>& nodes) {
  std::vector<std::string> names;
  for (const SlurmNode& node : nodes) names.push_back(node.name);
  return names;
}

TEST(SlurmSite, RemembersWhichMachineIsWhichAndWhatItHad) {
  SlurmMemory memory{.key = "5f0c",
                     .port = 7078,
                     .nodes = {{.name = "n2"}, {.name = "old", .cpus = 8, .gres = {{"fpga", 1}}}}};
  const auto nodes = parse_slurm_nodes(kNodes).value();
  remember_nodes(memory, nodes);
  EXPECT_THAT(names_of(memory.nodes), ElementsAre("n2", "old", "n1", "n3"));
  const auto again = parse_slurm_memory(slurm_memory_text(memory));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->key, "5f0c");
  EXPECT_EQ(again->port, 7078);
  EXPECT_EQ(names_of(again->nodes), names_of(memory.nodes));
  EXPECT_EQ(parse_slurm_memory(R"({"key": "k", "port": 70000, "nodes": []})").error().code,
            ErrorCode::invalid_argument);

  const Cluster cluster = cluster_of(*again);
  EXPECT_EQ(cluster.machine_name(MachineId(2U)), "n1");
  ASSERT_EQ(cluster.types.size(), 5U);  // gpu, cpu, memory, fpga, nic.
  EXPECT_EQ(cluster.class_of(MachineId(0U)).name, "a100");
  EXPECT_THAT(cluster.class_of(MachineId(0U)).capacity,
              ElementsAre(3000, 16000, 65536000, 0, 1000));
  EXPECT_THAT(cluster.class_of(MachineId(1U)).capacity, ElementsAre(0, 8000, 0, 1000, 0));
  EXPECT_THAT(allocated_of(nodes[0], cluster.types), ElementsAre(2000, 1000, 100000, 0, 0));
}

TEST(SlurmSite, AsksForWholeDevicesAndNeverForNoMemory) {
  const Cluster cluster = cluster_of({.key = "k", .nodes = {parse_slurm_nodes(kNodes)->front()}});
  // Half a GPU, a processor and a half, no memory.
  const SlurmSubmission job = submission_of({.demand = {500, 1500, 0}}, cluster.types);
  EXPECT_THAT(job.gres, ElementsAre(Pair("gpu", 1)));
  EXPECT_EQ(job.cpus, 2);
  EXPECT_EQ(job.memory_mib, 1024);
  EXPECT_THAT(taken_by(job, cluster.types), ElementsAre(1000, 2000, 1024000));
  EXPECT_EQ(submission_of({.demand = {0, 0, 700}}, cluster.types).memory_mib, 1);
}

}  // namespace
}  // namespace bourse
