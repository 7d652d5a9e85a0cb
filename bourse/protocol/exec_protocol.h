#pragma once

#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/model/cluster.h"
#include "bourse/policy/policy.h"
#include "bourse/policy/registry.h"
#include "bourse/policy/state.h"

// What bourse and a policy in a process of its own say to each other: one JSON object a line.
// docs/write-a-policy.md describes every field.
namespace bourse {

/// Version of the protocol. It grows when a field changes its meaning or goes.
inline constexpr int kExecProtocol = 1;

/// Longest answer that is read, bytes.
inline constexpr std::size_t kMaxAnswerBytes = std::size_t{1} << 26;

/// The first line to the policy: protocol, version of bourse, seed, slot, horizon, resources and
/// machines.
[[nodiscard]] std::string hello_line(const Cluster& cluster, const PolicyContext& context,
                                     std::string_view version);

/// What happened and how things stand; the whole job with an arrival.
[[nodiscard]] std::string event_line(const ClusterState& state, const Event& event);

/// The last line to the policy.
[[nodiscard]] std::string end_line();

/// Whether the first line from the policy says that it speaks our protocol.
/// Errors: invalid_argument if it does not; says which protocol would be right.
[[nodiscard]] Result<void> check_hello(std::string_view line);

/// Reads an answer. Only its form is checked; whether the state can take it, check_decision says.
/// Groups are sorted by machine. Errors: invalid_argument, naming the field.
[[nodiscard]] Result<Decision> parse_decision(std::string_view line);

}  // namespace bourse
