#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/slurm_text.h"

namespace bourse {

/// What is known of a site before bourse runs there.
struct SlurmFacts {
  using Fields = std::map<std::string, std::string, std::less<>>;
  Fields config;     ///< Of `scontrol show config`.
  Fields partition;  ///< Of `scontrol -o show partition`, the one to use.
  std::vector<SlurmNode> nodes;
  std::string user;          ///< Who will run the daemon.
  bool is_operator = false;  ///< That user may change jobs beyond what users may.
  Seconds time_limit{3600};  ///< Of cells.
  std::string helper;        ///< Path of bourse-slurm-helper; empty: it is not used.
  std::string helper_said;   ///< To --version, or why it does not run.
};

/// What a check found.
struct SlurmFinding {
  enum class Weight : std::uint8_t { fine, note, problem };
  Weight weight = Weight::fine;
  std::string text;    ///< One sentence.
  std::string advice;  ///< What to change, and why; empty if it is fine.
};

/// "Key = value" a line, as `scontrol show config` prints it.
[[nodiscard]] SlurmFacts::Fields parse_slurm_config(std::string_view text);

/// Checks a site, the most basic first.
[[nodiscard]] std::vector<SlurmFinding> examine(const SlurmFacts& facts);

}  // namespace bourse
