#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "apps/bourse/child_process.h"
#include "bourse/policy/check_decision.h"
#include "bourse/policy/parameters.h"
#include "bourse/policy/registry.h"

namespace bourse {

/// How the name of a policy in a process of its own begins: "exec:./my_policy.py --fast".
inline constexpr std::string_view kExecPrefix = "exec:";
[[nodiscard]] inline bool is_exec(std::string_view name) { return name.starts_with(kExecPrefix); }

/// Its parameters, and the help of `bourse policies exec`.
[[nodiscard]] const PolicyInfo& exec_info();

/// A policy in a process of its own, which speaks the protocol of docs/write-a-policy.md. The
/// process and all that it starts end with this object.
class ExecPolicy final : public ForeignPolicy {
 public:
  /// `name` begins with kExecPrefix; words are separated by spaces, no shell reads them.
  /// Errors: those of ChildProcess, of the settings and of check_hello.
  static Result<std::unique_ptr<ExecPolicy>> start(std::string_view name, const Settings& settings,
                                                   const Cluster& cluster,
                                                   const PolicyContext& context);
  ~ExecPolicy() override;

  Result<Decision> decide(const ClusterState& state, const Event& event) override;

 private:
  ExecPolicy(std::unique_ptr<ChildProcess> child, Seconds limit)
      : child_(std::move(child)), limit_(limit) {}

  std::unique_ptr<ChildProcess> child_;
  Seconds limit_;
};

/// Whether the settings of such a policy are right, without starting it.
[[nodiscard]] Result<Seconds> exec_time_limit(const Settings& settings);

}  // namespace bourse
