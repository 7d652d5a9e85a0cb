#include "bourse/training/checkpoint.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "bourse/base/check.h"

namespace bourse::training {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kPrefix = "step-";
constexpr std::string_view kMagic = "BRSSLICE";
constexpr int kVersion = 1;
/// Behind the magic: version, step, begin, end and vectors of the optimiser, 8 bytes each.
constexpr std::size_t kNumbers = 5;
constexpr std::size_t kHeader = 8 + 8 * kNumbers;

std::string step_folder(const std::string& folder, std::int64_t step) {
  return fmt::format("{}/{}{:012}", folder, kPrefix, step);
}

std::string manifest_path(const std::string& folder, std::int64_t step) {
  return step_folder(folder, step) + "/manifest.json";
}

std::uint32_t crc_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

void append_number(std::string& bytes, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(number >> (8 * i) & 0xff);
}

std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t number = 0;
  for (std::size_t i = 8; i-- > 0;) number = number << 8 | static_cast<std::uint8_t>(bytes[at + i]);
  return number;
}

std::string bytes_of(std::int64_t step, const StateSlice& slice) {
  std::string bytes(kMagic);
  bytes.reserve(kHeader + slice.values.size() * (1 + slice.state.size()));
  append_number(bytes, kVersion);
  append_number(bytes, static_cast<std::uint64_t>(step));
  append_number(bytes, slice.range.begin);
  append_number(bytes, slice.range.end);
  append_number(bytes, slice.state.size());
  bytes.append(reinterpret_cast<const char*>(slice.values.data()), slice.values.size());
  for (const std::vector<float>& part : slice.state)
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size() * sizeof(float));
  return bytes;
}

tl::unexpected<Error> corrupted(std::string_view path, std::string_view why) {
  return fail(ErrorCode::data_corrupted, fmt::format("'{}' {}", path, why));
}

/// The bytes of a file, checked against what the manifest says of it.
Result<std::string> read_checked(Files& files, const std::string& folder, const Manifest& manifest,
                                 const SliceFile& file) {
  const std::string path = step_folder(folder, manifest.cursor.step) + "/" + file.name;
  BOURSE_TRY(std::string bytes, files.read(path));
  if (bytes.size() != file.size)
    return corrupted(path, fmt::format("has {} bytes in the place of {}", bytes.size(), file.size));
  if (crc_of(bytes) != file.crc) return corrupted(path, "has another checksum than was written");
  const std::uint64_t vectors = manifest.optimiser_vectors;
  if (bytes.size() != kHeader + file.range.count() * sizeof(float) * (1 + vectors) ||
      !bytes.starts_with(kMagic) || number_at(bytes, 8) != kVersion ||
      number_at(bytes, 16) != static_cast<std::uint64_t>(manifest.cursor.step) ||
      number_at(bytes, 24) != file.range.begin || number_at(bytes, 32) != file.range.end ||
      number_at(bytes, 40) != vectors)
    return corrupted(path, "is not the file that the manifest names");
  return bytes;
}

Result<Manifest> parse_manifest(const std::string& path, const std::string& text) {
  try {
    const Json json = Json::parse(text);
    Manifest manifest;
    manifest.cursor = {.step = json.at("step").get<std::int64_t>(),
                       .epoch = json.at("epoch").get<std::int64_t>(),
                       .position = json.at("position").get<std::int64_t>(),
                       .samples = json.at("samples").get<std::int64_t>()};
    manifest.cursor.progress = json.value("progress", static_cast<double>(manifest.cursor.samples));
    manifest.train_samples = json.value("train_samples", std::uint64_t{0});
    if (const auto noise = json.find("noise"); noise != json.end())
      manifest.noise = {.signal = noise->at(0).get<double>(),
                        .noise = noise->at(1).get<double>(),
                        .count = noise->at(2).get<std::int64_t>()};
    if (const auto norms = json.find("norms"); norms != json.end())
      manifest.norms = {.small = norms->at(0).get<double>(),
                        .small_norm = norms->at(1).get<double>(),
                        .big = norms->at(2).get<double>(),
                        .big_norm = norms->at(3).get<double>()};
    manifest.training = json.at("training").get<std::string>();
    manifest.parameters = json.at("parameters").get<std::uint64_t>();
    manifest.optimiser_vectors = json.at("optimiser_vectors").get<std::uint64_t>();
    std::uint64_t covered = 0;
    for (const Json& entry : json.at("files")) {
      manifest.files.push_back(
          {.name = entry.at("name").get<std::string>(),
           .range = {entry.at("begin").get<std::uint64_t>(), entry.at("end").get<std::uint64_t>()},
           .size = entry.at("size").get<std::uint64_t>(),
           .crc = entry.at("crc32").get<std::uint32_t>()});
      const SliceFile& file = manifest.files.back();
      if (file.range.begin != covered || file.range.end < covered ||
          file.name.find('/') != std::string::npos)
        return corrupted(path, "names files that do not follow each other");
      covered = file.range.end;
    }
    if (covered != manifest.parameters) return corrupted(path, "does not cover all parameters");
    return manifest;
  } catch (const Json::exception&) {
    return corrupted(path, "is no manifest of a checkpoint");
  }
}

}  // namespace

Result<SliceFile> write_slice(Files& files, const std::string& folder, std::int64_t step,
                              std::size_t server, const StateSlice& slice) {
  BOURSE_CHECK(slice.values.size() == slice.range.count() * sizeof(float));
  for (const std::vector<float>& part : slice.state)
    BOURSE_CHECK(part.size() == slice.range.count());
  BOURSE_TRY_VOID(files.make_directories(step_folder(folder, step)));
  const std::string bytes = bytes_of(step, slice);
  SliceFile file{.name = fmt::format("server-{}.bin", server),
                 .range = slice.range,
                 .size = bytes.size(),
                 .crc = crc_of(bytes)};
  BOURSE_TRY_VOID(files.write(step_folder(folder, step) + "/" + file.name, bytes));
  return file;
}

Result<void> write_manifest(Files& files, const std::string& folder, const Manifest& manifest,
                            std::size_t kept) {
  Json json = {{"step", manifest.cursor.step},
               {"epoch", manifest.cursor.epoch},
               {"position", manifest.cursor.position},
               {"samples", manifest.cursor.samples},
               {"progress", manifest.cursor.progress},
               {"train_samples", manifest.train_samples},
               {"noise", {manifest.noise.signal, manifest.noise.noise, manifest.noise.count}},
               {"norms",
                {manifest.norms.small, manifest.norms.small_norm, manifest.norms.big,
                 manifest.norms.big_norm}},
               {"training", manifest.training},
               {"parameters", manifest.parameters},
               {"optimiser_vectors", manifest.optimiser_vectors},
               {"files", Json::array()}};
  for (const SliceFile& file : manifest.files)
    json["files"].push_back({{"name", file.name},
                             {"begin", file.range.begin},
                             {"end", file.range.end},
                             {"size", file.size},
                             {"crc32", file.crc}});
  BOURSE_TRY_VOID(files.write(manifest_path(folder, manifest.cursor.step), json.dump(2) + "\n"));
  const std::vector<std::int64_t> steps = checkpoint_steps(files, folder);
  for (std::size_t i = std::max<std::size_t>(kept, 1); i < steps.size(); ++i) {
    // Without its manifest it is no checkpoint any more, however far the removal gets.
    BOURSE_TRY_VOID(files.remove(manifest_path(folder, steps[i])));
    BOURSE_TRY_VOID(files.remove(step_folder(folder, steps[i])));
  }
  return {};
}

std::vector<std::int64_t> checkpoint_steps(Files& files, const std::string& folder) {
  std::vector<std::int64_t> steps;
  const Result<std::vector<std::string>> names = files.list(folder);
  if (!names) return steps;
  for (const std::string& name : *names) {
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t step = 0;
    const auto [end, error] =
        std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), step);
    if (error == std::errc() && end == name.data() + name.size() &&
        files.exists(manifest_path(folder, step)))
      steps.push_back(step);
  }
  std::ranges::sort(steps, std::greater<>());
  return steps;
}

bool has_trained(const Cursor& cursor, std::int64_t epochs, std::uint64_t train_samples) {
  // A sum of what steps are worth is rounded; samples that count in full are not.
  constexpr double kRounding = 1e-9;
  const double all = static_cast<double>(epochs) * static_cast<double>(train_samples);
  return train_samples > 0 && cursor.progress >= all * (1 - kRounding);
}

bool is_finished(Files& files, const std::string& folder, std::int64_t epochs) {
  if (folder.empty()) return false;
  const std::vector<std::int64_t> steps = checkpoint_steps(files, folder);
  if (steps.empty()) return false;
  const Result<Manifest> newest = read_manifest(files, folder, steps.front());
  if (!newest) return false;
  return newest->train_samples == 0 ? newest->cursor.epoch >= epochs
                                    : has_trained(newest->cursor, epochs, newest->train_samples);
}

Result<Manifest> read_manifest(Files& files, const std::string& folder, std::int64_t step) {
  const std::string path = manifest_path(folder, step);
  BOURSE_TRY(const std::string text, files.read(path));
  BOURSE_TRY(Manifest manifest, parse_manifest(path, text));
  if (manifest.cursor.step != step) return corrupted(path, "is that of another step");
  return manifest;
}

Result<StateSlice> read_slice(Files& files, const std::string& folder, const Manifest& manifest,
                              Range wanted) {
  BOURSE_CHECK(wanted.end <= manifest.parameters);
  std::vector<std::vector<float>> vectors(1 + manifest.optimiser_vectors,
                                          std::vector<float>(wanted.count()));
  for (const SliceFile& file : manifest.files) {
    const std::uint64_t begin = std::max(wanted.begin, file.range.begin);
    const std::uint64_t end = std::min(wanted.end, file.range.end);
    if (begin >= end) continue;
    BOURSE_TRY(const std::string bytes, read_checked(files, folder, manifest, file));
    for (std::size_t i = 0; i < vectors.size(); ++i)
      std::memcpy(vectors[i].data() + (begin - wanted.begin),
                  bytes.data() + kHeader +
                      (i * file.range.count() + (begin - file.range.begin)) * sizeof(float),
                  (end - begin) * sizeof(float));
  }
  StateSlice slice{.range = wanted, .values = program::Buffer(std::move(vectors[0])), .state = {}};
  vectors.erase(vectors.begin());
  slice.state = std::move(vectors);
  return slice;
}

}  // namespace bourse::training
