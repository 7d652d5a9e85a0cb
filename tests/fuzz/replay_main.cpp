// Replays a fuzzing corpus without a fuzzer: every file below the folders (or files) named goes
// once through LLVMFuzzerTestOneInput. A crash or a failed check is the failure; so is an empty
// corpus.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inputs_of(int count, char** names) {
  std::vector<fs::path> inputs;
  for (int i = 0; i < count; ++i) {
    if (!fs::is_directory(names[i])) {
      inputs.emplace_back(names[i]);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(names[i]))
      if (entry.is_regular_file()) inputs.push_back(entry.path());
  }
  std::ranges::sort(inputs);
  return inputs;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<fs::path> inputs = inputs_of(argc - 1, argv + 1);
  for (const fs::path& input : inputs) {
    std::ifstream in(input, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "cannot read %s\n", input.c_str());
      return 1;
    }
    // The name comes first: after a crash it is the last line.
    std::printf("%s\n", input.c_str());
    std::fflush(stdout);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in),
                                  std::istreambuf_iterator<char>()};
    const std::vector<std::uint8_t> data(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(data.data(), data.size());
  }
  if (inputs.empty()) {
    std::fputs("there is no input to replay; name a folder or a file\n", stderr);
    return 1;
  }
  std::printf("%zu inputs\n", inputs.size());
  return 0;
}
