#include "bourse/service/job_program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bourse/service/job_file.h"

namespace bourse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A node as Program::spec_json() has it.
std::string node(int unit, const std::string& label, const std::string& role,
                 const std::string& resources, const std::string& replicas) {
  return R"({"unit":)" + std::to_string(unit) + R"(,"label":")" + label + R"(","role":")" + role +
         R"(","resources":)" + resources + R"(,"replicas":)" + replicas + "}";
}

std::string graph(const std::vector<std::string>& nodes) {
  std::string text;
  for (const std::string& one : nodes) text += (text.empty() ? "" : ",") + one;
  return R"({"program":"p","nodes":[)" + text + "]}";
}

constexpr const char* kOne = R"({"min":1,"max":1})";

JobFile job_of(const std::string& graph_text) {
  const auto fields = job_fields_of_program(graph_text, {"./p", "--rounds", "2"});
  EXPECT_TRUE(fields) << fields.error().message;
  const auto file =
      parse_job_file("name: p\nwork: {duration: 1h}\n" + fields.value_or(""), "job.yaml");
  EXPECT_TRUE(file) << file.error().message;
  return file.value_or(JobFile());
}

// Two servers of 2 and 3 CPUs, a driver of 1 and a logger of 1.5 beside the launcher: 3 servers,
// each with the largest need, 3 CPUs and 1 GiB.
TEST(JobFieldsOfProgram, RolesBecomeTasks) {
  const std::string ps = R"({"min":2,"max":2})";
  const std::string workers = R"({"min":2,"max":3})";
  const JobFile file = job_of(
      graph({node(0, "ps", "parameter_server", R"({"cpus":2,"gpus":0,"memory_mib":1024})", ps),
             node(1, "ps", "parameter_server", R"({"cpus":3,"gpus":0,"memory_mib":0})", ps),
             node(2, "worker", "worker", R"({"cpus":4,"gpus":1,"memory_mib":0,"nic":2})", workers),
             node(3, "worker", "worker", R"({"cpus":4,"gpus":1,"memory_mib":0,"nic":2})", workers),
             node(4, "worker", "worker", R"({"cpus":4,"gpus":1,"memory_mib":0,"nic":2})", workers),
             node(5, "driver", "other", R"({"cpus":1,"gpus":0,"memory_mib":0})", kOne),
             node(6, "logger", "other", R"({"cpus":1.5,"gpus":0,"memory_mib":0})", kOne)}));
  EXPECT_EQ(file.min_workers, 2);
  EXPECT_EQ(file.max_workers, 3);
  EXPECT_EQ(file.elastic, Elasticity::in_place);
  EXPECT_THAT(file.workers.command, ElementsAre("./p", "--rounds", "2", "--launch=job"));
  EXPECT_EQ(file.server_count.count, 3);
  const auto amount = [&](const TaskCommand& task, std::string_view name) {
    const auto type = file.types.find(name);
    return type ? task.demand[*type] : Amount{-1};
  };
  const Amount cpu = amount(file.workers, "cpu") / 4;
  EXPECT_EQ(amount(*file.servers, "cpu"), 3 * cpu);
  EXPECT_EQ(amount(*file.servers, "gpu"), 0);
  EXPECT_GT(amount(*file.servers, "memory"), 0);
  EXPECT_GT(amount(file.workers, "nic"), 0);
}

TEST(JobFieldsOfProgram, WorkersOfOneSizeAreAGang) {
  const std::string two = R"({"min":2,"max":2})";
  const JobFile file = job_of(graph({node(0, "w", "worker", R"({"cpus":1})", two),
                                     node(1, "w", "worker", R"({"cpus":1})", two)}));
  EXPECT_EQ(file.min_workers, 2);
  EXPECT_EQ(file.elastic, Elasticity::none);
  EXPECT_EQ(file.server_count.count, 1);  // the launcher
}

TEST(JobFieldsOfProgram, AProgramWithoutWorkersIsOneTask) {
  const JobFile file = job_of(graph({node(0, "a", "other", R"({"cpus":1})", kOne),
                                     node(1, "b", "parameter_server", R"({"cpus":2})", kOne)}));
  EXPECT_EQ(file.max_workers, 1);
  EXPECT_FALSE(file.servers);
  EXPECT_THAT(file.workers.command, testing::Contains("--launch=processes"));
}

TEST(JobFieldsOfProgram, SaysWhatItCannotPlace) {
  const auto several = job_fields_of_program(
      graph({node(0, "a", "worker", R"({"cpus":1})", kOne),
             node(1, "b", "worker", R"({"cpus":1})", R"({"min":1,"max":4})")}),
      {"./p"});
  ASSERT_FALSE(several);
  EXPECT_THAT(several.error().message, HasSubstr("several groups of role worker"));
  for (const char* const text : {"hello", "{}", R"({"nodes":[{}]})", R"({"nodes":3})"}) {
    const auto none = job_fields_of_program(text, {"./p"});
    ASSERT_FALSE(none) << text;
    EXPECT_THAT(none.error().message, HasSubstr("does not describe itself"));
  }
}

TEST(ProgramOfJobFile, IsATextOrAList) {
  EXPECT_THAT(program_of_job_file("name: a\nprogram: ./p  -x 1\n", "f").value(),
              ElementsAre("./p", "-x", "1"));
  EXPECT_THAT(program_of_job_file("program:\n  - ./p\n  - two words\n", "f").value(),
              ElementsAre("./p", "two words"));
  EXPECT_TRUE(program_of_job_file("name: a\n", "f").value().empty());
  EXPECT_EQ(program_of_job_file("program: p\nworkers: {}\n", "f").error().message,
            "f:2: field 'workers': is what 'program' stands for; give one of them");
  EXPECT_THAT(program_of_job_file("{program: p}", "f").error().message,
              HasSubstr("left margin of a line"));
}

TEST(WithProgramFields, TheFieldBecomesAComment) {
  EXPECT_EQ(with_program_fields("a: 1\nprogram:\n  - ./p\n- x\nb: 2", "workers: {}\n"),
            "a: 1\n# program:\n#   - ./p\n# - x\nb: 2\nworkers: {}\n");
}

}  // namespace
}  // namespace bourse
