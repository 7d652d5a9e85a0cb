#include "tests/tidy/source.h"

namespace tidy {
namespace {

/// Walks over the text once; what it is inside of decides where a character goes.
class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<Line> run() {
    while (at_ < text_.size()) step();
    if (!line_.raw.empty()) end_line();
    return std::move(lines_);
  }

 private:
  enum class Inside { code, line_comment, block_comment, string, character, raw_string };

  void step() {
    const char c = text_[at_];
    if (c == '\n') {
      if (inside_ == Inside::line_comment) inside_ = Inside::code;
      ++at_;
      end_line();
      return;
    }
    switch (inside_) {
      case Inside::code:
        return in_code(c);
      case Inside::line_comment:
        return put(1, ' ', true);
      case Inside::block_comment:
        if (next_is("*/")) {
          inside_ = Inside::code;
          return put(2, ' ', true);
        }
        return put(1, ' ', true);
      case Inside::string:
        return in_quotes(c, '"');
      case Inside::character:
        return in_quotes(c, '\'');
      case Inside::raw_string:
        if (next_is(raw_end_)) {
          inside_ = Inside::code;
          return put(raw_end_.size(), ' ', false);
        }
        return put(1, ' ', false);
    }
  }

  void in_code(char c) {
    if (next_is("//")) {
      inside_ = Inside::line_comment;
      put(2, ' ', true);
    } else if (next_is("/*")) {
      inside_ = Inside::block_comment;
      put(2, ' ', true);
    } else if (next_is("R\"") && (at_ == 0 || !is_word(text_[at_ - 1]))) {
      const std::size_t open = text_.find('(', at_);
      const std::size_t length = (open == std::string_view::npos ? text_.size() : open) - at_;
      raw_end_ = ")" + std::string(text_.substr(at_ + 2, length - 2)) + "\"";
      inside_ = Inside::raw_string;
      put(length, ' ', false);
    } else if (c == '"' && !line_.code.starts_with("#include")) {
      inside_ = Inside::string;
      put(1, c, false);
    } else if (c == '\'' && (at_ == 0 || !is_word(text_[at_ - 1]))) {
      inside_ = Inside::character;
      put(1, c, false);
    } else {
      put(1, c, false);
    }
  }

  void in_quotes(char c, char quote) {
    if (c == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n') return put(2, ' ', false);
    if (c == quote) {
      inside_ = Inside::code;
      return put(1, c, false);
    }
    put(1, ' ', false);
  }

  [[nodiscard]] bool next_is(std::string_view mark) const {
    return text_.substr(at_).starts_with(mark);
  }

  void put(std::size_t count, char as_code, bool comment) {
    const std::string_view taken = text_.substr(at_, count);
    line_.raw += taken;
    line_.code.append(count, as_code);
    if (comment) line_.comment += taken;
    at_ += count;
  }

  void end_line() {
    lines_.push_back(std::move(line_));
    line_ = {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Inside inside_ = Inside::code;
  std::string raw_end_;
  Line line_;
  std::vector<Line> lines_;
};

}  // namespace

std::vector<Line> split_source(std::string_view text) { return Splitter(text).run(); }

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::size_t find_word(std::string_view text, std::string_view word, std::size_t from) {
  for (std::size_t at = text.find(word, from); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end])))
      return at;
  }
  return std::string_view::npos;
}

}  // namespace tidy
