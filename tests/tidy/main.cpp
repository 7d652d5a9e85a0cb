// Usage: tidy ROOT. Prints every broken rule as file:line: what; exit status 1 if there is one.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/tidy/tidy.h"

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Every file of the project that people wrote, sorted; builds and fuzzing corpora are left out.
std::vector<fs::path> files_below(const fs::path& root) {
  std::vector<fs::path> files;
  for (auto entry = fs::recursive_directory_iterator(root); entry != fs::end(entry); ++entry) {
    const std::string name = entry->path().filename().string();
    const bool hidden = name.starts_with(".") && name != ".ci";
    if (entry->is_directory() && (hidden || name == "build" || name == "corpus"))
      entry.disable_recursion_pending();
    else if (entry->is_regular_file() && !hidden)
      files.push_back(entry->path());
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("Usage: tidy ROOT\n", stderr);
    return 2;
  }
  const fs::path root = argv[1];
  const fs::path plan = root / "bourse" / "LAYERS";
  if (!fs::exists(plan)) {
    std::fprintf(stderr, "tidy: there is no %s\n", plan.c_str());
    return 2;
  }
  std::vector<tidy::Finding> findings;
  const tidy::Layers layers = tidy::parse_layers(read(plan), "bourse/LAYERS", findings);
  std::size_t count = 0;
  for (const fs::path& path : files_below(root)) {
    const fs::path header = fs::path(path).replace_extension(".h");
    const bool has_sibling = path.extension() == ".cpp" && fs::exists(header);
    const auto found = tidy::check_file({.path = path.lexically_relative(root).generic_string(),
                                         .text = read(path),
                                         .sibling = has_sibling ? read(header) : ""},
                                        layers);
    findings.insert(findings.end(), found.begin(), found.end());
    ++count;
  }
  for (const tidy::Finding& finding : findings) std::printf("%s\n", tidy::to_text(finding).c_str());
  std::printf("tidy: %zu files, %zu findings\n", count, findings.size());
  return findings.empty() ? 0 : 1;
}
