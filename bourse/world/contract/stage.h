#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bourse/world/process_script.h"
#include "bourse/world/world.h"

namespace bourse {

/// A world that the tests of the contract play on: the real one or a simulated one.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual World& world() = 0;
  /// Lets the world go on until it holds. False if it does not within a minute of its clock.
  virtual bool run_until(const std::function<bool()>& holds) = 0;
  /// An empty directory, without "/" at the end.
  virtual std::string directory() = 0;
  /// A command that does this.
  virtual std::vector<std::string> command(const ProcessScript& script) = 0;
};

/// How to make a world, and its name in those of the tests.
struct StageMaker {
  const char* name;
  std::unique_ptr<Stage> (*make)();
};

/// Tests that hold in every world. The files of this folder define them; a test program includes
/// them and instantiates them with its worlds.
class Contract : public testing::TestWithParam<StageMaker> {
 protected:
  [[nodiscard]] World& world() const { return stage_->world(); }
  [[nodiscard]] std::string path(const std::string& name) const {
    return stage_->directory() + "/" + name;
  }
  [[nodiscard]] bool run_until(const std::function<bool()>& holds) const {
    return stage_->run_until(holds);
  }
  /// Lets everything happen that is due.
  void run_for(Seconds time) const {
    const Seconds end = world().clock.now() + time;
    (void)run_until([&] { return world().clock.now() >= end; });
  }
  /// A process of this script; more options can be set before it is spawned.
  [[nodiscard]] ProcessOptions process(const ProcessScript& script) const {
    return {.command = stage_->command(script), .environment = {"PATH=/usr/bin:/bin"}};
  }

 private:
  std::unique_ptr<Stage> stage_ = GetParam().make();
};

/// One an interface.
class ClockContract : public Contract {};
class FilesContract : public Contract {};
class NetworkContract : public Contract {};
class ProcessesContract : public Contract {};

/// For INSTANTIATE_TEST_SUITE_P.
inline std::string name_of_stage(const testing::TestParamInfo<StageMaker>& info) {
  return info.param.name;
}

}  // namespace bourse
