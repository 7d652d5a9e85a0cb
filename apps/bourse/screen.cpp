#include "apps/bourse/screen.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "apps/bourse/terminal.h"
#include "apps/bourse/view_text.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

// What a signal handler needs. One full screen at a time.
volatile std::sig_atomic_t interrupted = 0;
termios terminal_before{};
bool has_terminal_before = false;

extern "C" void note_interrupt(int) { interrupted = 1; }
extern "C" void note_resize(int) {}

void call_on(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, nullptr);
}

}  // namespace

ScreenSize screen_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {};
  return {.columns = size.ws_col, .rows = size.ws_row};
}

bool is_screen() { return isatty(STDOUT_FILENO) == 1; }

std::string fitted(std::string_view text, ScreenSize size) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::vector<std::string_view> lines = split(text, '\n');
  const bool fits = lines.size() <= size.rows;
  const std::size_t shown = fits ? lines.size() : size.rows - 1;
  std::string out;
  for (std::size_t i = 0; i < shown; ++i)
    out += (i == 0 ? "" : "\n") + shortened(lines[i], size.columns);
  if (!fits)
    out +=
        "\n" + shortened(fmt::format("... and {} lines more", lines.size() - shown), size.columns);
  return out;
}

FullScreen::FullScreen() {
  interrupted = 0;
  call_on(SIGINT, note_interrupt);
  call_on(SIGTERM, note_interrupt);
  call_on(SIGWINCH, note_resize);
  has_terminal_before = tcgetattr(STDIN_FILENO, &terminal_before) == 0;
  if (has_terminal_before) {
    termios raw = terminal_before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  (void)print("\x1b[?1049h\x1b[?25l");
}

FullScreen::~FullScreen() {
  (void)print("\x1b[?25h\x1b[?1049l");
  if (has_terminal_before) tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
  catch_interrupt();
}

bool FullScreen::draw(std::string_view text) {
  std::string out = "\x1b[H";
  for (const char c : text) {
    if (c == '\n') out += "\x1b[K\r";
    out += c;
  }
  return print(out + "\x1b[K\x1b[J") == 0;
}

bool was_interrupted() { return interrupted != 0; }

}  // namespace bourse
