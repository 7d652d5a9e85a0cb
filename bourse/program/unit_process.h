#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bourse/program/program_graph.h"
#include "bourse/program/run_options.h"

namespace bourse::program {

/// What a process is told that is started for a unit of a program. It travels in the environment.
struct UnitOrder {
  std::string program;
  std::uint32_t launch = 0;  ///< Which launch() of a program of that name, from 0.
  std::uint32_t unit = 0;
  std::uint32_t incarnation = 0;
  std::uint64_t fingerprint = 0;  ///< Of the program as the launcher has built it.
  std::string token;
  std::string control;  ///< Where the launcher is reached.
  std::string listen;   ///< Where to listen.
};

/// "NAME=value" for each part.
[[nodiscard]] std::vector<std::string> environment_of(const UnitOrder& order);

/// The order that this process was started with; none in a process of another kind. The variables
/// are gone afterwards, so that children of the process have none.
[[nodiscard]] const std::optional<UnitOrder>& order_of_this_process();

/// Runs the nodes of a unit until the program stops; then ends the process.
[[noreturn]] void run_unit(std::shared_ptr<ProgramGraph> graph, const RunOptions& options,
                           const UnitOrder& order);

}  // namespace bourse::program
