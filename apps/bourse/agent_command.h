#pragma once

#include <string>
#include <vector>

namespace bourse {

/// How this program starts an agent (LocalEngineOptions::agent_command): bourse-agent beside it,
/// which starts fastest, else itself as `bourse agent`.
[[nodiscard]] std::vector<std::string> agent_command();

}  // namespace bourse
