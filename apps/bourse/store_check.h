#pragma once

#include <cstdint>
#include <string>

#include "bourse/base/error.h"

namespace bourse {

/// How closely a store is looked at: `full` reads indexes against their tables too.
enum class CheckDepth : std::uint8_t { quick, full };

/// The version of a store, which no newer program than this one has written.
/// Errors: data_corrupted if it is damaged or no store; unavailable if it cannot be read. The
/// message is one line and does not say which file it is.
[[nodiscard]] Result<std::int64_t> check_store(const std::string& path, CheckDepth depth);

}  // namespace bourse
