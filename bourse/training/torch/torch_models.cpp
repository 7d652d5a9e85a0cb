#include "bourse/training/torch/torch_models.h"

// First of all: without it, Clang 19 does not take the next one in C++20.
#include <ATen/core/ivalue.h>

#include <torch/torch.h>

#include <cstring>
#include <stdexcept>
#include <utility>

#include "bourse/training/torch/torch_model.h"

namespace bourse::training {
namespace {

namespace nn = torch::nn;

torch::Device best_device() {
  return torch::cuda::is_available() ? torch::Device(torch::kCUDA) : torch::Device(torch::kCPU);
}

class TorchModel final : public Model {
 public:
  TorchModel(const SampleShape& shape, std::function<TorchNetwork()> make)
      : shape_(shape), make_(std::move(make)), network_(make_()), device_(best_device()) {
    // Workers are processes: each has one thread of the processor.
    at::set_num_threads(1);
    if (!network_.module->buffers().empty())
      throw std::invalid_argument("the model has buffers, which are not shared between workers");
    network_.module->to(device_);
    for (const auto& item : network_.module->named_parameters()) {
      parameters_.push_back(item.value());
      shapes_.push_back({.name = item.key(), .sizes = item.value().sizes().vec()});
      count_ += static_cast<std::size_t>(item.value().numel());
    }
  }

  [[nodiscard]] std::vector<ParameterShape> parameters() const override { return shapes_; }

  void initialise(std::uint64_t seed, std::span<float> values) override {
    torch::manual_seed(seed);
    const TorchNetwork fresh = make_();
    std::size_t at = 0;
    for (const torch::Tensor& parameter : fresh.module->parameters()) {
      const torch::Tensor host = parameter.detach().contiguous();
      const auto count = static_cast<std::size_t>(host.numel());
      std::memcpy(values.data() + at, host.data_ptr<float>(), count * sizeof(float));
      at += count;
    }
  }

  Outcome gradient(std::span<const float> values, const Examples& examples, std::uint64_t seed,
                   std::span<float> gradient) override {
    torch::manual_seed(seed);
    network_.module->train();
    take(values);
    const torch::Tensor labels = labels_of(examples);
    const torch::Tensor scores = network_.forward(images_of(examples));
    const torch::Tensor loss = nn::functional::cross_entropy(
        scores, labels, nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
    const std::vector<torch::Tensor> slopes =
        torch::autograd::grad({loss}, parameters_, {}, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    write(slopes, gradient);
    return outcome(loss, scores, labels);
  }

  Outcome evaluate(std::span<const float> values, const Examples& examples) override {
    const torch::NoGradGuard no_grad;
    network_.module->eval();
    take(values);
    const torch::Tensor labels = labels_of(examples);
    const torch::Tensor scores = network_.forward(images_of(examples));
    const torch::Tensor loss = nn::functional::cross_entropy(
        scores, labels, nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
    return outcome(loss, scores, labels);
  }

 private:
  /// Copies the parameters into the module.
  void take(std::span<const float> values) {
    const torch::NoGradGuard no_grad;
    // from_blob() wants to be able to write; copy_() only reads.
    auto* const data = const_cast<float*>(values.data());  // NOLINT(*-const-cast)
    const torch::Tensor all = torch::from_blob(data, {static_cast<std::int64_t>(count_)});
    std::int64_t at = 0;
    for (torch::Tensor& parameter : parameters_) {
      parameter.copy_(all.narrow(0, at, parameter.numel()).view_as(parameter));
      at += parameter.numel();
    }
  }

  void write(const std::vector<torch::Tensor>& slopes, std::span<float> gradient) const {
    const torch::NoGradGuard no_grad;
    const torch::Tensor all =
        torch::from_blob(gradient.data(), {static_cast<std::int64_t>(count_)});
    std::int64_t at = 0;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      const std::int64_t count = parameters_[i].numel();
      torch::Tensor part = all.narrow(0, at, count);
      if (slopes[i].defined())
        part.view_as(parameters_[i]).copy_(slopes[i]);
      else
        part.zero_();
      at += count;
    }
  }

  [[nodiscard]] torch::Tensor images_of(const Examples& examples) const {
    auto* const data = const_cast<float*>(examples.features.data());  // NOLINT(*-const-cast)
    const auto count = static_cast<std::int64_t>(examples.labels.size());
    return torch::from_blob(data, {count, shape_.channels, shape_.height, shape_.width})
        .to(device_);
  }

  [[nodiscard]] torch::Tensor labels_of(const Examples& examples) const {
    auto* const data = const_cast<std::int32_t*>(examples.labels.data());  // NOLINT(*-const-cast)
    return torch::from_blob(data, {static_cast<std::int64_t>(examples.labels.size())}, torch::kInt)
        .to(device_, torch::kLong);
  }

  static Outcome outcome(const torch::Tensor& loss, const torch::Tensor& scores,
                         const torch::Tensor& labels) {
    return {.loss_sum = loss.item<double>(),
            .correct = scores.argmax(1).eq(labels).sum().item<std::int64_t>()};
  }

  SampleShape shape_;
  std::function<TorchNetwork()> make_;
  TorchNetwork network_;
  torch::Device device_;
  std::vector<torch::Tensor> parameters_;
  std::vector<ParameterShape> shapes_;
  std::size_t count_ = 0;
};

/// Layers one after the other.
TorchNetwork chain(nn::Sequential layers) {
  const auto module = layers.ptr();
  return {module, [layers = std::move(layers)](const torch::Tensor& images) mutable {
            return layers->forward(images);
          }};
}

TorchNetwork logistic(const SampleShape& shape) {
  const auto features = static_cast<std::int64_t>(shape.features());
  return chain(nn::Sequential(nn::Flatten(), nn::Linear(features, shape.classes)));
}

TorchNetwork mlp(const SampleShape& shape) {
  constexpr std::int64_t kHidden = 128;
  const auto features = static_cast<std::int64_t>(shape.features());
  return chain(nn::Sequential(nn::Flatten(), nn::Linear(features, kHidden), nn::ReLU(),
                              nn::Linear(kHidden, shape.classes)));
}

nn::Conv2d convolution(std::int64_t in, std::int64_t out, std::int64_t stride) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, 3).stride(stride).padding(1));
}

/// Halves the image twice, then takes the mean over what is left.
TorchNetwork cnn(const SampleShape& shape) {
  constexpr std::int64_t kFirst = 16;
  constexpr std::int64_t kSecond = 32;
  constexpr std::int64_t kThird = 64;
  constexpr std::int64_t kCells = 4;
  return chain(nn::Sequential(
      convolution(shape.channels, kFirst, 1), nn::ReLU(), nn::MaxPool2d(nn::MaxPool2dOptions(2)),
      convolution(kFirst, kSecond, 1), nn::ReLU(), nn::MaxPool2d(nn::MaxPool2dOptions(2)),
      convolution(kSecond, kThird, 1), nn::ReLU(),
      nn::AdaptiveMaxPool2d(nn::AdaptiveMaxPool2dOptions({kCells, kCells})), nn::Flatten(),
      nn::Linear(kThird * kCells * kCells, shape.classes)));
}

/// Attention over the rows of an image, each a word of its pixels; two layers, four heads.
struct RowTransformer final : nn::Module {
  explicit RowTransformer(const SampleShape& shape)
      : embedding(register_module("embedding", nn::Linear(shape.channels * shape.width, kWidth))),
        position(register_module("position",
                                 nn::Linear(nn::LinearOptions(shape.height, kWidth).bias(false)))),
        layers(register_module(
            "layers",
            nn::TransformerEncoder(nn::TransformerEncoderOptions(
                nn::TransformerEncoderLayer(nn::TransformerEncoderLayerOptions(kWidth, kHeads)
                                                .dim_feedforward(2 * kWidth)
                                                .dropout(0)),
                kLayers)))),
        head(register_module("head", nn::Linear(kWidth, shape.classes))) {}

  torch::Tensor forward(const torch::Tensor& images) {
    // (samples, channels, height, width) -> (height, samples, channels * width)
    const torch::Tensor rows = images.permute({2, 0, 1, 3}).flatten(2);
    const torch::Tensor places = position->weight.t().unsqueeze(1);
    return head->forward(layers->forward(embedding->forward(rows) + places).mean(0));
  }

  static constexpr std::int64_t kWidth = 64;
  static constexpr std::int64_t kHeads = 4;
  static constexpr std::int64_t kLayers = 2;
  nn::Linear embedding;
  nn::Linear position;  ///< Its weight has a column for each row.
  nn::TransformerEncoder layers;
  nn::Linear head;
};

TorchNetwork transformer(const SampleShape& shape) {
  const auto module = std::make_shared<RowTransformer>(shape);
  return {module, [module](const torch::Tensor& images) { return module->forward(images); }};
}

MakeModel maker(TorchNetwork (*make)(const SampleShape&)) {
  return [make](const SampleShape& shape) {
    return torch_model(shape, [make, shape] { return make(shape); });
  };
}

}  // namespace

std::unique_ptr<Model> torch_model(const SampleShape& shape, std::function<TorchNetwork()> make) {
  return std::make_unique<TorchModel>(shape, std::move(make));
}

ModelTable torch_models() {
  return {{"logistic", maker(logistic)},
          {"mlp", maker(mlp)},
          {"cnn", maker(cnn)},
          {"transformer", maker(transformer)}};
}

}  // namespace bourse::training
