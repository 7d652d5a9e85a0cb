#include "bourse/report/table.h"

#include <algorithm>
#include <utility>

#include "bourse/base/check.h"
#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::string_view kGap = "  ";

void append_cell(std::string& line, std::string_view cell, std::size_t width, Align align) {
  const std::string blanks(width - display_width(cell), ' ');
  if (align == Align::right) line += blanks;
  line += cell;
  if (align == Align::left) line += blanks;
}

void end_line(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n';
}

}  // namespace

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

void Table::add_row(std::vector<std::string> cells) {
  BOURSE_CHECK(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text(std::size_t width) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    widths.push_back(display_width(columns_[c].title));
    for (const auto& row : rows_) widths[c] = std::max(widths[c], display_width(row[c]));
  }
  std::string out;
  std::size_t next = 1;
  do {
    std::vector<std::size_t> block{0};
    std::size_t used = widths[0];
    while (next < columns_.size() &&
           (block.size() == 1 || used + kGap.size() + widths[next] <= width)) {
      used += kGap.size() + widths[next];
      block.push_back(next++);
    }
    if (!out.empty()) out += '\n';
    const auto add_line = [&](const auto& cell_of) {
      std::string line;
      for (const std::size_t c : block) {
        if (c != 0) line += kGap;
        append_cell(line, cell_of(c), widths[c], columns_[c].align);
      }
      end_line(line);
      out += line;
    };
    add_line([&](std::size_t c) { return std::string_view(columns_[c].title); });
    for (const auto& row : rows_) add_line([&](std::size_t c) { return std::string_view(row[c]); });
  } while (next < columns_.size());
  return out;
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::string line(indent, ' ');
  bool empty = true;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    if (!empty && display_width(line) + 1 + display_width(word) > width) {
      out += line + '\n';
      line.assign(indent, ' ');
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  return empty ? out : out + line + '\n';
}

}  // namespace bourse
