#include "apps/bourse/exec_policy.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "bourse/base/text.h"
#include "bourse/protocol/exec_protocol.h"

namespace bourse {
namespace {

tl::unexpected<Error> failed(std::string_view name, const Error& error) {
  return fail(error.code, fmt::format("policy '{}': {}", quotable(name), error.message));
}

}  // namespace

const PolicyInfo& exec_info() {
  static const PolicyInfo info{
      "exec",
      "a policy of your own, in any language: --policy exec:PROGRAM",
      "docs/write-a-policy.md",
      "everything that is declared of a job",
      {{"time-limit", "10s", "a duration above 0", "longest time that one answer may take"}},
      nullptr};
  return info;
}

Result<Seconds> exec_time_limit(const Settings& settings) {
  const SettingsReader reader("exec", exec_info().parameters, settings);
  BOURSE_TRY_VOID(reader.check_names());
  BOURSE_TRY(const Seconds limit, reader.seconds("time-limit"));
  if (limit <= Seconds(0)) return invalid("setting 'exec.time-limit': must be above 0");
  return limit;
}

Result<std::unique_ptr<ExecPolicy>> ExecPolicy::start(std::string_view name,
                                                      const Settings& settings,
                                                      const Cluster& cluster,
                                                      const PolicyContext& context) {
  BOURSE_TRY(const Seconds limit, exec_time_limit(settings));
  std::vector<std::string> words;
  for (const std::string_view word : split(name.substr(kExecPrefix.size()), ' '))
    if (!word.empty()) words.emplace_back(word);
  if (words.empty()) return invalid("policy 'exec:' names no program, such as exec:./my_policy.py");
  Result<std::unique_ptr<ChildProcess>> child = ChildProcess::start(words);
  if (!child) return failed(name, child.error());
  const Result<std::string> hello =
      (*child)->exchange(hello_line(cluster, context, BOURSE_VERSION), limit, kMaxAnswerBytes);
  if (!hello) return failed(name, hello.error());
  if (const auto checked = check_hello(*hello); !checked) return failed(name, checked.error());
  return std::unique_ptr<ExecPolicy>(new ExecPolicy(*std::move(child), limit));
}

ExecPolicy::~ExecPolicy() { child_->tell(end_line()); }

Result<Decision> ExecPolicy::decide(const ClusterState& state, const Event& event) {
  BOURSE_TRY(const std::string answer,
             child_->exchange(event_line(state, event), limit_, kMaxAnswerBytes));
  return parse_decision(answer);
}

}  // namespace bourse
