#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"

namespace bourse::training {

/// What the samples of a data set look like.
struct SampleShape {
  std::int64_t channels = 1;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t classes = 0;

  [[nodiscard]] std::size_t features() const {
    return static_cast<std::size_t>(channels * height * width);
  }
};

/// Labelled images, one byte a pixel; models get (pixel - mean) / deviation.
struct SampleSet {
  std::vector<std::uint8_t> pixels;  ///< Image after image, row after row.
  std::vector<std::int32_t> labels;  ///< From 0.

  [[nodiscard]] std::size_t count() const { return labels.size(); }
};

struct Dataset {
  std::string name;
  SampleShape shape;
  double mean = 0;       ///< Over all pixels of the training part.
  double deviation = 1;  ///< The same; > 0.
  SampleSet train;
  SampleSet test;
};

/// Samples as models take them.
struct Examples {
  std::vector<float> features;       ///< shape.features() for each.
  std::vector<std::int32_t> labels;  ///< One for each.
};

/// Names of the data sets that load_dataset() knows.
[[nodiscard]] std::span<const std::string_view> dataset_names();

/// Reads a data set that Debian packages: "fashion-mnist" (dataset-fashion-mnist, 60,000 and 10,000
/// images of 28 x 28) or "digits" (python3-sklearn, 1,797 images of 8 x 8, of which every fifth
/// is kept for the test). A name with a slash is a folder with the four files of an MNIST-like set
/// (train-images-idx3-ubyte.gz and so on). `folder` is looked at in place of the package's own.
///
/// Errors: not_found with the package to install; data_corrupted with the file and what is wrong.
/// Cost: 0.3 s for fashion-mnist.
[[nodiscard]] Result<Dataset> load_dataset(const std::string& name, const std::string& folder = "");

/// The samples at these places of a set, in this order.
void gather(const Dataset& dataset, const SampleSet& set, std::span<const std::uint32_t> places,
            Examples& examples);

/// The order in which an epoch visits `count` samples: each exactly once; a function of seed and
/// epoch alone, so that all workers agree and a resumed run goes on where it was.
[[nodiscard]] std::vector<std::uint32_t> epoch_order(std::size_t count, std::uint64_t seed,
                                                     std::int64_t epoch);

}  // namespace bourse::training
