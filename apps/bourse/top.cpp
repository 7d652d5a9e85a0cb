#include <fmt/core.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <thread>

#include "apps/bourse/commands.h"
#include "apps/bourse/daemon_command.h"
#include "apps/bourse/screen.h"
#include "apps/bourse/terminal.h"
#include "apps/bourse/top_text.h"
#include "apps/bourse/view_text.h"
#include "bourse/service/api_json.h"

namespace bourse {
namespace {

constexpr int kRedrawEveryMs = 1000;  ///< If nothing happens: progress goes on.
constexpr int kRestMs = 100;          ///< Between two drawings.
constexpr std::size_t kJobs = 200;

struct TopOptions {
  DaemonOptions daemon;
  bool is_once = false;
};

Result<TopView> look(DaemonClient& client) {
  TopView view;
  BOURSE_TRY(const std::string machines, client.get("/v1/machines"));
  BOURSE_TRY(view.machines, machine_list_from_json(machines));
  BOURSE_TRY(const std::string prices, client.get("/v1/prices"));
  BOURSE_TRY(view.prices, price_list_from_json(prices));
  const std::string limit = fmt::format("{}", kJobs);
  BOURSE_TRY(const std::string live, client.get("/v1/jobs", {{"state", "live"}, {"limit", limit}}));
  BOURSE_TRY(view.live, job_list_from_json(live));
  BOURSE_TRY(
      const std::string ended,
      client.get("/v1/jobs", {{"state", "finished,declined,cancelled,failed"}, {"limit", "20"}}));
  BOURSE_TRY(view.ended, job_list_from_json(ended));
  return view;
}

/// Follows the changes in a thread of its own; its file descriptor can be polled.
class ChangeBell {
 public:
  explicit ChangeBell(const ServerAddress& address)
      : client_(address), bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), thread_([this] {
          (void)client_.stream("/v1/events", {}, [this](std::string_view piece) {
            if (piece.find("data: ") != std::string_view::npos) ring();
            return true;
          });
          ring();
        }) {}
  ChangeBell(const ChangeBell&) = delete;
  ChangeBell& operator=(const ChangeBell&) = delete;
  ~ChangeBell() {
    client_.stop();
    thread_.join();
    close(bell_);
  }

  [[nodiscard]] int descriptor() const { return bell_; }
  void silence() const {
    std::uint64_t count = 0;
    if (read(bell_, &count, sizeof count) < 0) return;
  }

 private:
  void ring() const {
    const std::uint64_t one = 1;
    if (write(bell_, &one, sizeof one) < 0) return;
  }

  DaemonClient client_;
  int bell_;
  std::thread thread_;
};

/// Waits for a change, a key, a new size of the screen, or a second. False if the key is q.
bool wait_for_something(const ChangeBell& bell) {
  poll(nullptr, 0, kRestMs);
  std::array<pollfd, 2> files{pollfd{.fd = bell.descriptor(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0}};
  if (poll(files.data(), files.size(), kRedrawEveryMs) <= 0) return true;
  bell.silence();
  char key = 0;
  return (files[1].revents & POLLIN) == 0 || read(STDIN_FILENO, &key, 1) != 1 ||
         (key != 'q' && key != 'Q' && key != 3);
}

/// The exit code once the user leaves; the error if the daemon goes.
Result<int> show_live(DaemonClient& client, const ServerAddress& address) {
  FullScreen screen;
  const ChangeBell bell(address);
  while (true) {
    BOURSE_TRY(const TopView view, look(client));
    const ScreenSize size = screen_size();
    const std::string text = top_text(view, unix_now(), size.columns) + "\nq ends this view\n";
    if (!screen.draw(fitted(text, size))) return kExitFailure;
    if (!wait_for_something(bell)) return kExitOk;
    if (was_interrupted()) return kExitInterrupted;
  }
}

/// A frame after every change, one below the other.
Result<int> show_frames(DaemonClient& client, const ServerAddress& address) {
  end_quietly_on_interrupt();
  const ChangeBell bell(address);
  while (true) {
    BOURSE_TRY(const TopView view, look(client));
    if (print(top_text(view, unix_now(), kTableWidth) + "\n") != kExitOk) return kExitFailure;
    pollfd file{.fd = bell.descriptor(), .events = POLLIN, .revents = 0};
    poll(nullptr, 0, kRestMs);
    while (poll(&file, 1, -1) <= 0) {
    }
    bell.silence();
  }
}

int show_once(DaemonClient& client, OutputFormat format) {
  const Result<TopView> view = look(client);
  if (!view) return failure(view.error());
  if (format == OutputFormat::json) return print(indented(top_json(*view)));
  return print(top_text(*view, unix_now(), kTableWidth));
}

int run_top(const TopOptions& options) {
  const Result<ServerAddress> address = server_address(options.daemon.server);
  if (!address) return usage_error(address.error());
  DaemonClient client(*address);
  if (options.is_once || options.daemon.format == OutputFormat::json)
    return show_once(client, options.daemon.format);
  if (const Result<TopView> view = look(client); !view) return failure(view.error());
  const Result<int> status =
      is_screen() ? show_live(client, *address) : show_frames(client, *address);
  return status ? *status : failure(status.error());
}

}  // namespace

void add_top(CLI::App& app, int& status) {
  const auto options = std::make_shared<TopOptions>();
  CLI::App* const command =
      app.add_subcommand("top", "Watch machines, prices and jobs as they change");
  command->add_flag("--once", options->is_once, "Print what there is now and end");
  add_daemon_options(*command, options->daemon);
  add_examples(*command, {"bourse top", "bourse top --once", "bourse top --format json"});
  command->callback([options, &status] { status = run_top(*options); });
}

}  // namespace bourse
