#pragma once

#include <cstddef>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// Bytes in order, from wherever they are: the one door through which a trace comes in.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  /// Fills the front of `out` and returns how many bytes it holds; 0 only at the end.
  /// Errors: unavailable if the bytes cannot be read; data_corrupted if they cannot be decoded.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> out) = 0;
  /// What messages call it, usually a path.
  [[nodiscard]] virtual std::string_view name() const = 0;
};

/// A file. Closed when the source goes.
class FileSource final : public ByteSource {
 public:
  /// Errors: not_found if the file cannot be opened. A directory opens and fails at the first read.
  [[nodiscard]] static Result<std::unique_ptr<FileSource>> open(const std::string& path);
  ~FileSource() override;

  [[nodiscard]] Result<std::size_t> read(std::span<char> out) override;
  [[nodiscard]] std::string_view name() const override { return path_; }

 private:
  FileSource(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}
  std::string path_;
  std::FILE* file_;
};

/// Bytes in memory; for tests, fuzzers and text that is already there.
class MemorySource final : public ByteSource {
 public:
  /// `bytes` must outlive the source.
  MemorySource(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {}

  [[nodiscard]] Result<std::size_t> read(std::span<char> out) override;
  [[nodiscard]] std::string_view name() const override { return name_; }

 private:
  std::string_view bytes_;
  std::string name_;
};

}  // namespace bourse
