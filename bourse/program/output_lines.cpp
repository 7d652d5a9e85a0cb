#include "bourse/program/output_lines.h"

namespace bourse::program {
namespace {

constexpr std::size_t kLongest = std::size_t{64} << 10;
constexpr std::size_t kKept = 50;

}  // namespace

void OutputLines::add(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    begun_ += text.substr(0, end);
    if (end == std::string_view::npos && begun_.size() < kLongest) return;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    emit(begun_);
    begun_.clear();
  }
}

void OutputLines::finish() {
  if (!begun_.empty()) emit(begun_);
  begun_.clear();
}

void OutputLines::emit(std::string_view line) {
  last_.emplace_back(line);
  if (last_.size() > kKept) last_.pop_front();
  on_line_(line);
}

}  // namespace bourse::program
