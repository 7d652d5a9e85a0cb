#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/simulation/simulate.h"

namespace bourse {

/// The instance with every arrival moved by a uniform draw from [-jitter, +jitter] (never before
/// 0), addressed by seed and job. Breaks the ties between equal time stamps, on which the order of
/// a contended queue hangs.
[[nodiscard]] Instance jittered(Instance instance, Seconds jitter, std::uint64_t seed);

/// Outages of machines that fail at random: up for an exponential time of mean `up_mean`, down for
/// an exponential time of mean `down_mean`, until `until`. Drawn by (seed, machine).
[[nodiscard]] std::vector<Outage> random_outages(std::size_t machine_count, Seconds up_mean,
                                                 Seconds down_mean, Seconds until,
                                                 std::uint64_t seed);

/// Reads outages from CSV with the header "machine,down,up": a machine number and two times, one
/// row an outage; an empty `up` means for good. `file` is the name used in messages. Errors:
/// invalid_argument, "file:line: ...", also if outages of one machine overlap.
[[nodiscard]] Result<std::vector<Outage>> parse_outages(std::string_view text,
                                                        std::string_view file,
                                                        std::size_t machine_count);

}  // namespace bourse
