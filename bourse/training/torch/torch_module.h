#pragma once

#include "bourse/training/model.h"

/// What the module with the models of LibTorch exports, for a program of the same build: adds them
/// to `models`.
extern "C" void bourse_add_torch_models(bourse::training::ModelTable& models);
