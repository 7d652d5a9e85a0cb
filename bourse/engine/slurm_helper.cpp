#include "bourse/engine/slurm_helper.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"
#include "bourse/engine/json_fields.h"

namespace bourse {
namespace {

constexpr Seconds kLongestHelperPause{3600};
constexpr std::size_t kLongestLine = std::size_t{64} << 20;
constexpr std::size_t kErrorsKept = 2000;
constexpr std::size_t kShownOfLine = 120;
constexpr std::uint64_t kLargestJob = 0xffffffff;

/// Errors: what Slurm refused.
Result<void> check(const nlohmann::json& answer) {
  if (!answer.contains("error")) return {};
  BOURSE_TRY(const std::string said, text_field(answer, "error"));
  return tl::unexpected<Error>(slurm_error("Slurm", said));
}

Result<SlurmJob> job_of(const nlohmann::json& json) {
  SlurmJob job;
  if (!json.is_object()) return fail(ErrorCode::data_corrupted, "a job of the helper is no object");
  BOURSE_TRY(job.id, whole_field(json, "id", kLargestJob));
  BOURSE_TRY(job.state, text_field(json, "state"));
  BOURSE_TRY(job.reason, text_field(json, "reason"));
  BOURSE_TRY(job.node, text_field(json, "node"));
  BOURSE_TRY(job.name, text_field(json, "name"));
  if (const auto left = json.find("left"); left != json.end() && !left->is_null()) {
    BOURSE_TRY(const double seconds, number_field(json, "left", 0));
    job.left = Seconds(seconds);
  }
  return job;
}

}  // namespace

SlurmHelper::SlurmHelper(World& world, SlurmHelperOptions options, Listener listener)
    : world_(world),
      options_(std::move(options)),
      listener_(std::move(listener)),
      pause_(options_.first_pause) {
  start();
}

SlurmHelper::~SlurmHelper() {
  world_.clock.cancel(timer_);
  for (const auto& [number, question] : questions_) world_.clock.cancel(question.deadline);
  if (process_) world_.processes.signal(*process_, SIGKILL);
}

void SlurmHelper::start() {
  const std::uint64_t life = ++life_;
  // The socket is ours alone (mode 0600), and the first that comes is it.
  auto door = world_.network.listen(
      {"unix:" + options_.socket},
      alive_.guard([this, life](std::unique_ptr<Connection> connection) {
        if (life != life_ || connection_ != nullptr) return;
        connection_ = std::move(connection);
        connection_->on_data([this](std::string_view bytes) { on_data(bytes); });
        connection_->on_close([this](const Error&) { lose("it hung up"); });
      }));
  if (!door) return lose(door.error().message);
  door_ = *std::move(door);
  const auto process = world_.processes.spawn(
      {.command = {options_.program, "--socket", options_.socket, "--host", options_.host},
       .environment = options_.environment,
       .dies_with_us = true,
       .on_output = alive_.guard([this, life](OutputStream, std::string_view bytes) {
         if (life != life_) return;
         errors_ += bytes;
         if (errors_.size() > kErrorsKept) errors_.erase(0, errors_.size() - kErrorsKept);
       }),
       .on_exit = alive_.guard([this, life](ExitStatus status) {
         if (life != life_) return;
         process_.reset();
         const std::string_view said = trim(errors_);
         lose(said.empty() ? "it ended: " + text_of(status)
                           : fmt::format("it ended: {}", quotable(said.substr(said.rfind('\n') + 1),
                                                                  kShownOfLine)));
       })});
  if (!process) return lose(process.error().message);
  process_ = *process;
  timer_ = world_.clock.call_in(options_.deadline, [this] {
    timer_ = 0;
    lose(fmt::format("it did not say who it is within {}s", options_.deadline.value));
  });
}

void SlurmHelper::ask(std::string_view request, Done done) {
  BOURSE_CHECK(is_ready_ && request.size() > 2 && request.front() == '{');
  const std::uint64_t number = ++last_number_;
  const TimerId deadline = world_.clock.call_in(options_.deadline, [this] {
    lose(fmt::format("it did not answer within {}s", options_.deadline.value));
  });
  questions_.emplace(number, Question{.done = std::move(done), .deadline = deadline});
  connection_->send(fmt::format("{{\"id\":{},{}\n", number, request.substr(1)));
}

void SlurmHelper::on_data(std::string_view bytes) {
  const auto mark = alive_.mark();
  const std::uint64_t life = life_;
  heard_ += bytes;
  std::size_t from = 0;
  for (std::size_t end = 0; (end = heard_.find('\n', from)) != std::string::npos; from = end + 1) {
    const std::string line = heard_.substr(from, end - from);
    const auto heard = hear(line);
    if (mark.expired() || life != life_) return;
    if (!heard)
      return lose(fmt::format("it said '{}', which is no answer: {}", quotable(line, kShownOfLine),
                              heard.error().message));
  }
  heard_.erase(0, from);
  if (heard_.size() > kLongestLine) lose("it said a line without an end");
}

Result<void> SlurmHelper::hear(std::string_view line) {
  BOURSE_TRY(const nlohmann::json json, parse_object(line));
  if (!is_ready_) {
    BOURSE_TRY(const std::string name, text_field(json, "hello"));
    BOURSE_TRY(const std::uint64_t protocol, whole_field(json, "protocol"));
    BOURSE_TRY(const std::string version, text_field(json, "slurm"));
    if (protocol != kSlurmHelperProtocol)
      return invalid(fmt::format("its protocol is {}, ours is {}", protocol, kSlurmHelperProtocol));
    is_ready_ = true;
    world_.clock.cancel(std::exchange(timer_, 0));
    options_.log(fmt::format("{} asks Slurm {} for us", quotable(name), quotable(version)));
    return {};
  }
  if (json.contains("event")) {
    BOURSE_TRY(const std::string event, text_field(json, "event"));
    if (event == "nodes") {
      listener_.on_nodes();
      return {};
    }
    BOURSE_TRY(const std::uint64_t job, whole_field(json, "job", kLargestJob));
    listener_.on_ended(job);
    return {};
  }
  BOURSE_TRY(const std::uint64_t number, whole_field(json, "id"));
  const auto entry = questions_.find(number);
  if (entry == questions_.end()) return invalid(fmt::format("nobody asked {}", number));
  const Question question = std::move(entry->second);
  questions_.erase(entry);
  world_.clock.cancel(question.deadline);
  pause_ = options_.first_pause;  // It works.
  question.done(&json);
  return {};
}

void SlurmHelper::lose(const std::string& why) {
  ++life_;
  is_ready_ = false;
  connection_.reset();
  door_.reset();
  heard_.clear();
  errors_.clear();
  if (process_) world_.processes.signal(*std::exchange(process_, std::nullopt), SIGKILL);
  options_.log(
      fmt::format("Slurm is asked by its commands for {}s, as bourse-slurm-helper is of "
                  "no use: {}",
                  pause_.value, why));
  world_.clock.cancel(timer_);
  timer_ = world_.clock.call_in(pause_, [this] {
    timer_ = 0;
    start();
  });
  pause_ = std::min(pause_ * 2.0, kLongestHelperPause);
  const auto mark = alive_.mark();
  for (const auto& [number, question] : std::exchange(questions_, {})) {
    if (mark.expired()) return;
    world_.clock.cancel(question.deadline);
    question.done(nullptr);
  }
}

std::string cancel_request(const std::vector<std::uint64_t>& jobs) {
  return json_text({{"do", "cancel"}, {"jobs", jobs}});
}

std::string complete_request(std::uint64_t job) {
  return json_text({{"do", "complete"}, {"job", job}});
}

std::string jobs_request() { return json_text({{"do", "jobs"}}); }

std::string jobs_request(const std::vector<std::string>& names) {
  return json_text({{"do", "jobs"}, {"names", names}});
}

std::string extend_request(std::uint64_t job, std::int64_t minutes) {
  return json_text({{"do", "extend"}, {"job", job}, {"minutes", minutes}});
}

Result<std::uint64_t> helper_submission(const nlohmann::json& answer) {
  BOURSE_TRY_VOID(check(answer));
  return whole_field(answer, "job", kLargestJob);
}

Result<std::vector<SlurmJob>> helper_jobs(const nlohmann::json& answer) {
  BOURSE_TRY_VOID(check(answer));
  BOURSE_TRY(const nlohmann::json* const list, list_field(answer, "jobs"));
  std::vector<SlurmJob> jobs;
  for (const nlohmann::json& entry : *list) {
    BOURSE_TRY(SlurmJob job, job_of(entry));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

Result<std::string> helper_done(const nlohmann::json& answer) {
  BOURSE_TRY_VOID(check(answer));
  return std::string();
}

}  // namespace bourse
