#include "apps/bourse/worker_forks.h"

#include <fmt/format.h>

#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/train/fork_server.h"
#include "bourse/base/check.h"

namespace bourse {
namespace {

constexpr int kFailed = 1;

}  // namespace

WorkerForks::WorkerForks(World& world, Options options)
    : world_(world), options_(std::move(options)) {}

WorkerForks::~WorkerForks() {
  if (server_) world_.processes.signal(*server_, SIGKILL);
}

Result<void> WorkerForks::start(const std::string& task,
                                const std::vector<std::string>& variables) {
  if (!server_) BOURSE_TRY_VOID(start_server());
  const bool is_new = workers_.emplace(task, Worker{}).second;
  BOURSE_CHECK(is_new);
  const std::string order =
      nlohmann::json({{"task", task}, {"environment", variables}}).dump() + "\n";
  if (connection_)
    connection_->send(order);
  else
    orders_ += order;
  return {};
}

Result<void> WorkerForks::start_server() {
  // Another socket each time: one that is dead may still have connected to the last.
  const std::string socket = fmt::format("{}-{}", options_.socket, ++servers_);
  BOURSE_TRY(listener_, world_.network.listen({"unix:" + socket},
                                              [this](std::unique_ptr<Connection> connection) {
                                                on_accept(std::move(connection));
                                              }));
  ProcessOptions process{.command = options_.command,
                         .environment = options_.environment,
                         .fifo = options_.fifo,
                         .dies_with_us = true,
                         .on_output = options_.on_output};
  process.environment.push_back(fmt::format("{}={}", kForksVariable, socket));
  process.on_exit = [this](ExitStatus status) { on_server_end(status); };
  BOURSE_TRY(server_, world_.processes.spawn(std::move(process)));
  return {};
}

void WorkerForks::on_accept(std::unique_ptr<Connection> connection) {
  if (connection_) return;
  connection_ = std::move(connection);
  connection_->on_data([this](std::string_view bytes) { on_data(bytes); });
  connection_->on_close([](const Error&) {});  // Its end is told by the system.
  connection_->send(std::exchange(orders_, ""));
}

void WorkerForks::on_data(std::string_view bytes) {
  rest_ += bytes;
  for (std::size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n')) {
    const std::string line = rest_.substr(0, end);
    rest_.erase(0, end + 1);
    hear(line);
  }
}

void WorkerForks::hear(std::string_view line) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return;
  const auto entry = workers_.find(json.value("task", ""));
  if (entry == workers_.end()) return;
  if (json.contains("pid")) {
    const ProcessId process{.pid = json.value("pid", 0), .started = json.value("started", 0ULL)};
    entry->second.process = process;
    if (entry->second.signal != 0) world_.processes.signal(process, entry->second.signal);
    return;
  }
  const std::string task = entry->first;
  workers_.erase(entry);
  options_.on_end(task, {.code = json.value("code", kFailed), .signal = json.value("signal", 0)});
}

void WorkerForks::on_server_end(ExitStatus status) {
  server_.reset();
  connection_.reset();
  listener_.reset();
  orders_.clear();
  rest_.clear();
  if (status.is_success()) status.code = kFailed;
  // Taken out first: what is called may start others.
  for (const auto& [task, worker] : std::exchange(workers_, {})) options_.on_end(task, status);
  if (on_done_) std::exchange(on_done_, nullptr)();
}

void WorkerForks::signal(const std::string& task, int signal) {
  const auto entry = workers_.find(task);
  if (entry == workers_.end()) return;
  Worker& worker = entry->second;
  if (worker.process) return world_.processes.signal(*worker.process, signal);
  worker.signal = signal;
  // Whoever loads forever is not waited for.
  if (signal == SIGKILL && server_) world_.processes.signal(*server_, SIGKILL);
}

void WorkerForks::finish(std::function<void()> on_done) {
  if (!server_) return on_done();
  on_done_ = std::move(on_done);
  if (connection_)
    connection_.reset();
  else
    world_.processes.signal(*server_, SIGKILL);
}

}  // namespace bourse
