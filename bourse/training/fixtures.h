#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "bourse/base/random.h"

namespace bourse::training {

/// A folder that is removed with its test.
class TestFolder {
 public:
  TestFolder() {
    std::string name = std::filesystem::temp_directory_path() / "bourse-training-XXXXXX";
    path_ = mkdtemp(name.data()) == nullptr ? "" : name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Writes a file as gzip does.
inline void write_packed(const std::string& path, const std::string& bytes) {
  const gzFile file = gzopen(path.c_str(), "wb1");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())),
            static_cast<int>(bytes.size()));
  gzclose(file);
}

/// Four bytes, as the headers of IDX files have them.
inline std::string big_endian_bytes(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 0xff);
  return bytes;
}

/// One part of an MNIST-like set of 4 x 4 images in four classes: class c is bright in row c.
inline void write_part(const std::string& folder, const std::string& part, std::uint32_t count,
                       std::uint64_t seed) {
  std::string images =
      big_endian_bytes(0x803) + big_endian_bytes(count) + big_endian_bytes(4) + big_endian_bytes(4);
  std::string labels = big_endian_bytes(0x801) + big_endian_bytes(count);
  RandomStream random(seed, Purpose::test);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int64_t label = random.integer(0, 3);
    labels += static_cast<char>(label);
    for (std::int64_t pixel = 0; pixel < 16; ++pixel)
      images += static_cast<char>(random.integer(0, 90) + (pixel / 4 == label ? 60 : 0));
  }
  write_packed(folder + "/" + part + "-images-idx3-ubyte.gz", images);
  write_packed(folder + "/" + part + "-labels-idx1-ubyte.gz", labels);
}

/// 203 images to train on, so that no batch divides them, and 60 for the test.
inline void write_small_set(const std::string& folder) {
  write_part(folder, "train", 203, 1);
  write_part(folder, "t10k", 60, 2);
}

}  // namespace bourse::training
