#include "bourse/engine/agent.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/base/units.h"

namespace bourse {
namespace {

constexpr double kBeatsPerLease = 5;
constexpr Seconds kLongestBeat{3};
constexpr int kNotStarted = 127;  ///< Status of a task that could not be started, as in a shell.

}  // namespace

Agent::Agent(World& world, Options options)
    : world_(world),
      options_(std::move(options)),
      outbox_(options_.launch.cell.id),
      heard_of_(world.clock.now()) {}

Agent::~Agent() {
  for (const TimerId timer : {beat_timer_, release_timer_, done_timer_, conclude_timer_})
    world_.clock.cancel(timer);
}

void Agent::start() {
  world_.processes.adopt_orphans();
  const CellSpec& cell = options_.launch.cell;
  link_.emplace(
      world_,
      AgentLink::Ends{.daemon = options_.launch.daemon, .cell = cell.id, .secret = cell.token},
      AgentLink::Listener{
          .on_connect = [this] { on_connect(); },
          .on_message = [this](const AgentMessage& message) { on_message(message); },
          .log = options_.log});
  link_->connect();
  beat();
}

void Agent::on_connect() {
  const CellSpec& cell = options_.launch.cell;
  link_->send(AgentHello{.cell = cell.id,
                         .token = is_said_in_plain(cell.token) ? cell.token : std::string(),
                         .agent = world_.processes.self(),
                         .phase = phase_,
                         .last_event = outbox_.last_number()});
  last_sent_ = 0;
  send_events();
  beat();
}

void Agent::on_message(const AgentMessage& message) {
  std::visit([this](const auto& m) { handle(m); }, message);
}

void Agent::handle(const AgentHello&) {}      // The daemon says none.
void Agent::handle(const AgentKnock&) {}      // Nor this.
void Agent::handle(const CellEvent&) {}       // Nor this.
void Agent::handle(const AgentChallenge&) {}  // It is for our link.

void Agent::handle(const AgentGo&) {
  if (phase_ == CellPhase::starting) start_tasks();
}

void Agent::handle(const AgentEnd& end) { leave(end.reason); }

void Agent::handle(const AgentStop& stop) {
  const Seconds grace = stop.is_urgent ? Seconds(0) : stop.grace;
  if (conclusion_) draw_conclusion();  // it ended before
  if (phase_ == CellPhase::starting || phase_ == CellPhase::running)
    end_tasks(CellEnd::stopped, "", grace);
  else if (phase_ == CellPhase::stopping)
    tree_end_->ask(grace);
}

void Agent::handle(const AgentAcknowledge& acknowledge) {
  outbox_.acknowledge(acknowledge.number);
  send_events();
  if (phase_ == CellPhase::ended && outbox_.unacknowledged().empty()) done();
}

void Agent::handle(const AgentHeartbeat& heartbeat) {
  heard_of_ = std::clamp(heartbeat.sent, heard_of_, world_.clock.now());
}

void Agent::start_tasks() {
  phase_ = CellPhase::running;
  const CellSpec& cell = options_.launch.cell;
  for (const TaskSpec& task : cell.tasks) {
    tasks_.push_back(std::make_unique<Task>(
        world_, cell, task,
        Task::Listener{.on_progress =
                           [this, &task](const ProgressReport& progress) {
                             outbox_.add_progress(task.name(), progress, world_.clock.now(),
                                                  world_.clock.unix_time());
                             send_events();
                           },
                       .on_end =
                           [this, &task](ExitStatus status, std::string message) {
                             on_task_end(task, status, std::move(message));
                           }}));
    const Result<void> started = tasks_.back()->start(options_.launch.confinement);
    if (!started)
      return on_task_end(task, {.code = kNotStarted},
                         fmt::format("{}: {}", task.name(), started.error().message));
  }
  tell({.kind = CellEventKind::started});
  if (tasks_.empty()) end_tasks(CellEnd::completed, "", Seconds(0));
}

void Agent::on_task_end(const TaskSpec& task, ExitStatus status, std::string message) {
  tell({.kind = CellEventKind::task_ended,
        .task = task.name(),
        .status = status,
        .message = message});
  if (phase_ == CellPhase::stopping) {
    if (!is_any_running()) tree_end_->look();
    finish_if_over();
  } else if (!status.is_success()) {
    conclude(CellEnd::failed, std::move(message));
  } else if (!is_any_running()) {
    conclude(CellEnd::completed, "");
  }
}

/// The first one counts.
void Agent::conclude(CellEnd end, std::string message) {
  if (conclusion_) return;
  conclusion_.emplace(end, std::move(message));
  if (options_.second_thought <= Seconds(0)) return draw_conclusion();
  conclude_timer_ = world_.clock.call_in(options_.second_thought, [this] { draw_conclusion(); });
}

void Agent::draw_conclusion() {
  if (phase_ != CellPhase::running) return;
  end_tasks(conclusion_->first, conclusion_->second, options_.launch.cell.grace);
}

bool Agent::is_any_running() const {
  return std::ranges::any_of(tasks_, [](const auto& task) { return task->is_running(); });
}

void Agent::end_tasks(CellEnd end, std::string message, Seconds grace) {
  phase_ = CellPhase::stopping;
  end_ = end;
  end_message_ = std::move(message);
  tree_end_.emplace(
      world_, [this] { return world_.processes.descendants(world_.processes.self()); },
      [this] {
        is_tree_gone_ = true;
        finish_if_over();
      });
  tree_end_->ask(grace);
}

/// A process that has ended is no descendant any more, but may not have been told of yet.
void Agent::finish_if_over() {
  if (!is_tree_gone_ || is_any_running() || phase_ == CellPhase::ended) return;
  phase_ = CellPhase::ended;
  const std::size_t left = tree_end_->most_found();
  if (end_ == CellEnd::completed && left > 0)
    end_message_ = fmt::format(
        "the tasks returned 0 but left {} {} behind, which {} ended; a task must not go to the "
        "background",
        left, left == 1 ? "process" : "processes", left == 1 ? "was" : "were");
  tell({.kind = CellEventKind::ended, .end = end_, .message = end_message_});
  if (is_lease_over_ || is_fenced_) done();
}

void Agent::tell(CellEvent event) {
  event.unix_time = world_.clock.unix_time();
  if (event.message.size() > kMaxAgentText) event.message.resize(kMaxAgentText);
  outbox_.add(std::move(event));
  send_events();
}

void Agent::send_events() {
  const Seconds now = world_.clock.now();
  outbox_.release(now);
  for (const CellEvent& event : outbox_.unacknowledged()) {
    if (!link_->is_clear()) break;
    if (event.number <= last_sent_) continue;
    link_->send(event);
    last_sent_ = event.number;
  }
  world_.clock.cancel(std::exchange(release_timer_, 0));
  if (const Seconds next = outbox_.next_release(); next < kForever)
    release_timer_ = world_.clock.call_at(next, [this] {
      release_timer_ = 0;
      send_events();
    });
}

/// Comes several times a lease, and when the lease is over.
void Agent::beat() {
  world_.clock.cancel(beat_timer_);
  const Seconds now = world_.clock.now();
  const Seconds lease = options_.launch.cell.lease;
  const bool is_active = phase_ == CellPhase::starting || phase_ == CellPhase::running;
  if (options_.warden.pid != 0 && is_active && !world_.processes.is_alive(options_.warden))
    end_tasks(CellEnd::lost, "the process that watches over its agent was killed", Seconds(0));
  if (now >= heard_of_ + lease) return on_lease_over();
  if (link_->is_clear()) {
    link_->send(AgentHeartbeat{now});
    send_events();
  }
  const Seconds pause = std::min(lease / kBeatsPerLease, kLongestBeat);
  beat_timer_ = world_.clock.call_at(std::min(now + pause, heard_of_ + lease), [this] { beat(); });
}

/// The daemon takes the cell for lost now, and may have its tasks run elsewhere.
void Agent::on_lease_over() {
  is_lease_over_ = true;
  std::string message =
      fmt::format("the daemon was not reached for {}", to_text(options_.launch.cell.lease));
  options_.log(message);
  if (phase_ == CellPhase::ended)
    done();
  else if (phase_ == CellPhase::stopping)
    tree_end_->kill();
  else
    end_tasks(CellEnd::lost, std::move(message), Seconds(0));
}

void Agent::terminate() {
  if (phase_ == CellPhase::starting || phase_ == CellPhase::running)
    end_tasks(CellEnd::lost, "its agent was told to end by a signal", options_.launch.cell.grace);
}

void Agent::leave(std::string_view reason) {
  options_.log(fmt::format("told to leave: {}", quotable(reason, kMaxAgentText)));
  is_fenced_ = true;
  if (phase_ == CellPhase::ended)
    done();
  else if (phase_ == CellPhase::stopping)
    tree_end_->kill();
  else
    end_tasks(CellEnd::stopped, "", Seconds(0));
}

void Agent::done() {
  if (done_timer_ != 0) return;
  const std::deque<CellEvent>& left = outbox_.unacknowledged();
  if (!left.empty() && !is_fenced_) {
    const std::string path = left_events_path(options_.launch.cell.directory);
    const auto written = world_.files.write(path, left_events_text({left.begin(), left.end()}));
    if (!written) options_.log(written.error().message);
  }
  world_.clock.cancel(std::exchange(beat_timer_, 0));
  // Later, as we are called from deep within ourselves.
  done_timer_ = world_.clock.call_in(Seconds(0), options_.on_done);
}

}  // namespace bourse
