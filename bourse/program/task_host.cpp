#include "bourse/program/task_host.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "bourse/program/control.h"
#include "bourse/program/endpoint.h"
#include "bourse/program/runtime.h"
#include "bourse/program/stop_signals.h"
#include "bourse/program/unit_launcher.h"
#include "bourse/world/address.h"
#include "bourse/world/real_world.h"

namespace bourse::program {
namespace {

/// The launcher is asked so often whether it lives, and given so long to answer.
constexpr Nanoseconds kBeat = std::chrono::milliseconds(300);
constexpr Nanoseconds kDeskPatience = std::chrono::seconds(10);

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "bourse: {}\n", why);
  std::fflush(nullptr);
  std::_Exit(EXIT_FAILURE);  // our processes die with us
}

template <class T>
T value_or_give_up(Result<T> result) {
  if (!result) give_up(result.error().message);
  return *std::move(result);
}

/// The address by which this machine goes to another.
std::string own_host(const std::string& other, Deadline until) {
  const Descriptor socket = value_or_give_up(connect_to({other}, until));
  return host_of_this_end(socket.number());
}

class HostProcess {
 public:
  HostProcess(std::shared_ptr<ProgramGraph> graph, const RunOptions& options, JobTask task,
              const Meeting& meeting)
      : graph_(std::move(graph)),
        options_(options),
        task_(std::move(task)),
        control_(HandleCore(graph_, kControlNode)),
        desk_(HandleCore(graph_, kHostDeskNode)),
        host_(own_host(meeting.control, deadline_in(kDeskPatience))),
        runtime_(std::make_shared<Runtime>(
            graph_,
            Runtime::Options{.connect_timeout = options.connect_timeout,
                             .agreement = {.token = meeting.token,
                                           .fingerprint = graph_->fingerprint(),
                                           .largest_message = options.largest_message,
                                           .tls = tls_of(options),
                                           .silence = silence_of(options)}},
            std::make_shared<RemoteDirectory>(control_, meeting.control))) {
    runtime_->on_stop_request([] {});
    const std::lock_guard lock(graph_->mutex);
    graph_->runtime = runtime_;
  }

  [[noreturn]] void run() {
    start_world();
    try {
      join();
      const StopSignals signals(*runtime_->reactor(), [this](int) { leave(); });
      stay();
    } catch (const CallError& error) {
      give_up(fmt::format("the launcher of the program does not answer: {}", error.message()));
    }
  }

 private:
  /// The thread that starts processes is the one whose end ends them.
  void start_world() {
    std::promise<void> is_there;
    std::thread([this, &is_there] {
      RealWorld world;
      LocalLauncher launcher(world.world(), "", LocalLauncher::Asking::whole_tree,
                             launcher_events());
      world_ = &world;
      launcher_ = &launcher;
      is_there.set_value();
      world.run();
    }).detach();  // it never ends before the process does
    is_there.get_future().wait();
  }

  UnitLauncher::Events launcher_events() {
    return {.on_output =
                [this](std::uint32_t unit, OutputStream stream, std::string_view text) {
                  desk_.post<&HostDesk::output>(unit, stream == OutputStream::standard_error,
                                                std::string(text));
                },
            .on_end =
                [this](std::uint32_t unit, ExitStatus status) {
                  desk_.post<&HostDesk::ended>(unit, status.code, status.signal);
                }};
  }

  void join() {
    number_ = desk_.call<&HostDesk::enroll>();
    spec_.id = host_node(number_);
    spec_.label = "host";
    spec_.index = number_;
    spec_.node_class = &typeid(TaskHost);
    runtime_->add_host(spec_).set_ready(std::make_shared<TaskHost>(host_events()), nullptr);
    const Address address = value_or_give_up(runtime_->serve(tcp_address(host_, 0)));
    desk_.call<&HostDesk::join>(number_, HostPlace{.is_worker = task_.is_worker,
                                                   .rank = task_.rank,
                                                   .host = host_,
                                                   .address = address.text});
  }

  TaskHost::Events host_events() {
    return {.on_start =
                [this](const UnitOrder& order) {
                  world_->post([this, order] {
                    const auto started = launcher_->start(
                        {.order = order, .arguments = arguments_of(options_), .resources = {}});
                    if (started) return;
                    desk_.post<&HostDesk::output>(order.unit, true, started.error().message + "\n");
                    desk_.post<&HostDesk::ended>(order.unit, 127, 0);
                  });
                },
            .on_signal =
                [this](std::uint32_t unit, int signal) {
                  world_->post([this, unit, signal] {
                    if (signal == SIGKILL)
                      launcher_->kill(unit);
                    else
                      launcher_->ask(unit);
                  });
                },
            .on_release =
                [this] {
                  is_let_go_ = true;  // before the launcher has our answer, and may end
                  world_->post([this] { launcher_->clean_up([this] { is_released_ = true; }); });
                }};
  }

  /// The task was told to end. The launcher has its processes end, and then releases it; if it
  /// does not, it is gone.
  void leave() {
    if (was_told_.exchange(true)) return;
    desk_.post<&HostDesk::leave>(number_);
    runtime_->reactor()->call_at(deadline_in(options_.grace + std::chrono::seconds(3)), [] {
      give_up("the launcher of the program has not released this task");
    });
  }

  [[noreturn]] void stay() {
    Deadline next = now();
    while (!is_released_) {
      if (now() >= next && !is_let_go_) {
        next = deadline_in(kBeat);
        const auto answer = desk_.timeout(kDeskPatience).try_call<&HostDesk::beat>(number_);
        if (!answer && !is_let_go_) throw answer.error();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::fflush(nullptr);
    std::_Exit(EXIT_SUCCESS);
  }

  std::shared_ptr<ProgramGraph> graph_;  ///< Owned by the program, its handles, and us.
  RunOptions options_;
  JobTask task_;
  Handle<Control> control_;
  Handle<HostDesk> desk_;
  std::string host_;
  std::shared_ptr<Runtime> runtime_;  ///< Owned by us and by calls under way.
  NodeSpec spec_;
  std::uint32_t number_ = 0;
  RealWorld* world_ = nullptr;             ///< On the stack of its thread; set before any call.
  LocalLauncher* launcher_ = nullptr;      ///< The same; used in that thread.
  std::atomic<bool> is_let_go_ = false;    ///< The launcher wants nothing of us any more...
  std::atomic<bool> is_released_ = false;  ///< and what we have started is gone, too.
  std::atomic<bool> was_told_ = false;
};

}  // namespace

std::uint32_t host_node(std::uint32_t host) { return kHostDeskNode - 1 - host; }

HostDesk::HostDesk(std::shared_ptr<DirectoryTable> directory, Events events)
    : directory_(std::move(directory)), events_(std::move(events)) {}

void HostDesk::join(std::uint32_t host, const HostPlace& place) {
  directory_->set_unit(host_node(host), {place.address, 0});
  events_.on_join(host, place);
}

void run_task_host(std::shared_ptr<ProgramGraph> graph, const RunOptions& options,
                   const JobTask& task) {
  const Deadline until =
      deadline_in(std::max<Nanoseconds>(options.connect_timeout, std::chrono::minutes(1)));
  const Meeting meeting = value_or_give_up(await_meeting(task.meeting, until));
  HostProcess process(std::move(graph), options, task, meeting);
  process.run();
}

}  // namespace bourse::program
