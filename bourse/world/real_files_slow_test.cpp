#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "bourse/world/contract/real_stage.h"

namespace bourse {
namespace {

mode_t mode_of(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
}

TEST(RealFiles, AreForTheirOwnerAlone) {
  RealStage stage;
  Files& files = stage.world().files;
  const std::string top = stage.directory() + "/top";
  ASSERT_TRUE(files.make_directories(top + "/sub"));
  ASSERT_TRUE(files.write(top + "/written", ""));
  ASSERT_TRUE(files.append(top + "/appended", ""));
  ASSERT_TRUE(files.lock(top + "/locked"));
  EXPECT_EQ(mode_of(top), 0700U);
  EXPECT_EQ(mode_of(top + "/sub"), 0700U);
  for (const char* const name : {"/written", "/appended", "/locked"})
    EXPECT_EQ(mode_of(top + name), 0600U) << name;
}

TEST(RealFiles, ALockIsGivenBackWhenItsProcessIsKilled) {
  RealStage stage;
  Files& files = stage.world().files;
  const std::string path = stage.directory() + "/lock";
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t other = fork();
  if (other == 0) {
    const auto lock = files.lock(path);
    (void)!write(ends[1], "x", 1);
    while (true) pause();
  }
  char ready = 0;
  ASSERT_EQ(read(ends[0], &ready, 1), 1);
  EXPECT_EQ(files.lock(path).error().code, ErrorCode::failed_precondition);
  kill(other, SIGKILL);
  waitpid(other, nullptr, 0);
  EXPECT_TRUE(files.lock(path));
  close(ends[0]);
  close(ends[1]);
}

/// In a process of its own, where files may have 100 bytes at most: 0 if all is as it should be.
int write_too_much(Files& files, const std::string& path) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{100, 100};
  setrlimit(RLIMIT_FSIZE, &limit);
  const auto written = files.write(path, std::string(200, 'x'));
  if (written || written.error().code != ErrorCode::resource_exhausted) return 1;
  if (files.read(path).value() != "old") return 2;
  if (files.list(path.substr(0, path.rfind('/'))).value().size() != 1) return 3;
  return files.append(path, std::string(200, 'x')).error().code == ErrorCode::resource_exhausted
             ? 0
             : 4;
}

TEST(RealFiles, AWriteThatFailsLeavesTheOldFileAndNoOther) {
  RealStage stage;
  Files& files = stage.world().files;
  const std::string path = stage.directory() + "/x";
  ASSERT_TRUE(files.write(path, "old"));
  const pid_t other = fork();
  if (other == 0) _exit(write_too_much(files, path));
  int status = 0;
  ASSERT_EQ(waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace bourse
