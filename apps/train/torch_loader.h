#pragma once

#include "bourse/training/model.h"

namespace bourse {

/// The models of LibTorch, which is loaded once the first of them is made: that takes the better
/// part of a second and 100 MB, for nothing in a process that does not compute with them.
///
/// Errors: making one throws std::invalid_argument if LibTorch cannot be loaded.
[[nodiscard]] training::ModelTable torch_models_when_needed();

}  // namespace bourse
