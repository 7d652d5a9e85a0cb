#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bourse/world/contract/stage.h"
#include "bourse/world/real_world.h"

namespace bourse {

/// This machine, with a directory that goes with the stage.
class RealStage final : public Stage {
 public:
  RealStage() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bourse-XXXXXX").string();
    if (mkdtemp(pattern.data())) directory_ = pattern;
  }
  ~RealStage() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  RealStage(const RealStage&) = delete;
  RealStage& operator=(const RealStage&) = delete;

  World& world() override { return world_.world(); }
  std::string directory() override { return directory_; }
  std::vector<std::string> command(const ProcessScript& script) override {
    return shell_command(script);
  }

  bool run_until(const std::function<bool()>& holds) override {
    constexpr Seconds kLook{0.001};
    Clock& clock = world().clock;
    const Seconds deadline = clock.now() + Seconds(60);
    bool held = false;
    const std::function<void()> look = [&] {
      held = holds();
      if (held || clock.now() > deadline) return world_.stop();
      clock.call_in(kLook, look);
    };
    clock.call_in(Seconds(0), look);
    world_.run();
    return held;
  }

  [[nodiscard]] RealWorld& real_world() { return world_; }

 private:
  RealWorld world_;
  std::string directory_;
};

/// As StageMaker::make.
inline std::unique_ptr<Stage> make_real_stage() { return std::make_unique<RealStage>(); }

}  // namespace bourse
