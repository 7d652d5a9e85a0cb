#include "bourse/training/checkpoint.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <vector>

#include "bourse/training/dataset.h"
#include "bourse/training/fixtures.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

constexpr std::uint64_t kParameters = 100;

std::vector<float> numbers(Range range, float plus) {
  std::vector<float> values(range.count());
  std::iota(values.begin(), values.end(), static_cast<float>(range.begin) + plus);
  return values;
}

/// A checkpoint of parameters 0, 1, 2 ... and a state of 1000 more each, by so many servers.
void write_checkpoint(Files& files, const std::string& folder, std::int64_t step,
                      std::size_t servers, std::size_t kept = 2) {
  Manifest manifest{.cursor = {.step = step, .epoch = 1, .position = 7, .samples = 99},
                    .training = "this",
                    .parameters = kParameters,
                    .optimiser_vectors = 1,
                    .files = {}};
  std::size_t server = 0;
  for (const Range& range : partition(kParameters, servers)) {
    const auto written = write_slice(files, folder, step, server++,
                                     {.range = range,
                                      .values = program::Buffer(numbers(range, 0)),
                                      .state = {numbers(range, 1000)}});
    ASSERT_TRUE(written) << written.error().message;
    manifest.files.push_back(*written);
  }
  ASSERT_TRUE(write_manifest(files, folder, manifest, kept));
}

TEST(Checkpoint, IsReadByAnyNumberOfServers) {
  const TestFolder folder;
  RealFiles files;
  write_checkpoint(files, folder.path(), 12, 3);
  const auto manifest = read_manifest(files, folder.path(), 12);
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->cursor, (Cursor{.step = 12, .epoch = 1, .position = 7, .samples = 99}));
  for (const std::size_t servers : {1U, 2U, 5U}) {
    for (const Range& range : partition(kParameters, servers)) {
      const auto slice = read_slice(files, folder.path(), *manifest, range);
      ASSERT_TRUE(slice) << slice.error().message;
      const auto values = slice->values.as<float>();
      EXPECT_EQ(std::vector<float>(values.begin(), values.end()), numbers(range, 0));
      EXPECT_EQ(slice->state, (std::vector<std::vector<float>>{numbers(range, 1000)}));
    }
  }
}

TEST(Checkpoint, KeepsTheLastOnes) {
  const TestFolder folder;
  RealFiles files;
  for (const std::int64_t step : {1, 5, 20}) write_checkpoint(files, folder.path(), step, 1);
  EXPECT_EQ(checkpoint_steps(files, folder.path()), (std::vector<std::int64_t>{20, 5}));
  EXPECT_FALSE(files.exists(folder / "step-000000000001"));
  EXPECT_EQ(checkpoint_steps(files, folder / "nowhere"), std::vector<std::int64_t>{});
}

TEST(Checkpoint, IsNoneWithoutItsManifest) {
  const TestFolder folder;
  RealFiles files;
  write_checkpoint(files, folder.path(), 5, 1);
  ASSERT_TRUE(write_slice(files, folder.path(), 9, 0,
                          {.range = {0, kParameters},
                           .values = program::Buffer(numbers({0, kParameters}, 0)),
                           .state = {}}));
  EXPECT_EQ(checkpoint_steps(files, folder.path()), std::vector<std::int64_t>{5});
}

// Every byte of a file counts: a torn end and a flipped bit anywhere are noticed.
TEST(Checkpoint, NoticesTornAndChangedFiles) {
  const TestFolder folder;
  RealFiles files;
  write_checkpoint(files, folder.path(), 5, 2);
  const std::string path = folder / "step-000000000005/server-1.bin";
  const std::string whole = files.read(path).value();
  const Manifest manifest = read_manifest(files, folder.path(), 5).value();
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    std::ofstream(path, std::ios::binary) << changed;
    const auto slice = read_slice(files, folder.path(), manifest, {0, kParameters});
    ASSERT_FALSE(slice);
    EXPECT_EQ(slice.error().code, ErrorCode::data_corrupted);
    EXPECT_EQ(slice.error().message, "'" + path + "' has another checksum than was written");
  }
  std::ofstream(path, std::ios::binary) << whole.substr(0, whole.size() - 1);
  const auto torn = read_slice(files, folder.path(), manifest, {0, kParameters});
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().message, "'" + path + "' has " + std::to_string(whole.size() - 1) +
                                      " bytes in the place of " + std::to_string(whole.size()));
  // The other server's part is whole.
  EXPECT_TRUE(read_slice(files, folder.path(), manifest, {0, 48}));
}

TEST(Checkpoint, RefusesAManifestThatLeavesSomethingOut) {
  const TestFolder folder;
  RealFiles files;
  write_checkpoint(files, folder.path(), 5, 2);
  const std::string path = folder / "step-000000000005/manifest.json";
  std::string text = files.read(path).value();
  text.replace(text.find("\"parameters\": 100"), 17, "\"parameters\": 101");
  std::ofstream(path) << text;
  EXPECT_EQ(read_manifest(files, folder.path(), 5).error().message,
            "'" + path + "' does not cover all parameters");
  std::ofstream(path) << text.substr(0, 20);
  EXPECT_EQ(read_manifest(files, folder.path(), 5).error().message,
            "'" + path + "' is no manifest of a checkpoint");
}

TEST(Dataset, ReadsASetOfImages) {
  const TestFolder folder;
  write_small_set(folder.path());
  const auto data = load_dataset(folder.path());
  ASSERT_TRUE(data) << data.error().message;
  EXPECT_EQ(data->train.count(), 203U);
  EXPECT_EQ(data->test.count(), 60U);
  EXPECT_EQ(data->shape.features(), 16U);
  EXPECT_EQ(data->shape.classes, 4);
  Examples examples;
  gather(*data, data->train, std::vector<std::uint32_t>{202, 0}, examples);
  EXPECT_EQ(examples.labels,
            (std::vector<std::int32_t>{data->train.labels[202], data->train.labels[0]}));
  EXPECT_NEAR(examples.features[16], (data->train.pixels[0] - data->mean) / data->deviation, 1e-6);
}

TEST(Dataset, SaysWhatIsWrongWithAFile) {
  const TestFolder folder;
  write_small_set(folder.path());
  const std::string images = folder / "train-images-idx3-ubyte.gz";
  write_packed(images, big_endian_bytes(0x803) + big_endian_bytes(2) + big_endian_bytes(1) +
                           big_endian_bytes(1) + "x");
  EXPECT_EQ(load_dataset(folder.path()).error().message,
            "'" + images + "' has 1 bytes of data, its header says 2");
  write_packed(images, big_endian_bytes(0x801) + "abcdefghijkl");
  EXPECT_EQ(load_dataset(folder.path()).error().message,
            "'" + images + "' is no IDX file with 3 dimensions");
  EXPECT_EQ(
      load_dataset("digits", folder.path()).error().message,
      "cannot read '" + folder.path() + "/digits.csv.gz'; install the package python3-sklearn");
  EXPECT_EQ(load_dataset("digit").error().message,
            "there is no data set 'digit'; did you mean 'digits'?; a folder has a slash in its "
            "name");
  write_packed(folder / "digits.csv.gz", "1,2,3\n");
  EXPECT_EQ(load_dataset("digits", folder.path()).error().message,
            folder.path() + "/digits.csv.gz:1: 3 numbers in the place of 65");
}

}  // namespace
}  // namespace bourse::training
