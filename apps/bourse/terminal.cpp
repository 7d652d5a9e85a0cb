#include "apps/bourse/terminal.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "apps/bourse/commands.h"

namespace bourse {
namespace {

extern "C" void end_on_interrupt(int) {
  // Only calls that are allowed in a signal handler. On a terminal the line may hold a progress
  // bar.
  static constexpr std::string_view kPlain = "bourse: interrupted, no result was written\n";
  static constexpr std::string_view kClear = "\r\x1b[K";
  if (isatty(STDERR_FILENO) == 1 && write(STDERR_FILENO, kClear.data(), kClear.size()) < 0)
    _exit(kExitInterrupted);
  if (write(STDERR_FILENO, kPlain.data(), kPlain.size()) < 0) _exit(kExitInterrupted);
  _exit(kExitInterrupted);
}

extern "C" void end_quietly(int) { _exit(kExitInterrupted); }

void call_on_interrupt(void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

int print(std::string_view text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (written && std::fflush(stdout) == 0) return kExitOk;
  if (errno != EPIPE)
    print_error(fmt::format("cannot write to standard output: {}", std::strerror(errno)));
  return kExitFailure;
}

void print_error(std::string_view message) { fmt::print(stderr, "bourse: {}\n", message); }

void print_note(std::string_view message) { fmt::print(stderr, "note: {}\n", message); }

int usage_error(const Error& error) {
  print_error(error.message);
  return kExitUsage;
}

int failure(const Error& error) {
  print_error(error.message);
  return exit_status_of(error.code);
}

void catch_interrupt() { call_on_interrupt(end_on_interrupt); }

void end_quietly_on_interrupt() { call_on_interrupt(end_quietly); }

bool is_terminal() { return isatty(STDERR_FILENO) == 1; }

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace bourse
