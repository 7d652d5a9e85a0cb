#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"

namespace bourse {

/// How the value of an option is written.
enum class OptionUnit { count, number, seconds, bytes, bytes_per_second };

/// One setting of a generator, for lists and help.
struct OptionInfo {
  std::string_view name;
  OptionUnit unit = OptionUnit::number;
  double standard = 0;  ///< The value without a setting; seconds, bytes or bytes per second.
  double lowest = 0;    ///< Smallest value allowed.
  double highest = 0;   ///< Largest value allowed.
  std::string_view what;
};

/// A generator as it is shown to users.
struct GeneratorInfo {
  std::string_view name;
  std::string_view what;
  std::vector<OptionInfo> options;
};

/// All generators, in the order in which they are shown.
[[nodiscard]] std::vector<GeneratorInfo> generators();

/// Makes a workload with its cluster: a pure function of its arguments. Each setting is
/// "name=value", with units as in files ("slot=30min").
/// Errors: invalid_argument for an unknown generator or option (with the nearest known one), a
/// value that is no number of its unit or out of its range, or values that contradict each other.
[[nodiscard]] Result<Workload> generate(std::string_view generator,
                                        std::span<const std::string> settings, std::uint64_t seed);

/// Text of a value in its unit, as settings are written.
[[nodiscard]] std::string option_text(OptionUnit unit, double value);

}  // namespace bourse
