#include "apps/train/member_main.h"
#ifdef BOURSE_HAS_TORCH
#include "bourse/training/torch/torch_models.h"
#endif

int main(int argc, char** argv) {
  bourse::training::ModelTable models = bourse::training::plain_models();
#ifdef BOURSE_HAS_TORCH
  models.merge(bourse::training::torch_models());
#endif
  return bourse::train_member_main(argc, argv, models);
}
