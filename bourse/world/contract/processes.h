#pragma once

#include <algorithm>
#include <csignal>

#include "bourse/world/contract/stage.h"
#include "bourse/world/contract/watched.h"

namespace bourse {

TEST_P(ProcessesContract, AProcessReturnsItsStatus) {
  ProcessOptions options = process({.code = 3});
  Watched watched(options);
  const auto id = world().processes.spawn(options);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_FALSE(watched.end);
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  EXPECT_EQ(*watched.end, (ExitStatus{.code = 3}));
  EXPECT_EQ(text_of(*watched.end), "exit status 3");
  EXPECT_FALSE(world().processes.is_alive(*id));
}

TEST_P(ProcessesContract, OutputsComeApartAndBeforeTheEnd) {
  ProcessOptions options =
      process({.output = "out\n" + std::string(1000, 'o'), .error_output = "error\n", .code = 1});
  Watched watched(options);
  ASSERT_TRUE(world().processes.spawn(options));
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  EXPECT_EQ(watched.output[OutputStream::standard_output], "out\n" + std::string(1000, 'o'));
  EXPECT_EQ(watched.output[OutputStream::standard_error], "error\n");
}

TEST_P(ProcessesContract, AnOutputFileGetsBothAndKeepsWhatItHad) {
  ASSERT_TRUE(world().files.write(path("log"), "before\n"));
  ProcessOptions options = process({.output = "out\n", .error_output = "error\n"});
  Watched watched(options);
  options.output_file = path("log");
  ASSERT_TRUE(world().processes.spawn(options));
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  EXPECT_EQ(world().files.read(path("log")).value(), "before\nout\nerror\n");
  EXPECT_TRUE(watched.output.empty());
}

TEST_P(ProcessesContract, AFifoIsReadAndGoesWithItsProcess) {
  ProcessOptions options = process({.fifo_output = "progress 1\n", .code = 4});
  options.environment.push_back("FIFO=" + path("fifo"));
  Watched watched(options);
  options.fifo = path("fifo");
  options.output_file = path("log");
  ASSERT_TRUE(world().processes.spawn(options));
  EXPECT_TRUE(world().files.exists(path("fifo")));
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  EXPECT_EQ(watched.output[OutputStream::fifo], "progress 1\n");
  EXPECT_EQ(watched.end->code, 4);
  EXPECT_FALSE(world().files.exists(path("fifo")));
}

TEST_P(ProcessesContract, AProgramThatIsNotThereIsNamed) {
  for (const char* const program : {"no-such-program-here", "/no/such/program"}) {
    const auto id = world().processes.spawn({.command = {program}, .environment = {"PATH=/bin"}});
    ASSERT_FALSE(id);
    EXPECT_EQ(id.error().code, ErrorCode::not_found);
    EXPECT_NE(id.error().message.find(program), std::string::npos) << id.error().message;
  }
  ProcessOptions options = process({});
  options.directory = path("none");
  const auto id = world().processes.spawn(options);
  ASSERT_FALSE(id);
  EXPECT_EQ(id.error().code, ErrorCode::not_found);
  EXPECT_NE(id.error().message.find(path("none")), std::string::npos) << id.error().message;
  EXPECT_EQ(world().processes.spawn({}).error().code, ErrorCode::invalid_argument);
}

TEST_P(ProcessesContract, ASignalEndsAProcess) {
  for (const int signal : {SIGTERM, SIGKILL, SIGINT}) {
    ProcessOptions options = process({.duration = kForever});
    Watched watched(options);
    const ProcessId id = world().processes.spawn(options).value();
    EXPECT_TRUE(world().processes.is_alive(id));
    world().processes.signal(id, signal);
    ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
    EXPECT_EQ(*watched.end, (ExitStatus{.signal = signal}));
    world().processes.signal(id, signal);  // nothing happens
  }
}

TEST_P(ProcessesContract, WhoIgnoresTheRequestIsKilled) {
  ProcessOptions options =
      process({.output = "ready", .duration = kForever, .ignores_terminate = true});
  Watched watched(options);
  const ProcessId id = world().processes.spawn(options).value();
  ASSERT_TRUE(run_until([&] { return !watched.output.empty(); }));
  world().processes.signal(id, SIGTERM);
  run_for(Seconds(0.05));
  EXPECT_TRUE(world().processes.is_alive(id));
  EXPECT_FALSE(watched.end);
  world().processes.signal(id, SIGKILL);
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  EXPECT_EQ(text_of(*watched.end), "killed by signal 9 (Killed)");
}

TEST_P(ProcessesContract, AnotherStartTimeIsAnotherProcess) {
  ProcessOptions options = process({.duration = kForever});
  Watched watched(options);
  const ProcessId id = world().processes.spawn(options).value();
  const ProcessId earlier{.pid = id.pid, .started = id.started - 1};
  EXPECT_FALSE(world().processes.is_alive(earlier));
  world().processes.signal(earlier, SIGKILL);
  EXPECT_TRUE(world().processes.descendants(earlier).empty());
  run_for(Seconds(0.02));
  EXPECT_TRUE(world().processes.is_alive(id));
  world().processes.signal(id, SIGKILL);
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
}

TEST_P(ProcessesContract, ATreeIsSeenLevelByLevel) {
  const ProcessScript leaf{.duration = kForever};
  const ProcessScript middle{.children = {leaf}, .duration = kForever};
  ProcessOptions options = process({.children = {middle, middle}, .duration = kForever});
  Watched watched(options);
  Processes& processes = world().processes;
  const ProcessId root = processes.spawn(options).value();
  const auto tree = [&] { return processes.descendants(root); };
  ASSERT_TRUE(run_until([&] { return tree().size() >= 4; }));
  const std::vector<ProcessId> all = tree();
  EXPECT_TRUE(std::ranges::find(all, root) == all.end());
  // Children of the root come first: what descends from the first comes later.
  for (const ProcessId below : processes.descendants(all[0]))
    EXPECT_GT(std::ranges::find(all, below), all.begin());
  for (const ProcessId id : all) processes.signal(id, SIGKILL);
  processes.signal(root, SIGKILL);
  EXPECT_TRUE(run_until([&] {
    return watched.end &&
           std::ranges::none_of(all, [&](ProcessId id) { return processes.is_alive(id); });
  }));
}

TEST_P(ProcessesContract, AVariableFindsATreeWhoseRootHasGone) {
  const std::string mark = "BOURSE_TEST_MARK=" + world().random.token();
  const ProcessScript child{.duration = kForever};
  ProcessOptions options = process({.children = {child, child}});
  options.environment.push_back(mark);
  Watched watched(options);
  Processes& processes = world().processes;
  ASSERT_TRUE(processes.spawn(options));
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  ASSERT_TRUE(run_until([&] { return processes.with_variable(mark).size() >= 2; }));
  EXPECT_TRUE(processes.with_variable(mark + "x").empty());
  EXPECT_TRUE(processes.with_variable(mark.substr(1)).empty());
  EXPECT_TRUE(run_until([&] {
    const std::vector<ProcessId> left = processes.with_variable(mark);
    for (const ProcessId id : left) processes.signal(id, SIGKILL);
    return left.empty();
  }));
}

TEST_P(ProcessesContract, ADetachedProcessIsFoundAndNotWaitedFor) {
  const std::string mark = "BOURSE_TEST_MARK=" + world().random.token();
  ProcessOptions options = process({.duration = kForever});
  options.environment.push_back(mark);
  options.is_detached = true;
  Watched watched(options);
  Processes& processes = world().processes;
  const auto id = processes.spawn(options);
  ASSERT_TRUE(id) << id.error().message;
  EXPECT_TRUE(processes.is_alive(*id));
  EXPECT_TRUE(processes.descendants(processes.self()).empty());
  EXPECT_TRUE(std::ranges::count(processes.with_variable(mark), *id) == 1);
  EXPECT_TRUE(run_until([&] {
    for (const ProcessId left : processes.with_variable(mark)) processes.signal(left, SIGKILL);
    return !processes.is_alive(*id);
  }));
  EXPECT_FALSE(watched.end);
}

TEST_P(ProcessesContract, ADetachedProcessCannotDieWithUs) {
  ProcessOptions options = process({});
  options.is_detached = true;
  options.dies_with_us = true;
  EXPECT_EQ(world().processes.spawn(options).error().code, ErrorCode::invalid_argument);
}

TEST_P(ProcessesContract, ChildrenWithTheOutputOpenDoNotDelayTheEnd) {
  const std::string mark = "BOURSE_TEST_MARK=" + world().random.token();
  ProcessOptions options =
      process({.output = "done", .children = {{.duration = kForever}}, .code = 2});
  options.environment.push_back(mark);
  Watched watched(options);
  Processes& processes = world().processes;
  ASSERT_TRUE(processes.spawn(options));
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  EXPECT_EQ(watched.end->code, 2);
  EXPECT_EQ(watched.output[OutputStream::standard_output], "done");
  EXPECT_TRUE(run_until([&] {
    const std::vector<ProcessId> left = processes.with_variable(mark);
    for (const ProcessId id : left) processes.signal(id, SIGKILL);
    return left.empty();
  }));
}

TEST_P(ProcessesContract, WeAreAliveAndSomebody) {
  EXPECT_GT(world().processes.self().pid, 0);
  EXPECT_TRUE(world().processes.is_alive(world().processes.self()));
}

TEST_P(ProcessesContract, OrphansBecomeOurChildrenAndAreWaitedFor) {
  Processes& processes = world().processes;
  processes.adopt_orphans();
  ProcessOptions options = process({.children = {{.duration = kForever}}});
  Watched watched(options);
  ASSERT_TRUE(processes.spawn(options));
  ASSERT_TRUE(run_until([&] { return watched.end.has_value(); }));
  const auto ours = [&] { return processes.descendants(processes.self()); };
  ASSERT_TRUE(run_until([&] { return !ours().empty(); }));
  EXPECT_TRUE(run_until([&] {
    for (const ProcessId id : ours()) processes.signal(id, SIGKILL);
    return ours().empty();
  }));
}

}  // namespace bourse
