#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "bourse/base/error.h"

namespace bourse::training {

/// Who leads a ring that is resized in place, and what a task is in it.
struct RingLead {
  std::string leader;      ///< Task of rank 0.
  std::string address;     ///< Where it listens, as Address::text.
  bool is_listed = false;  ///< The task is a member.
  std::size_t rank = 0;    ///< Of the task.
};

/// What is in the file of $BOURSE_MEMBERS (docs/job-file.md); an empty object if there is none, or
/// something else in it.
[[nodiscard]] nlohmann::json read_members(const std::string& members_file);

/// What $BOURSE_MEMBERS says to this task; nothing if there is no such file, or
/// no worker of rank 0 in it.
[[nodiscard]] std::optional<RingLead> read_lead(const std::string& members_file,
                                                const std::string& task);

/// The address of this machine that "tcp:HOST:PORT" is reached from. Errors: unavailable.
[[nodiscard]] Result<std::string> local_host_towards(const std::string& address);

}  // namespace bourse::training
