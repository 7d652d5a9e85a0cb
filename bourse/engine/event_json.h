#pragma once

#include <nlohmann/json_fwd.hpp>

#include "bourse/engine/cell.h"

namespace bourse {

/// All of an event that its kind has.
[[nodiscard]] nlohmann::json event_json(const CellEvent& event);
/// Errors: invalid_argument, naming the field.
[[nodiscard]] Result<CellEvent> read_event(const nlohmann::json& json);

}  // namespace bourse
