#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/bourse/cli_forward.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// How a result is printed.
enum class OutputFormat { table, csv, json };

// Options whose values are checked while the command line is parsed. Their targets outlive the app.
// A value that is wrong ends the parse with one sentence; `help` states the unit and the default.

/// A duration such as 30s or 10min, >= 0.
CLI::Option* add_duration(CLI::App& app, const std::string& name, std::optional<Seconds>& target,
                          const std::string& help);
/// A number from `low` to `high`.
CLI::Option* add_number(CLI::App& app, const std::string& name, double& target, double low,
                        double high, const std::string& help);
/// A whole number from `low` to `high` (at most 2^53).
CLI::Option* add_whole(CLI::App& app, const std::string& name, std::uint64_t& target,
                       std::uint64_t low, std::uint64_t high, const std::string& help);
/// One of these words; `target` becomes its position.
CLI::Option* add_choice(CLI::App& app, const std::string& name, std::size_t& target,
                        const std::vector<std::string>& choices, const std::string& help);
/// --format: table, json, and csv where a command has it.
CLI::Option* add_format(CLI::App& app, OutputFormat& target, bool with_csv);

/// Adds "Examples:" with these lines to the help of a command.
void add_examples(CLI::App& app, const std::vector<std::string>& lines);

}  // namespace bourse
