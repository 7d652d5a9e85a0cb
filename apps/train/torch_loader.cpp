#include "apps/train/torch_loader.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "bourse/base/check.h"
#include "bourse/training/torch/torch_module.h"

namespace bourse {
namespace {

constexpr std::array kModels = {"logistic", "mlp", "cnn", "transformer"};

/// Beside this program, as it is built, or where it is installed.
std::filesystem::path module_path() {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::filesystem::path beside = here / BOURSE_TORCH_MODULE;
  return std::filesystem::exists(beside) ? beside : here / BOURSE_MODULES / BOURSE_TORCH_MODULE;
}

/// Never unloaded: LibTorch has threads and what lasts as long as the process.
training::ModelTable load() {
  void* const module = dlopen(module_path().c_str(), RTLD_LAZY);
  void* const function = module == nullptr ? nullptr : dlsym(module, "bourse_add_torch_models");
  if (function == nullptr) {
    const char* const why = dlerror();  // NOLINT(concurrency-mt-unsafe): there are no threads yet.
    throw std::invalid_argument(
        fmt::format("cannot load the models of LibTorch: {}", why == nullptr ? "" : why));
  }
  training::ModelTable models;
  reinterpret_cast<decltype(&bourse_add_torch_models)>(function)(models);
  return models;
}

std::unique_ptr<training::Model> make(const char* name, const training::SampleShape& shape) {
  static const training::ModelTable models = load();
  const auto model = models.find(name);
  BOURSE_CHECK(model != models.end());
  return model->second(shape);
}

}  // namespace

training::ModelTable torch_models_when_needed() {
  training::ModelTable models;
  for (const char* const name : kModels)
    models[name] = [name](const training::SampleShape& shape) { return make(name, shape); };
  return models;
}

}  // namespace bourse
