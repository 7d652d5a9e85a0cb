#include <gtest/gtest.h>

#include "bourse/trace/readers.h"
#include "tests/support/trace_files.h"

namespace bourse {
namespace {

/// One Philly job with one attempt of two machines, three GPUs in all, for 100 s.
std::string philly_job(std::string_view id, std::string_view submitted) {
  return std::string(R"({"status": "Pass", "vc": "v1", "jobid": ")") + std::string(id) +
         R"(", "attempts": [{"start_time": "2017-10-09 07:02:00", "end_time": "2017-10-09 07:03:40",
"detail": [{"ip": "m1", "gpus": ["gpu0", "gpu1"]}, {"ip": "m2", "gpus": ["gpu7"]}]}],
"submitted_time": ")" +
         std::string(submitted) + R"(", "user": "u"})";
}

TEST(PhillyJson, SumsAttemptsAndCountsGpusOverMachines) {
  const auto read = read_text("[" + philly_job("b", "2017-10-09 07:01:55") + ",\n" +
                              philly_job("a", "2017-10-08 07:01:55") + "]");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->format, TraceFormat::philly_json);
  EXPECT_EQ(read->out_of_order, 1U);
  ASSERT_EQ(read->workload.jobs.size(), 2U);
  const JobSpec& b = read->workload.jobs[1];
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.group, "v1");
  EXPECT_EQ(b.arrival, Seconds(86400));
  EXPECT_EQ(b.samples, 100);
  EXPECT_EQ(b.requested_workers, 3);
  EXPECT_EQ(b.line, 1U);
  EXPECT_EQ(read->workload.jobs[0].line, 4U);
}

TEST(PhillyJson, SkipsWhatNeverRan) {
  const auto read = read_text(
      R"([{"jobid": "a", "vc": "v", "attempts": [], "submitted_time": "2017-10-09 07:01:55"},
{"jobid": "b", "attempts": [{"start_time": "2017-10-09 07:02:00", "end_time": null, "detail": []}],
 "submitted_time": "2017-10-09 07:01:55"},
{"jobid": "c", "attempts": [], "submitted_time": "None"},
{"jobid": "d", "attempts": [{"start_time": "2017-10-09 07:02:00", "end_time": "2017-10-09 07:02:09",
 "detail": []}], "submitted_time": "2017-10-09 07:01:55"},
{"jobid": "e", "attempts": [{"start_time": "2017-10-09 07:02:00", "end_time": "2016-10-09 07:02:09",
 "detail": []}], "submitted_time": "2017-10-09 07:01:55"},)" +
      philly_job("f", "2017-10-09 07:01:55") + "]");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->rows_read, 6U);
  EXPECT_EQ(read->workload.jobs.size(), 1U);
  ASSERT_EQ(read->skipped.size(), 5U);
  EXPECT_EQ(read->skipped[0].first_example, "line 1: it has no attempts");
  EXPECT_EQ(read->skipped[1].first_example, "line 2: an attempt has no start or end time");
  EXPECT_EQ(read->skipped[2].first_example, "line 4: the submit time is unknown");
  EXPECT_EQ(read->skipped[3].first_example, "line 5: it has no GPUs");
  EXPECT_EQ(read->skipped[4].first_example, "line 7: an attempt ends before it starts");
}

TEST(PhillyJson, RejectsNonsense) {
  const TraceOptions philly{.format = TraceFormat::philly_json};
  EXPECT_EQ(error_of("[{\"jobid\": \"a\"}]"), "t:1: field 'submitted_time' is missing");
  EXPECT_EQ(error_of("[{\n\"vc\": \"a\"}]"), "t:2: field 'jobid' is missing");
  EXPECT_EQ(error_of("[{\"jobid\": 7}]"), "t:1: field 'jobid': is a number, but must be text");
  EXPECT_EQ(error_of("[{\"jobid\": \"a\", \"submitted_time\": \"soon\"}]"),
            "t:1: field 'submitted_time': 'soon' is not a time such as 2017-10-09 07:01:55");
  EXPECT_EQ(error_of("[7]"), "t:1: a job must be an object");
  EXPECT_EQ(error_of("[[]]"), "t:1: a job must be an object");
  EXPECT_EQ(error_of("{}", philly), "t:1: the file must be a list of jobs, '[{...}, ...]'");
  EXPECT_EQ(error_of("[{\"jobid\""), "t:1: the JSON text ends early; the file is cut off");
  EXPECT_EQ(error_of("[{]"), "t:1: this is not JSON near '[{]'");
  EXPECT_EQ(error_of("[]"), "t: the trace has no usable job (0 rows read)");
  EXPECT_EQ(error_of("[{\"a\":" + std::string(100, '[')),
            "t:1: lists are nested more than 64 deep");
}

TEST(PhillyJson, StopsAtAWordLongerThanOneMebibyte) {
  EXPECT_EQ(error_of("[{\"" + std::string(5 << 18, 'x') + "\": 1}]"),
            "t:1: a word is longer than 1 MiB; is this a Philly job log?");
}

constexpr std::string_view kPaiHeader =
    "job_name,task_name,inst_num,status,start_time,end_time,plan_cpu,plan_mem,plan_gpu,gpu_type\n";
constexpr std::string_view kPaiRows =
    "j1,ps,2,Terminated,100.0,190.0,200.0,10.0,,\n"
    "j1,worker,4.0,Terminated,110.0,200.0,600.0,29.296875,25.0,T4\n"
    "j2,worker,1,Failed,90,95,600.0,29.0,200.0,V100\n"
    "j3,worker,1,Running,90,,600.0,29.0,200.0,V100\n"
    "j4,worker,1,Terminated,90,99,600.0,29.0,,CPU\n";

TEST(PaiTrace, JoinsTheTasksOfAJobIntoAGang) {
  for (const std::string_view header : {kPaiHeader, std::string_view()}) {
    const auto read = read_text(std::string(header) + std::string(kPaiRows));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->format, TraceFormat::pai);
    EXPECT_EQ(read->rows_read, 5U);
    ASSERT_EQ(read->workload.jobs.size(), 2U);
    EXPECT_EQ(read->workload.jobs[0].name, "j2");
    const JobSpec& j1 = read->workload.jobs[1];
    EXPECT_EQ(j1.arrival, Seconds(10));
    EXPECT_EQ(j1.samples, 100);  // from 100 to 200
    EXPECT_EQ(j1.requested_workers, 4);
    EXPECT_EQ(j1.requested_servers, 2);
    // A quarter GPU, 6 cores, 29.296875e9 / 2^20 = 27939.6775 MiB.
    EXPECT_EQ(j1.worker, (ResourceVector{250, 6000, 27939678}));
    EXPECT_EQ(j1.server, (ResourceVector{0, 2000, 9536744}));
    EXPECT_TRUE(validate(j1)) << validate(j1).error().message;
    ASSERT_EQ(read->skipped.size(), 2U);
    EXPECT_EQ(read->skipped[0].reason, "it has no end time");
    EXPECT_EQ(read->skipped[1].reason, "it has no GPUs");
    EXPECT_EQ(read->assumptions.size(), 3U);
  }
}

TEST(PaiTrace, KeepsOnlyGpusIfAsked) {
  const auto read = read_text(kPaiRows, {.gpus_only = true});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->workload.types.size(), 1U);
  EXPECT_EQ(read->workload.jobs[1].worker, ResourceVector{250});
  EXPECT_EQ(read->workload.jobs[1].requested_servers, 0);
}

TEST(PaiTrace, RejectsNonsense) {
  EXPECT_EQ(error_of("j1,i1,u1,Terminated,1,2\n"),
            "t: this looks like pai_job_table, which states no GPUs; give pai_task_table.csv");
  EXPECT_EQ(error_of("j1,worker,1,Failed,9,95,lots,29.0,200.0,V100\n"),
            "t:1: field 'plan_cpu': 'lots' is not a number");
  EXPECT_EQ(error_of("j1,worker,1,Failed,9,95,1e30,29.0,200.0,V100\n"),
            "t:1: field 'plan_cpu': '1e30' is beyond 1e6");
}

constexpr std::string_view kSwf =
    "; Version: 2.2\n"
    "1 0 3 100 8 -1 -1 8 200 -1 1 3 4 -1 1 -1 -1 -1\n"
    "2 5 3 50 -1 -1 -1 16 200 -1 0 3 -1 -1 1 -1 -1 -1\n"
    "3 6 3 -1 8 -1 -1 8 200 -1 1 3 4 -1 1 -1 -1 -1\n"
    "4 6 3 9 -1 -1 -1 -1 200 -1 1 3 4 -1 1 -1 -1 -1\n";

TEST(SwfTrace, TakesProcessorsAsGpus) {
  const auto read = read_text(kSwf);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->format, TraceFormat::swf);
  EXPECT_EQ(read->rows_read, 4U);
  ASSERT_EQ(read->workload.jobs.size(), 2U);
  EXPECT_EQ(read->workload.jobs[0].requested_workers, 8);
  EXPECT_EQ(read->workload.jobs[0].group, "4");
  EXPECT_EQ(read->workload.jobs[1].requested_workers, 16);
  EXPECT_EQ(read->workload.jobs[1].group, "");
  EXPECT_EQ(read->skipped[0].first_example, "line 4: the run time is unknown");
  EXPECT_EQ(read->skipped[1].first_example, "line 5: the number of processors is unknown");
  EXPECT_EQ(read->assumptions[0], "each processor counts as a GPU");
}

TEST(SwfTrace, RejectsNonsense) {
  EXPECT_EQ(error_of("; SWF\n1 2 3\n"), "t:2: the row has 3 fields, but the format has 18");
  EXPECT_EQ(error_of("; SWF\n1 0 3 1x0 8 -1 -1 8 200 -1 1 3 4 -1 1 -1 -1 -1\n"),
            "t:2: field 'run time': '1x0' is not a number");
  EXPECT_EQ(error_of("; SWF\n1 0 3 100 1e7 -1 -1 8 200 -1 1 3 4 -1 1 -1 -1 -1\n"),
            "t:2: field 'allocated processors': '1e7' is beyond 1000000");
}

TEST(ParseDateTime, ReadsCivilTimes) {
  EXPECT_EQ(parse_date_time("1970-01-02 00:00:01"), 86401);
  EXPECT_EQ(parse_date_time("2017-10-09T07:01:55Z"), 1507532515);
  EXPECT_EQ(parse_date_time("2017-10-09 07:01:55 PDT"), 1507532515);
  for (const std::string_view text : {"", "2017", "2017-13-01 00:00:00", "2017-02-29 00:00:00",
                                      "2017-10-09 24:00:00", "2017-10-09 07:01:5", "x"})
    EXPECT_FALSE(parse_date_time(text)) << text;
}

}  // namespace
}  // namespace bourse
