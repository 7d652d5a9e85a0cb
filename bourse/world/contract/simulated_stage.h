#pragma once

#include <memory>

#include "bourse/base/check.h"
#include "bourse/world/contract/stage.h"
#include "bourse/world/simulated_world.h"

namespace bourse {

/// A simulated machine.
class SimulatedStage final : public Stage {
 public:
  SimulatedStage() { BOURSE_CHECK(world().files.make_directories(directory()).has_value()); }

  World& world() override { return host_.world(); }
  bool run_until(const std::function<bool()>& holds) override {
    return world_.run_until(holds, Seconds(60));
  }
  std::string directory() override { return "/test"; }
  std::vector<std::string> command(const ProcessScript& script) override {
    return world_.add_script(script);
  }

 private:
  SimulatedWorld world_{{.piece_max = 16384}};
  SimulatedHost& host_ = world_.add_host("here");
};

/// As StageMaker::make.
inline std::unique_ptr<Stage> make_simulated_stage() { return std::make_unique<SimulatedStage>(); }

}  // namespace bourse
