#include "bourse/training/dataset.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <numeric>

#include "bourse/base/random.h"
#include "bourse/base/text.h"

namespace bourse::training {
namespace {

constexpr std::array<std::string_view, 2> kNames{"digits", "fashion-mnist"};
constexpr const char* kFashion = "/usr/share/datasets/fashion-mnist";
constexpr const char* kDigits = "/usr/lib/python3/dist-packages/sklearn/datasets/data";
/// No set here has a file that is larger.
constexpr std::size_t kMostBytes = std::size_t{1} << 30;
constexpr std::uint32_t kImagesMagic = 0x803;
constexpr std::uint32_t kLabelsMagic = 0x801;

/// The whole of a file, unpacked if it is packed.
Result<std::string> read_packed(const std::string& path, const std::string& package) {
  struct Close {
    void operator()(gzFile file) const { gzclose(file); }
  };
  const std::unique_ptr<std::remove_pointer_t<gzFile>, Close> file(gzopen(path.c_str(), "rb"));
  if (!file)
    return fail(ErrorCode::not_found,
                package.empty()
                    ? fmt::format("cannot read '{}'", path)
                    : fmt::format("cannot read '{}'; install the package {}", path, package));
  std::string text;
  constexpr std::size_t kStep = std::size_t{1} << 20;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + kStep);
    const int count = gzread(file.get(), text.data() + before, kStep);
    if (count < 0)
      return fail(ErrorCode::data_corrupted, fmt::format("'{}' cannot be unpacked", path));
    text.resize(before + static_cast<std::size_t>(count));
    if (count == 0) return text;
    if (text.size() > kMostBytes)
      return fail(ErrorCode::resource_exhausted, fmt::format("'{}' is too large", path));
  }
}

std::uint32_t big_endian(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<std::uint8_t>(text[at + i]);
  return value;
}

/// The bytes behind the header of an IDX file, and its dimensions.
struct IdxFile {
  std::vector<std::uint32_t> sizes;
  std::string bytes;
};

Result<IdxFile> read_idx(const std::string& path, const std::string& package, std::uint32_t magic) {
  BOURSE_TRY(std::string text, read_packed(path, package));
  const std::size_t dimensions = magic & 0xff;
  const std::size_t header = 4 + 4 * dimensions;
  if (text.size() < header || big_endian(text, 0) != magic)
    return fail(ErrorCode::data_corrupted,
                fmt::format("'{}' is no IDX file with {} dimensions", path, dimensions));
  IdxFile file;
  std::size_t count = 1;
  for (std::size_t i = 0; i < dimensions; ++i) {
    file.sizes.push_back(big_endian(text, 4 + 4 * i));
    count *= file.sizes.back();
    if (count > kMostBytes) break;
  }
  if (text.size() - header != count)
    return fail(ErrorCode::data_corrupted,
                fmt::format("'{}' has {} bytes of data, its header says {}", path,
                            text.size() - header, count));
  text.erase(0, header);
  file.bytes = std::move(text);
  return file;
}

Result<SampleSet> read_mnist_part(const std::string& folder, const std::string& part,
                                  const std::string& package, SampleShape& shape) {
  BOURSE_TRY(const IdxFile images, read_idx(fmt::format("{}/{}-images-idx3-ubyte.gz", folder, part),
                                            package, kImagesMagic));
  BOURSE_TRY(const IdxFile labels, read_idx(fmt::format("{}/{}-labels-idx1-ubyte.gz", folder, part),
                                            package, kLabelsMagic));
  if (images.sizes[0] != labels.sizes[0] || images.sizes[0] == 0)
    return fail(ErrorCode::data_corrupted,
                fmt::format("'{}' has {} images and {} labels in its {} part", folder,
                            images.sizes[0], labels.sizes[0], part));
  shape.height = images.sizes[1];
  shape.width = images.sizes[2];
  SampleSet set;
  set.pixels.assign(images.bytes.begin(), images.bytes.end());
  for (const char label : labels.bytes) {
    set.labels.push_back(static_cast<std::uint8_t>(label));
    shape.classes = std::max<std::int64_t>(shape.classes, set.labels.back() + 1);
  }
  return set;
}

/// So that pixels have mean 0 and deviation 1 over the training part.
void measure_pixels(Dataset& dataset) {
  std::uint64_t sum = 0;
  std::uint64_t squares = 0;
  for (const std::uint8_t pixel : dataset.train.pixels) {
    sum += pixel;
    squares += std::uint64_t{pixel} * pixel;
  }
  const auto count = static_cast<double>(dataset.train.pixels.size());
  dataset.mean = static_cast<double>(sum) / count;
  const double variance = static_cast<double>(squares) / count - dataset.mean * dataset.mean;
  dataset.deviation = variance > 0 ? std::sqrt(variance) : 1;
}

Result<Dataset> read_mnist(const std::string& name, const std::string& folder,
                           const std::string& package) {
  Dataset dataset;
  dataset.name = name;
  BOURSE_TRY(dataset.train, read_mnist_part(folder, "train", package, dataset.shape));
  SampleShape test = dataset.shape;
  BOURSE_TRY(dataset.test, read_mnist_part(folder, "t10k", package, test));
  if (test.features() != dataset.shape.features() || test.classes != dataset.shape.classes)
    return fail(ErrorCode::data_corrupted,
                fmt::format("the two parts of '{}' have images of other sizes or classes", folder));
  measure_pixels(dataset);
  return dataset;
}

/// One line of digits.csv: 64 pixels from 0 to 16 and the digit.
Result<void> read_digit(std::string_view line, const std::string& path, std::size_t number,
                        SampleSet& set) {
  const std::vector<std::string_view> fields = split(trim(line), ',');
  if (fields.size() != 65)
    return fail(ErrorCode::data_corrupted,
                fmt::format("{}:{}: {} numbers in the place of 65", path, number, fields.size()));
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const int highest = i == 64 ? 9 : 16;
    int value = -1;
    const auto [end, error] =
        std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), value);
    if (error != std::errc() || end != fields[i].data() + fields[i].size() || value < 0 ||
        value > highest)
      return fail(ErrorCode::data_corrupted,
                  fmt::format("{}:{}: '{}' is no number from 0 to {}", path, number,
                              quotable(fields[i]), highest));
    if (i == 64)
      set.labels.push_back(value);
    else
      set.pixels.push_back(static_cast<std::uint8_t>(value));
  }
  return {};
}

Result<Dataset> read_digits(const std::string& folder) {
  const std::string path = folder + "/digits.csv.gz";
  BOURSE_TRY(const std::string text, read_packed(path, "python3-sklearn"));
  Dataset dataset;
  dataset.name = "digits";
  dataset.shape = {.channels = 1, .height = 8, .width = 8, .classes = 10};
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    constexpr std::size_t kTestEvery = 5;
    SampleSet& set = ++number % kTestEvery == 0 ? dataset.test : dataset.train;
    BOURSE_TRY_VOID(read_digit(line, path, number, set));
  }
  if (dataset.train.count() == 0 || dataset.test.count() == 0)
    return fail(ErrorCode::data_corrupted, fmt::format("'{}' has too few lines", path));
  measure_pixels(dataset);
  return dataset;
}

}  // namespace

std::span<const std::string_view> dataset_names() { return kNames; }

Result<Dataset> load_dataset(const std::string& name, const std::string& folder) {
  if (name == "digits") return read_digits(folder.empty() ? kDigits : folder);
  if (name == "fashion-mnist")
    return read_mnist(name, folder.empty() ? kFashion : folder, "dataset-fashion-mnist");
  if (name.find('/') != std::string::npos) return read_mnist(name, name, "");
  return invalid(fmt::format("there is no data set '{}'{}; a folder has a slash in its name",
                             quotable(name), suggestion(name, kNames)));
}

void gather(const Dataset& dataset, const SampleSet& set, std::span<const std::uint32_t> places,
            Examples& examples) {
  const std::size_t features = dataset.shape.features();
  std::array<float, 256> values{};
  for (std::size_t pixel = 0; pixel < values.size(); ++pixel)
    values[pixel] =
        static_cast<float>((static_cast<double>(pixel) - dataset.mean) / dataset.deviation);
  examples.features.resize(places.size() * features);
  examples.labels.resize(places.size());
  float* to = examples.features.data();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint8_t* const from = set.pixels.data() + places[i] * features;
    for (std::size_t j = 0; j < features; ++j) *to++ = values[from[j]];
    examples.labels[i] = set.labels[places[i]];
  }
}

std::vector<std::uint32_t> epoch_order(std::size_t count, std::uint64_t seed, std::int64_t epoch) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  RandomStream random(seed, Purpose::learning, static_cast<std::uint64_t>(epoch), 1);
  for (std::size_t i = count; i > 1; --i)
    std::swap(order[i - 1],
              order[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1))]);
  return order;
}

}  // namespace bourse::training
