#include "bourse/engine/slurm_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bourse/engine/slurm_site.h"
#include "bourse/world/simulated_world.h"

namespace bourse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kHello =
    "{\"hello\":\"bourse-slurm-helper\",\"protocol\":2,\"slurm\":\"22.05.8\"}\n";

/// A helper as a program of the simulation: says what it is told to, and keeps what it hears.
class FakeHelper : public std::enable_shared_from_this<FakeHelper> {
 public:
  using Hear = std::function<void(FakeHelper&, std::string_view)>;
  FakeHelper(SimulatedProcess& process, std::string first, Hear hear)
      : process_(process), first_(std::move(first)), hear_(std::move(hear)) {}

  void connect() {
    const std::vector<std::string>& command = process_.options().command;
    EXPECT_EQ(command[1], "--socket");
    process_.world().network.connect(
        {"unix:" + command[2]}, [self = shared_from_this()](auto connection) {
          ASSERT_TRUE(connection.has_value());
          self->connection_ = *std::move(connection);
          self->connection_->on_data(
              [helper = self.get()](std::string_view bytes) { helper->take(bytes); });
          self->connection_->send(self->first_);
        });
  }
  void say(std::string_view line) { connection_->send(line); }
  void die() { process_.exit(1); }

 private:
  /// Requests come in pieces of any size.
  void take(std::string_view bytes) {
    heard_ += bytes;
    if (heard_.ends_with('\n')) hear_(*this, std::exchange(heard_, {}));
  }

  SimulatedProcess& process_;
  std::string first_;
  Hear hear_;
  std::string heard_;
  std::unique_ptr<Connection> connection_;
};

class SlurmCommandsTest : public ::testing::Test {
 protected:
  SlurmCommandsTest() {
    command_says("sbatch", "77\n");
    command_says("squeue", "5|RUNNING|None|n1|50:00|by-command\n");
  }

  void command_says(const std::string& name, const std::string& output) {
    world_.add_program(name, [this, name, output](SimulatedProcess& process) {
      commands_run_.push_back(name);
      process.write(OutputStream::standard_output, output);
      process.exit(0);
      return nullptr;
    });
  }

  /// From now on the helper is one that begins so and answers so.
  void helper_is(const std::string& first, const FakeHelper::Hear& hear) {
    world_.add_program("helper", [this, first, hear](SimulatedProcess& process) {
      ++helpers_;
      auto helper =
          std::make_shared<FakeHelper>(process, first, [this, hear](auto& it, auto bytes) {
            asked_ += bytes;
            hear(it, bytes);
          });
      helper->connect();
      return helper;
    });
  }

  /// Starts to use it, and gives it time to say who it is.
  void use_helper() {
    commands_.use_helper({.program = "helper",
                          .socket = "/helper.socket",
                          .host = "login",
                          .environment = {},
                          .log = [this](std::string_view line) { log_.emplace_back(line); }},
                         {.on_nodes = [this] { ++nodes_pushed_; },
                          .on_ended = [this](std::uint64_t job) { ended_.push_back(job); }});
    world_.run_for(Seconds(1));
  }

  Result<std::uint64_t> submit() {
    Result<std::uint64_t> got = fail(ErrorCode::internal, "no answer");
    commands_.submit({.name = "bourse-k-1-1-0",
                      .node = "n7",
                      .cpus = 2,
                      .gres = {{"gpu", 3}},
                      .time_limit = Seconds(90),
                      .output_file = "/state/100%",
                      .command = {"/bin/agent", "--cell", "it's"},
                      .environment = {"BOURSE_CELL=1-1-0"}},
                     [&](auto answer) { got = std::move(answer); });
    world_.run_for(Seconds(30));
    return got;
  }
  std::vector<SlurmJob> jobs() {
    std::vector<SlurmJob> got;
    commands_.live_jobs([&](auto answer) {
      ASSERT_TRUE(answer.has_value());
      got = *std::move(answer);
    });
    world_.run_for(Seconds(30));
    return got;
  }

  SimulatedWorld world_;
  SimulatedHost& host_ = world_.add_host("login");
  int helpers_ = 0;  ///< Started.
  int nodes_pushed_ = 0;
  std::vector<std::uint64_t> ended_;
  std::string asked_;  ///< What helpers have heard.
  std::vector<std::string> commands_run_;
  std::vector<std::string> log_;
  SlurmCommands commands_{host_.world(), {.environment = {"PATH=/bin"}}};
};

TEST_F(SlurmCommandsTest, AsksTheHelperOnceItHasSaidWhoItIs) {
  helper_is(kHello, [](FakeHelper& it, std::string_view) { it.say("{\"id\":1,\"job\":12}\n"); });
  use_helper();
  EXPECT_EQ(submit().value(), 12);
  EXPECT_THAT(commands_run_, IsEmpty());
  EXPECT_THAT(log_, ElementsAre("bourse-slurm-helper asks Slurm 22.05.8 for us"));
  // A time limit in whole minutes, a '%' that is none of Slurm's, a quote within quotes.
  for (const char* const part :
       {"\"id\":1", "\"do\":\"submit\"", "\"node\":\"n7\"", "\"cpus\":2", "\"gres\":{\"gpu\":3}",
        "\"minutes\":2", "\"output\":\"/state/100%%\"", "'it'\\\\''s'",
        "\"environment\":[\"PATH=/bin\",\"BOURSE_CELL=1-1-0\"]"})
    EXPECT_THAT(asked_, HasSubstr(part));
}

TEST_F(SlurmCommandsTest, ReadsJobsOfTheHelper) {
  helper_is(kHello, [](FakeHelper& it, std::string_view) {
    it.say(
        "{\"id\":1,\"jobs\":[{\"id\":5,\"state\":\"RUNNING\",\"reason\":\"None\",\"node\":\"n1\","
        "\"left\":90,\"name\":\"a\"},{\"id\":6,\"state\":\"PENDING\",\"reason\":\"Resources\","
        "\"node\":\"\",\"left\":null,\"name\":\"b\"}]}\n");
  });
  use_helper();
  const std::vector<SlurmJob> got = jobs();
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_EQ(got[0].left, Seconds(90));
  EXPECT_EQ(got[1].reason, "Resources");
  EXPECT_FALSE(got[1].left.has_value());
}

TEST_F(SlurmCommandsTest, TellsWhatSlurmRefused) {
  helper_is(kHello, [](FakeHelper& it, std::string_view) {
    it.say("{\"id\":1,\"error\":\"Invalid node name specified\"}\n");
  });
  use_helper();
  const auto answer = submit();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(answer.error().message, "Slurm said: Invalid node name specified");
}

TEST_F(SlurmCommandsTest, HandsOnWhatTheHelperPushes) {
  helper_is(std::string(kHello) + "{\"event\":\"nodes\"}\n{\"event\":\"job\",\"job\":9}\n",
            [](FakeHelper&, std::string_view) {});
  use_helper();
  EXPECT_EQ(nodes_pushed_, 1);
  EXPECT_THAT(ended_, ElementsAre(9));
}

// What is asked can be asked again by a command; whether a job was submitted is not known.
TEST_F(SlurmCommandsTest, GoesOnByCommandsWhenTheHelperDies) {
  helper_is(kHello, [](FakeHelper& it, std::string_view) { it.die(); });
  use_helper();
  const std::vector<SlurmJob> got = jobs();
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_EQ(got[0].name, "by-command");
  EXPECT_EQ(submit().value(), 77);
  EXPECT_THAT(commands_run_, ElementsAre("squeue", "sbatch"));
  ASSERT_THAT(log_, SizeIs(2));
  EXPECT_THAT(log_[1], HasSubstr("Slurm is asked by its commands for 60s, as bourse-slurm-helper"));
}

TEST_F(SlurmCommandsTest, DoesNotSubmitTwiceWhenTheHelperDies) {
  helper_is(kHello, [](FakeHelper& it, std::string_view) { it.die(); });
  use_helper();
  const auto answer = submit();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::deadline_exceeded);
  EXPECT_EQ(answer.error().message, "bourse-slurm-helper was lost before it answered");
  EXPECT_THAT(commands_run_, IsEmpty());
}

TEST_F(SlurmCommandsTest, DoesNotListenToGarbage) {
  for (const std::string garbage : {"Segmentation fault\n", "{\"id\":99,\"job\":1}\n", "{}\n"}) {
    helper_is(kHello, [&](FakeHelper& it, std::string_view) { it.say(garbage); });
    log_.clear();
    use_helper();
    EXPECT_THAT(jobs(), SizeIs(1)) << garbage;
    ASSERT_THAT(log_, SizeIs(2)) << garbage;
    EXPECT_THAT(log_[1], HasSubstr("which is no answer")) << garbage;
  }
}

TEST_F(SlurmCommandsTest, DoesNotWaitForAHelperThatSaysNothing) {
  helper_is(kHello, [](FakeHelper&, std::string_view) {});
  use_helper();
  EXPECT_THAT(jobs(), SizeIs(1));
  ASSERT_THAT(log_, SizeIs(2));
  EXPECT_THAT(log_[1], HasSubstr("it did not answer within 20s"));
}

TEST_F(SlurmCommandsTest, DoesNotUseAHelperOfAnotherProtocol) {
  helper_is("{\"hello\":\"bourse-slurm-helper\",\"protocol\":3,\"slurm\":\"30.05\"}\n",
            [](FakeHelper&, std::string_view) {});
  use_helper();
  ASSERT_THAT(log_, SizeIs(1));
  EXPECT_THAT(log_[0], HasSubstr("its protocol is 3, ours is 2"));
  EXPECT_EQ(submit().value(), 77);
}

TEST_F(SlurmCommandsTest, FindsTheNodesOfAShare) {
  command_says("sinfo",
               "n1|idle|0/16/0/16|65536|0|gpu:4|gpu:0|rack1,ib|n1|none|\n"
               "n2|idle|0/16/0/16|65536|0|gpu:4|gpu:0|(null)|n2|none|\n"
               "n3|idle|0/16/0/16|65536|0|gpu:4|gpu:0|rack1|n3|none|\n");
  const auto names = [this](const SlurmShare& share) {
    std::string text;
    discover_nodes(commands_, share, [&](const Result<std::vector<SlurmNode>>& nodes) {
      if (!nodes) text = nodes.error().message;
      for (const SlurmNode& node : nodes ? *nodes : std::vector<SlurmNode>{}) text += node.name;
    });
    world_.run_for(Seconds(1));
    return text;
  };
  EXPECT_EQ(names({}), "n1n2n3");
  EXPECT_EQ(names({.features = {"rack1"}}), "n1n3");
  EXPECT_EQ(names({.features = {"rack1"}, .of_nodes = 0.5}), "n1");
  EXPECT_EQ(names({.features = {"rack1", "ib"}}), "n1");
  EXPECT_EQ(names({.features = {"rack2"}}), "Slurm lists no nodes with rack2");
}

// A hung command is killed, and the next one has its place.
TEST_F(SlurmCommandsTest, KillsACommandThatDoesNotAnswer) {
  world_.add_program("sbatch", [this](SimulatedProcess&) {
    commands_run_.emplace_back("sbatch");
    return nullptr;
  });
  const auto answer = submit();
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::deadline_exceeded);
  EXPECT_EQ(answer.error().message, "sbatch did not answer within 20s");
  EXPECT_THAT(jobs(), SizeIs(1));
}

// What only the helper can do is not done by a command, and is not done twice.
TEST_F(SlurmCommandsTest, CompletesAJobByTheHelperAlone) {
  const auto complete = [this] {
    Result<std::string> got = fail(ErrorCode::internal, "no answer");
    commands_.complete(12, [&](auto answer) { got = std::move(answer); });
    world_.run_for(Seconds(30));
    return got;
  };
  EXPECT_EQ(complete().error().message, "bourse-slurm-helper is not there");
  helper_is(kHello, [](FakeHelper& it, std::string_view) { it.say("{\"id\":1}\n"); });
  use_helper();
  EXPECT_TRUE(commands_.has_helper());
  EXPECT_TRUE(complete().has_value());
  EXPECT_THAT(asked_, AllOf(HasSubstr("\"do\":\"complete\""), HasSubstr("\"job\":12")));
  EXPECT_THAT(commands_run_, IsEmpty());
}

// After 60 s, then after 120 s; as long as it works, from 60 s anew.
TEST_F(SlurmCommandsTest, TriesTheHelperAgainEverLessOften) {
  helper_is("what?\n", [](FakeHelper&, std::string_view) {});
  use_helper();
  EXPECT_EQ(helpers_, 1);
  world_.run_for(Seconds(60));
  EXPECT_EQ(helpers_, 2);
  world_.run_for(Seconds(110));
  EXPECT_EQ(helpers_, 2);
  helper_is(kHello, [](FakeHelper& it, std::string_view) { it.say("{\"id\":1,\"job\":12}\n"); });
  world_.run_for(Seconds(11));
  EXPECT_EQ(submit().value(), 12);
}

TEST_F(SlurmCommandsTest, DoesWithoutAHelperThatIsNotThere) {
  use_helper();
  ASSERT_THAT(log_, SizeIs(1));
  EXPECT_EQ(submit().value(), 77);
}

}  // namespace
}  // namespace bourse
