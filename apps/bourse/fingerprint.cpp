#include "apps/bourse/fingerprint.h"

#include <fmt/core.h>
#include <xxhash.h>

#include <memory>

#include "bourse/trace/byte_source.h"

namespace bourse {
namespace {

std::string hex(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

struct FreeState {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

}  // namespace

std::string fingerprint(std::string_view bytes) {
  return hex(XXH3_128bits(bytes.data(), bytes.size()));
}

Result<std::string> file_fingerprint(const std::string& path) {
  BOURSE_TRY(const std::unique_ptr<FileSource> source, FileSource::open(path));
  const std::unique_ptr<XXH3_state_t, FreeState> state(XXH3_createState());
  XXH3_128bits_reset(state.get());
  std::string buffer(std::size_t{1} << 20, '\0');
  while (true) {
    BOURSE_TRY(const std::size_t count, source->read(buffer));
    if (count == 0) return hex(XXH3_128bits_digest(state.get()));
    XXH3_128bits_update(state.get(), buffer.data(), count);
  }
}

Result<std::string> program_fingerprint() { return file_fingerprint("/proc/self/exe"); }

void KeyText::add(std::string_view name, std::string_view value) {
  text_ += fmt::format("{}:{}={}:{}\n", name.size(), name, value.size(), value);
}

}  // namespace bourse
