#pragma once

#include "bourse/training/model.h"

namespace bourse::training {

/// Models of LibTorch: "logistic", "mlp" (one hidden layer of 128), "cnn" (three convolutions) and
/// "transformer" (rows of the image as words). On a GPU if LibTorch finds one, else on one thread
/// of the processor.
[[nodiscard]] ModelTable torch_models();

}  // namespace bourse::training
