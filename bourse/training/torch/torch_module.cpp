#include "bourse/training/torch/torch_module.h"

#include "bourse/training/torch/torch_models.h"

__attribute__((visibility("default"))) void bourse_add_torch_models(
    bourse::training::ModelTable& models) {
  models.merge(bourse::training::torch_models());
}
