#include "apps/train/member_main.h"
#ifdef BOURSE_HAS_TORCH
#include "apps/train/torch_loader.h"
#endif

int main(int argc, char** argv) {
  bourse::training::ModelTable models = bourse::training::plain_models();
#ifdef BOURSE_HAS_TORCH
  models.merge(bourse::torch_models_when_needed());
#endif
  return bourse::train_member_main(argc, argv, models);
}
