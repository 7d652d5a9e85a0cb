#include "bourse/program/stop_signals.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <utility>

#include "bourse/base/check.h"

namespace bourse::program {
namespace {

constexpr std::array<int, 2> kSignals = {SIGINT, SIGTERM};

/// Written by the handler; -1 while nobody has the signals.
std::atomic<int> signal_pipe = -1;

std::atomic<int> last_signal = 0;

void on_signal(int signal) {
  const int before = errno;
  last_signal = signal;
  const auto byte = static_cast<unsigned char>(signal);
  const int pipe = signal_pipe;
  if (pipe >= 0) (void)!write(pipe, &byte, 1);
  errno = before;
}

}  // namespace

/// Carries the numbers of signals from the handler to the reactor.
class StopSignals::Pipe final : public Reactor::Watcher {
 public:
  explicit Pipe(std::function<void(int)> callback) : callback_(std::move(callback)) {
    int ends[2];
    BOURSE_CHECK(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    read_end_ = Descriptor(ends[0]);
    write_end_ = Descriptor(ends[1]);
    signal_pipe = write_end_.number();
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &action, &before_[i]);
  }
  ~Pipe() override {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
    signal_pipe = -1;
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void on_ready(std::uint32_t) override {
    unsigned char signal = 0;
    while (read(read_end_.number(), &signal, 1) == 1) callback_(signal);
  }
  [[nodiscard]] int number() const { return read_end_.number(); }

 private:
  std::function<void(int)> callback_;
  Descriptor read_end_;
  Descriptor write_end_;
  std::array<struct sigaction, kSignals.size()> before_{};
};

int last_stop_signal() { return last_signal; }

StopSignals::StopSignals(Reactor& reactor, std::function<void(int signal)> callback)
    : reactor_(reactor) {
  int nobody = -1;
  if (!signal_pipe.compare_exchange_strong(nobody, -2)) return;
  pipe_ = std::make_shared<Pipe>(std::move(callback));
  watch_ = reactor_.watch(pipe_->number(), EPOLLIN | EPOLLET, pipe_);
}

StopSignals::~StopSignals() {
  if (pipe_) reactor_.unwatch(watch_, pipe_->number());
}

std::string random_token() {
  std::array<unsigned char, 16> bytes{};
  BOURSE_CHECK(getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  std::string token;
  for (const unsigned char byte : bytes) token += fmt::format("{:02x}", byte);
  return token;
}

}  // namespace bourse::program
