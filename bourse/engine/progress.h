#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bourse/base/error.h"
#include "bourse/engine/cell.h"

namespace re2 {  // NOLINT(readability-identifier-naming): the library's own name.
class RE2;
}  // namespace re2

namespace bourse {

/// Cuts a stream into lines without their ends. A line longer than kMax is told once, cut to kMax,
/// so that memory stays bounded whatever comes.
class LineSplitter {
 public:
  static constexpr std::size_t kMax = 16 << 10;  ///< Bytes.

  void add(std::string_view bytes, const std::function<void(std::string_view line)>& on_line);

 private:
  std::string line_;
  bool is_cut_ = false;  ///< The rest of the line is left out.
};

/// Reads a line a task wrote to $BOURSE_PROGRESS:
///   {"samples": 1200, "samples_per_second": 85.5, "loss": 0.31, "checkpointed": true}
/// Every field may be absent; others are ignored. NaN and Infinity, which Python writes, count as
/// absent. Errors: invalid_argument, one sentence.
[[nodiscard]] Result<ProgressReport> parse_progress_line(std::string_view line);

/// A regular expression (RE2's syntax) that finds progress in lines of output. Its named groups,
/// (?P<samples>...) or (?<samples>...), `samples`, `loss` and `samples_per_second` are numbers;
/// `step` stands for `samples`, for work that is counted in steps. RE2 needs time linear in the
/// line whatever the expression.
class ProgressPattern {
 public:
  /// Errors: invalid_argument if it is no expression, has none of these groups or another one.
  [[nodiscard]] static Result<ProgressPattern> compile(std::string_view pattern);

  ProgressPattern(ProgressPattern&&) noexcept;
  ProgressPattern& operator=(ProgressPattern&&) noexcept;
  ~ProgressPattern();

  /// What the line says; empty if it does not match or its groups hold no numbers.
  [[nodiscard]] std::optional<ProgressReport> find(std::string_view line) const;

 private:
  explicit ProgressPattern(std::unique_ptr<re2::RE2> pattern);
  std::unique_ptr<re2::RE2> pattern_;
};

/// What is known once `later` was reported after `earlier`: each field by the later that has it.
[[nodiscard]] ProgressReport merged(const ProgressReport& earlier, const ProgressReport& later);

}  // namespace bourse
