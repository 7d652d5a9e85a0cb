#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bourse {

/// Size of the terminal at standard output; 80 by 24 if it is unknown.
struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};
[[nodiscard]] ScreenSize screen_size();

/// True if standard output is a terminal.
[[nodiscard]] bool is_screen();

/// The lines of a text that fit the screen, cut at its width; a last line says how many are left
/// out.
[[nodiscard]] std::string fitted(std::string_view text, ScreenSize size);

/// Takes the whole terminal: another screen without a cursor, keys read one by one and not shown.
/// All is as before once it is destroyed, also when a signal ends the program.
class FullScreen {
 public:
  FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;
  ~FullScreen();

  /// Shows this text from the upper left corner on, in place of what was there. Returns false if it
  /// cannot be written.
  [[nodiscard]] bool draw(std::string_view text);
};

/// True once Ctrl-C or SIGTERM came; only while a FullScreen lives.
[[nodiscard]] bool was_interrupted();

}  // namespace bourse
