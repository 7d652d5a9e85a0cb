#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "bourse/base/text.h"
#include "bourse/world/contract/real_stage.h"
#include "bourse/world/contract/watched.h"
#include "bourse/world/descriptor.h"

namespace bourse {
namespace {

using testing::HasSubstr;

class RealProcesses : public testing::Test {
 protected:
  /// Runs a shell script to its end; returns its standard output.
  std::string run(const std::string& script, ProcessOptions options = {}) {
    options.command = {"sh", "-c", script};
    if (options.environment.empty()) options.environment = {"PATH=/usr/bin:/bin"};
    Watched watched(options);
    const auto id = processes().spawn(std::move(options));
    EXPECT_TRUE(id) << id.error().message;
    EXPECT_TRUE(stage_.run_until([&] { return watched.end.has_value(); }));
    EXPECT_TRUE(watched.end->is_success()) << watched.output[OutputStream::standard_error];
    return watched.output[OutputStream::standard_output];
  }
  Processes& processes() { return stage_.world().processes; }
  std::string path(const std::string& name) { return stage_.directory() + "/" + name; }

  RealStage stage_;
};

TEST_F(RealProcesses, HaveTheEnvironmentGivenAndNothingElse) {
  EXPECT_EQ(run("/usr/bin/env | sort | grep -v '^_=\\|^PWD='",
                {.environment = {"A=1 2", "PATH=/x:/bin"}}),
            "A=1 2\nPATH=/x:/bin\n");
}

TEST_F(RealProcesses, InheritNothingButTheirThreeStreams) {
  const Descriptor kept(dup(STDERR_FILENO));  // without close-on-exec
  ASSERT_TRUE(kept.is_open());
  // The last is that of ls itself, which reads the directory.
  EXPECT_EQ(run("exec ls /proc/self/fd"), "0\n1\n2\n3\n");
  EXPECT_EQ(run("wc -c"), "0\n");
}

TEST_F(RealProcesses, LeadASessionOfTheirOwn) {
  EXPECT_EQ(run("[ $(ps -o sid= -p $$) = $$ ] && echo yes"), "yes\n");
}

TEST_F(RealProcesses, HaveNoSignalBlockedOrIgnored) {
  const auto pipe_before = signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const std::string status = run("exec grep -E 'SigBlk|SigIgn' /proc/self/status");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  signal(SIGPIPE, pipe_before);
  EXPECT_EQ(status, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(RealProcesses, StartWhereTheyAreTold) {
  EXPECT_EQ(run("pwd -P", {.directory = "/usr"}), "/usr\n");
}

TEST_F(RealProcesses, KeepToTheirProcessorsAndMemory) {
  cpu_set_t ours;
  ASSERT_EQ(sched_getaffinity(0, sizeof ours, &ours), 0);
  std::size_t last = 0;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &ours)) last = cpu;
  const std::string list =
      run("exec grep Cpus_allowed_list /proc/self/status", {.cpus = {static_cast<int>(last)}});
  EXPECT_EQ(list, "Cpus_allowed_list:\t" + std::to_string(last) + "\n");
  EXPECT_EQ(run("ulimit -d", {.memory_limit = 512ULL << 20}), "524288\n");
}

TEST_F(RealProcesses, SayWhyTheyCannotBeStarted) {
  ASSERT_TRUE(stage_.world().files.write(path("plain"), "echo hello\n"));
  const auto error_of = [&](ProcessOptions options) {
    if (options.command.empty()) options.command = {"/bin/true"};
    const auto id = processes().spawn(std::move(options));
    EXPECT_FALSE(id);
    return id ? Error{} : id.error();
  };
  Error error = error_of({.command = {path("plain")}});
  EXPECT_EQ(error.code, ErrorCode::failed_precondition);
  EXPECT_THAT(error.message, HasSubstr("it may not be executed"));
  chmod(path("plain").c_str(), 0700);
  error = error_of({.command = {path("plain")}});
  EXPECT_EQ(error.code, ErrorCode::failed_precondition);
  EXPECT_THAT(error.message, HasSubstr("script that begins with '#!'"));
  ASSERT_TRUE(stage_.world().files.write(path("plain"), "#!/no/such/interpreter\n"));
  chmod(path("plain").c_str(), 0700);
  EXPECT_EQ(error_of({.command = {path("plain")}}).code, ErrorCode::not_found);
  EXPECT_EQ(error_of({.directory = path("plain")}).code, ErrorCode::failed_precondition);
  EXPECT_EQ(error_of({.cpus = {-1}}).code, ErrorCode::invalid_argument);
  EXPECT_EQ(error_of({.cpus = {1023}}).code, ErrorCode::failed_precondition);
  EXPECT_THAT(error_of({.cgroup = path("no-cgroup")}).message, HasSubstr("no-cgroup"));
  EXPECT_EQ(error_of({.output_file = path("none/log")}).code, ErrorCode::not_found);
  EXPECT_EQ(error_of({.command = {"sh", std::string("a\0b", 3)}}).code,
            ErrorCode::invalid_argument);
}

TEST_F(RealProcesses, ANamedPipeThatACrashLeftIsReplacedAFileIsNot) {
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  run("[ -p $FIFO ]", {.environment = {"FIFO=" + path("fifo")}, .fifo = path("fifo")});
  ASSERT_TRUE(stage_.world().files.write(path("fifo"), "precious"));
  const auto id = processes().spawn({.command = {"/bin/true"}, .fifo = path("fifo")});
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::already_exists);
  EXPECT_EQ(stage_.world().files.read(path("fifo")).value(), "precious");
}

TEST_F(RealProcesses, ManyMayRunAtOnceAndWriteMuch) {
  constexpr int kCount = 50;
  constexpr std::size_t kSize = 200'000;
  int ended = 0;
  std::size_t size = 0;
  for (int i = 0; i < kCount; ++i) {
    const auto id = processes().spawn(
        {.command = {"head", "-c", std::to_string(kSize), "/dev/zero"},
         .environment = {"PATH=/usr/bin"},
         .on_output = [&](OutputStream, std::string_view bytes) { size += bytes.size(); },
         .on_exit = [&](ExitStatus status) { ended += status.is_success() ? 1 : 0; }});
    ASSERT_TRUE(id) << id.error().message;
  }
  EXPECT_TRUE(stage_.run_until([&] { return ended == kCount; }));
  EXPECT_EQ(size, kCount * kSize);
}

TEST_F(RealProcesses, AnEndThatSomebodyElseWaitedForIsStillHeardOf) {
  ProcessOptions options{.command = {"/bin/false"}};
  Watched watched(options);
  const ProcessId id = processes().spawn(std::move(options)).value();
  ASSERT_EQ(waitpid(id.pid, nullptr, 0), id.pid);
  EXPECT_TRUE(stage_.run_until([&] { return watched.end.has_value(); }));
  EXPECT_FALSE(watched.end->is_success());
}

/// Runs in a process of its own: starts one that shall die with it, says who it is, waits.
[[noreturn]] void start_and_wait(int said) {
  RealWorld world;
  const auto id = world.world().processes.spawn(
      {.command = {"sleep", "1000"}, .environment = {"PATH=/usr/bin:/bin"}, .dies_with_us = true});
  const ProcessId child = id ? *id : ProcessId{};
  if (write(said, &child, sizeof child) != sizeof child) _exit(1);
  world.run();
  _exit(0);
}

TEST_F(RealProcesses, TheOneThatDiesWithUsDies) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t parent = fork();
  if (parent == 0) start_and_wait(ends[1]);
  ProcessId child;
  ASSERT_EQ(read(ends[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  ASSERT_NE(child.pid, 0);
  EXPECT_TRUE(processes().is_alive(child));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_TRUE(stage_.run_until([&] { return !processes().is_alive(child); }));
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace bourse
