#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fmt/core.h>

#include "tests/support/trace_files.h"

namespace bourse {
namespace {

constexpr std::string_view kHeader = "job_id,submit_s,duration_s,num_gpus,vc\n";

std::string with_header(std::string_view rows) { return std::string(kHeader) + std::string(rows); }

TEST(CanonicalTrace, BecomesRigidGangs) {
  const auto read = read_text(with_header("a,5,108,1,x\nb,600,74.5,8,\n"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->format, TraceFormat::canonical);
  EXPECT_EQ(read->rows_read, 2U);
  EXPECT_TRUE(read->skipped.empty());
  ASSERT_EQ(read->workload.jobs.size(), 2U);
  const JobSpec& a = read->workload.jobs[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.group, "x");
  EXPECT_EQ(a.arrival, Seconds(5));  // as given
  EXPECT_EQ(a.line, 2U);
  const JobSpec& b = read->workload.jobs[1];
  EXPECT_EQ(requested_duration(b), Seconds(74.5));
  EXPECT_EQ(b.requested_workers, 8);
  EXPECT_EQ(b.worker, ResourceVector{1000});
  EXPECT_TRUE(is_rigid(b.throughput));
  EXPECT_EQ(min_workers(b.throughput), 8);
  EXPECT_TRUE(validate(b));
  EXPECT_EQ(read->workload.types.find("gpu"), 0U);
}

TEST(CanonicalTrace, SkipsAndCountsRowsWithoutWork) {
  const auto read = read_text(with_header("a,0,0,1,x\nb,1,5,0,x\nc,2,5,1,x\nd,3,0,1,x\n"));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->rows_read, 4U);
  EXPECT_EQ(read->workload.jobs.size(), 1U);
  ASSERT_EQ(read->skipped.size(), 2U);
  EXPECT_EQ(read->skipped[0].reason, "duration is 0");
  EXPECT_EQ(read->skipped[0].count, 2U);
  EXPECT_EQ(read->skipped[0].first_example, "line 2: duration is 0");
  EXPECT_EQ(read->skipped[1].first_example, "line 3: it has no GPUs");
}

TEST(CanonicalTrace, NamesLineAndFieldOfEveryMistake) {
  const auto error = [](std::string_view rows) { return error_of(with_header(rows)); };
  EXPECT_EQ(error("a,9,1,1,x\nb,5,1,1,x\n"),
            "t:3: submit_s 5 is before the row above (9); sort the file by submit_s");
  EXPECT_EQ(error("a,0,1,1,x\na,5,1,1,x\n"),
            "t:3: field 'job_id': 'a' is also the job of line 2; give each job its own id");
  EXPECT_EQ(error("a,-1,1,1,x\n"),
            "t:2: field 'submit_s': '-1' is negative; it must be at least 0");
  EXPECT_EQ(error("a,0,-1,1,x\n"),
            "t:2: field 'duration_s': '-1' is negative; it must be at least 0");
  EXPECT_EQ(error("a,0,1,-1,x\n"),
            "t:2: field 'num_gpus': '-1' is negative; it must be at least 0");
  EXPECT_EQ(error("a,0,1e400,1,x\n"),
            "t:2: field 'duration_s': '1e400' is out of the range of a number");
  EXPECT_EQ(error("a,0,1e300,1,x\n"), "t:2: field 'duration_s': '1e300' is beyond 1e12 s");
  EXPECT_EQ(error("a,0,nan,1,x\n"), "t:2: field 'duration_s': 'nan' is not a finite number");
  EXPECT_EQ(error("a,0,inf,1,x\n"), "t:2: field 'duration_s': 'inf' is not a finite number");
  EXPECT_EQ(error("a,0,3s,1,x\n"), "t:2: field 'duration_s': '3s' is not a number");
  EXPECT_EQ(error("a,0,,1,x\n"), "t:2: field 'duration_s': is empty, but must be a number");
  EXPECT_EQ(error("a,0,1,2.5,x\n"), "t:2: field 'num_gpus': '2.5' is not a whole number");
  EXPECT_EQ(error("a,0,1,99999999999999999999,x\n"),
            "t:2: field 'num_gpus': '99999999999999999999' is beyond 1000000");
  EXPECT_EQ(error(",0,1,1,x\n"), "t:2: field 'job_id': is empty; give every job an id");
  EXPECT_EQ(error("a,0,1\n"), "t:2: field 'num_gpus' is missing: the row has 3 of 5 fields");
  EXPECT_EQ(error("a,0,1,1,x,y\n"), "t:2: the row has 6 fields, but there are 5 columns");
  EXPECT_EQ(error_of("job_id,submit_s,num_gpus\n"),
            "t:1: column 'duration_s' is missing; the header is 'job_id,submit_s,num_gpus'");
}

TEST(CanonicalTrace, NeedsAUsableJob) {
  EXPECT_EQ(error_of(kHeader), "t: the trace has no usable job (0 rows read)");
  EXPECT_EQ(error_of(with_header("a,0,0,1,x\n")),
            "t: the trace has no usable job (1 rows read; skipped 1 because duration is 0)");
}

TEST(ItpTrace, IsSortedAndStartsAtZero) {
  const auto read =
      read_text("job_id,submission_time,duration,num_gpu\nb,300,7,2\na,100,5,4\nc,300,9,1\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->format, TraceFormat::itp);
  EXPECT_EQ(read->out_of_order, 1U);
  ASSERT_EQ(read->workload.jobs.size(), 3U);
  EXPECT_EQ(read->workload.jobs[0].name, "a");
  EXPECT_EQ(read->workload.jobs[0].arrival, Seconds(0));
  EXPECT_EQ(read->workload.jobs[1].name, "b");  // before c: it stands above
  EXPECT_EQ(read->workload.jobs[1].arrival, Seconds(200));
  EXPECT_EQ(read->workload.jobs[1].line, 2U);
  EXPECT_EQ(error_of("job_id,submission_time,duration,num_gpu\na,0,-5,4\n"),
            "t:2: field 'duration': '-5' is negative; it must be at least 0");
}

TEST(ElasticflowTrace, HasDeadlinesRelativeToArrival) {
  for (const std::string_view header :
       {"job_id,submit_time,real_iteration,model_name,ddl,batch_size,num_gpu,real_duration,"
        "duration,iteration\n0,50,9,vgg16,771220,256,2,3,976570,9\n1,60,9,vgg16,10,256,2,3,5,9\n",
        "job_id,submission_time,num_iteration,model_name,deadline,batch_size,num_gpu,duration\n"
        "0,50,9,bert,771220,64,2,976570\n1,60,9,bert,60,64,4,5\n"}) {
    const auto read = read_text(header);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->format, TraceFormat::elasticflow);
    ASSERT_EQ(read->workload.jobs.size(), 1U);
    const JobSpec& job = read->workload.jobs[0];
    EXPECT_EQ(job.samples, 976570);
    EXPECT_EQ(std::get<DeadlineUtility>(job.utility).deadline, Seconds(771170));
    EXPECT_EQ(read->skipped.at(0).first_example,
              "line 3: the deadline is not after the submit time");
  }
}

TEST(TiresiasTrace, IsRead) {
  const auto read = read_text(
      "job_id,num_gpu,submit_time,iterations,model_name,duration,interval\n"
      "0,1,0,606,vgg19,164,30\n1,8,30,133,vgg11,147,23\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->format, TraceFormat::tiresias);
  EXPECT_EQ(read->workload.jobs[1].requested_workers, 8);
  EXPECT_EQ(read->workload.jobs[1].samples, 147);
}

constexpr std::string_view kHelios =
    "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,"
    "queue\n";

TEST(HeliosTrace, SkipsJobsWithoutGpusAndReadsDates) {
  const auto read = read_text(std::string(kHelios) +
                              "1,u1,vc1,0,4,1,COMPLETED,2020-04-01 00:00:00,,,9,0\n"
                              "2,u1,vc1,8,64,1,FAILED,2020-04-02 00:00:10,,,100,0\n"
                              "3,u1,vc2,1,4,1,COMPLETED,2020-04-02 00:00:00,,,50,0\n"
                              "4,u1,vc2,1,4,1,CANCELLED,2020-04-02 00:00:00,,,0,0\n"
                              "3,u1,vc2,1,4,1,COMPLETED,2020-04-02 00:00:00,,,50,0\n"
                              "5,u1,vc2,1,4,1,COMPLETED,2020-04-02 00:00:00,,,-7,0\n");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->format, TraceFormat::helios);
  ASSERT_EQ(read->workload.jobs.size(), 2U);
  EXPECT_EQ(read->workload.jobs[0].name, "3");
  EXPECT_EQ(read->workload.jobs[1].arrival, Seconds(10));
  EXPECT_EQ(read->workload.jobs[1].group, "vc1");
  ASSERT_EQ(read->skipped.size(), 4U);
  EXPECT_EQ(read->skipped[0].first_example, "line 2: it has no GPUs");
  EXPECT_EQ(read->skipped[1].first_example, "line 5: duration is 0");
  EXPECT_EQ(read->skipped[2].first_example, "line 6: a job of this id stands above");
  EXPECT_EQ(read->skipped[3].first_example, "line 7: duration is negative");
  EXPECT_EQ(read->assumptions.size(), 1U);
}

TEST(HeliosTrace, RejectsNonsense) {
  EXPECT_EQ(error_of(std::string(kHelios) + "1,u,v,2,4,1,X,2020-02-30 00:00:00,,,9,0\n"),
            "t:2: field 'submit_time': '2020-02-30 00:00:00' is not a time such as 2020-04-01 "
            "00:05:43");
  EXPECT_EQ(error_of(std::string(kHelios) + "1,u,v,two,4,1,X,5,,,9,0\n"),
            "t:2: field 'gpu_num': 'two' is not a number");
}

TEST(ReadTrace, SaysWhatItKnowsOfAFileThatItDoesNotKnow) {
  EXPECT_EQ(error_of(""), "t: is empty");
  EXPECT_EQ(error_of("\n\n"),
            "t:1: '' starts no format that is known (canonical, itp, "
            "elasticflow, tiresias, philly-json, helios, pai, swf, yaml); name "
            "the format if it is one of them");
  EXPECT_TRUE(error_of("a,b,c\n1,2,3\n").starts_with("t:1: 'a,b,c' starts no format"));
  EXPECT_EQ(error_of(std::string(3 << 20, 'x')),
            "t: line 1 is longer than 1 MiB; is this a text file?");
  EXPECT_EQ(parse_trace_format("helois").error().message,
            "unknown trace format 'helois'; did you mean 'helios'?");
  EXPECT_EQ(parse_trace_format("philly-json").value(), TraceFormat::philly_json);
}

TEST(ReadTrace, TakesTheFormatThatIsNamed) {
  EXPECT_EQ(error_of(with_header("a,0,1,1,x\n"), {.format = TraceFormat::itp}),
            "t:1: column 'submission_time' is missing; the header is "
            "'job_id,submit_s,duration_s,num_gpus,vc'");
}

TEST(WriteCanonical, RefusesWhatTheFormCannotHold) {
  auto read = read_text(with_header("a,5,108,1,x\n"));
  Workload& workload = read->workload;
  workload.jobs[0].worker[0] = 500;
  EXPECT_EQ(write_canonical(workload).error().message,
            "job 'a': canonical CSV cannot hold 0.5 GPUs, only whole ones");
  workload.jobs[0].group = "x,y";
  EXPECT_EQ(write_canonical(workload).error().message,
            "group 'x,y': canonical CSV cannot hold a comma, quote or line break");
}

RC_GTEST_PROP(WriteCanonical, IsReadBackTheSame, ()) {
  std::string text(kHeader);
  double submit = 0;
  const int count = *rc::gen::inRange(1, 20);
  for (int i = 0; i < count; ++i) {
    submit += *rc::gen::inRange(0, 1000) / 8.0;
    text += fmt::format("j{},{},{},{},g{}\n", i, submit, *rc::gen::inRange(1, 1 << 20) / 16.0,
                        *rc::gen::inRange(1, 64), *rc::gen::inRange(0, 3));
  }
  const auto read = read_text(text);
  RC_ASSERT(read.has_value());
  RC_ASSERT(write_canonical(read->workload).value() == text);
}

struct Slice {
  std::string_view file;
  std::size_t jobs;
  double mean_duration;  ///< Of all jobs, seconds; known from four independent simulators.
};

class SharedSlice : public testing::TestWithParam<Slice> {};

TEST_P(SharedSlice, HasTheKnownMeanDuration) {
  const std::string path = shared_trace(GetParam().file);
  if (path.empty()) GTEST_SKIP() << "../shared/traces is not there";
  const auto read = read_trace_file(path);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->workload.jobs.size(), GetParam().jobs);
  EXPECT_EQ(read->rows_read, GetParam().jobs);
  double sum = 0;
  for (const JobSpec& job : read->workload.jobs) sum += job.samples;
  if (GetParam().mean_duration == 0) return;
  EXPECT_NEAR(sum / static_cast<double>(GetParam().jobs), GetParam().mean_duration, 0.05);
}

INSTANTIATE_TEST_SUITE_P(All, SharedSlice,
                         testing::Values(Slice{"philly-1000.csv.gz", 1000, 8898.1},
                                         Slice{"philly-10000.csv.gz", 10000, 7124.6},
                                         Slice{"itp-6-clusters.csv.gz", 30075, 0},
                                         Slice{"elasticflow-philly-103959.csv", 876, 0},
                                         Slice{"tiresias-60-job.csv", 60, 0}));

}  // namespace
}  // namespace bourse
