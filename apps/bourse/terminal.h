#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// Writes the text to standard output and flushes it. Returns the exit code: 0, or 1 after saying
/// on standard error why it could not be written. A reader that has gone away (a closed pipe) ends
/// the output without a word.
[[nodiscard]] int print(std::string_view text);

/// "bourse: <message>" on standard error.
void print_error(std::string_view message);

/// "note: <message>" on standard error: something was assumed or left out.
void print_note(std::string_view message);

/// Says what is wrong with the command line; returns kExitUsage.
[[nodiscard]] int usage_error(const Error& error);

/// Says what failed; returns the exit code for it.
[[nodiscard]] int failure(const Error& error);

/// From now on Ctrl-C ends the program at once with one sentence and kExitInterrupted. Results are
/// only written when all work is done, so nothing is left half-written.
void catch_interrupt();

/// From now on Ctrl-C ends the program at once with kExitInterrupted and without a word: for
/// commands that only watch.
void end_quietly_on_interrupt();

/// True if standard error is a terminal.
[[nodiscard]] bool is_terminal();

/// Columns of the terminal; 80 if they are unknown.
[[nodiscard]] std::size_t terminal_width();

}  // namespace bourse
