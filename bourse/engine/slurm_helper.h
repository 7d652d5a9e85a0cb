#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/engine/alive.h"
#include "bourse/engine/slurm_text.h"
#include "bourse/world/world.h"

namespace bourse {

/// What its requests and answers are like; a helper of another one is not asked.
inline constexpr std::uint64_t kSlurmHelperProtocol = 2;

struct SlurmHelperOptions {
  std::string program;  ///< Path of bourse-slurm-helper.
  std::string socket;   ///< Where we wait for it: a path that no other daemon uses.
  std::string host;     ///< Where slurmctld reaches this machine.
  std::vector<std::string> environment;  ///< "NAME=value", all of it.
  Seconds deadline{20};                  ///< It is killed if an answer takes longer.
  Seconds first_pause{60};               ///< Until it is tried again; doubles up to an hour.
  std::function<void(std::string_view sentence)> log = [](std::string_view) {};
};

/// The separate program that asks Slurm through libslurm, whose licence keeps it out of ours. We
/// start it and talk lines of JSON with it over a unix socket; apps/slurm_helper/README.md lists
/// them. When it ends, hangs or says what is no answer, that is logged in one sentence, and it is
/// tried again later; what it was asked then has no answer.
class SlurmHelper {
 public:
  struct Listener {
    std::function<void()> on_nodes;  ///< Some node can be used, or cannot any more.
    std::function<void(std::uint64_t job)> on_ended;  ///< A job that it submitted.
  };

  SlurmHelper(World& world, SlurmHelperOptions options, Listener listener);
  ~SlurmHelper();
  SlurmHelper(const SlurmHelper&) = delete;
  SlurmHelper& operator=(const SlurmHelper&) = delete;

  /// It has said who it is, and can be asked.
  [[nodiscard]] bool is_ready() const { return is_ready_; }
  /// What it said; null: it was lost before it could.
  using Done = std::function<void(const nlohmann::json* answer)>;
  /// Asks it; `request` is a JSON object. Calls back once. Requires is_ready().
  void ask(std::string_view request, Done done);

 private:
  struct Question {
    Done done;
    TimerId deadline = 0;
  };

  void start();
  void on_data(std::string_view bytes);
  // Errors: it said what is none of its lines.
  [[nodiscard]] Result<void> hear(std::string_view line);
  /// It is not used any more, for a while.
  void lose(const std::string& why);

  World& world_;
  SlurmHelperOptions options_;
  Listener listener_;
  std::unique_ptr<bourse::Listener> door_;
  std::unique_ptr<Connection> connection_;
  std::optional<ProcessId> process_;
  std::string heard_;   ///< The beginning of a line.
  std::string errors_;  ///< What it wrote to its standard error, the end of it.
  std::map<std::uint64_t, Question> questions_;
  std::uint64_t last_number_ = 0;
  std::uint64_t life_ = 0;  ///< Callbacks of earlier ones are not heard.
  bool is_ready_ = false;
  Seconds pause_;
  TimerId timer_ = 0;  ///< Until it is tried again, or has to have said who it is.
  Alive alive_;
};

// Requests; that of a submission is with the submission.
[[nodiscard]] std::string cancel_request(const std::vector<std::uint64_t>& jobs);
[[nodiscard]] std::string complete_request(std::uint64_t job);
/// Jobs of this user that have not ended.
[[nodiscard]] std::string jobs_request();
/// Jobs with these names, ended or not.
[[nodiscard]] std::string jobs_request(const std::vector<std::string>& names);
[[nodiscard]] std::string extend_request(std::uint64_t job, std::int64_t minutes);

// Answers as values. Errors: what Slurm said, as slurm_error(); data_corrupted.
[[nodiscard]] Result<std::uint64_t> helper_submission(const nlohmann::json& answer);
[[nodiscard]] Result<std::vector<SlurmJob>> helper_jobs(const nlohmann::json& answer);
/// Nothing, as there is nothing to say.
[[nodiscard]] Result<std::string> helper_done(const nlohmann::json& answer);

}  // namespace bourse
