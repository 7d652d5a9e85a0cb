#include "bourse/service/command_words.h"

#include <fmt/core.h>

#include "bourse/base/text.h"

namespace bourse {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kShellAnywhere = "|&;<>()$`*?[\n\r";
constexpr std::string_view kShellAtStart = "~#!";

tl::unexpected<Error> needs_shell(std::string_view what) {
  return invalid(fmt::format(
      "has {}, which only a shell understands; write [sh, -c, '...'] to run one", what));
}

tl::unexpected<Error> needs_shell(char c) {
  if (c == '\n' || c == '\r') return needs_shell("several lines");
  return needs_shell(fmt::format("'{}'", c));
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(trim(text)) {}

  Result<std::vector<std::string>> words() {
    std::vector<std::string> words;
    while (true) {
      while (at_ < text_.size() && kBlanks.find(text_[at_]) != std::string_view::npos) ++at_;
      if (at_ == text_.size()) break;
      BOURSE_TRY(std::string next, word());
      if (words.empty() && is_assignment(next)) return needs_shell("a variable in front");
      words.push_back(std::move(next));
    }
    if (words.size() > 1 && words.front() == "exec") words.erase(words.begin());
    return words;
  }

 private:
  Result<std::string> word() {
    if (kShellAtStart.find(text_[at_]) != std::string_view::npos) return needs_shell(text_[at_]);
    std::string word;
    while (at_ < text_.size() && kBlanks.find(text_[at_]) == std::string_view::npos) {
      const char c = text_[at_++];
      if (c == '\'') {
        BOURSE_TRY_VOID(single_quoted(word));
      } else if (c == '"') {
        BOURSE_TRY_VOID(double_quoted(word));
      } else if (c == '\\') {
        if (at_ == text_.size()) return invalid("ends with a '\\'");
        word += text_[at_++];
      } else if (kShellAnywhere.find(c) != std::string_view::npos) {
        return needs_shell(c);
      } else {
        word += c;
      }
    }
    return word;
  }

  Result<void> single_quoted(std::string& word) {
    const auto end = text_.find('\'', at_);
    if (end == std::string_view::npos) return invalid("has a ' without a second one");
    word += text_.substr(at_, end - at_);
    at_ = end + 1;
    return {};
  }

  Result<void> double_quoted(std::string& word) {
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return {};
      if (c == '$' || c == '`') return needs_shell(c);
      const bool is_escape = c == '\\' && at_ < text_.size() &&
                             std::string_view("\"\\$`").find(text_[at_]) != std::string_view::npos;
      word += is_escape ? text_[at_++] : c;
    }
    return invalid("has a \" without a second one");
  }

  /// NAME=value, as a shell sets it for one command.
  static bool is_assignment(std::string_view word) {
    const auto equals = word.find('=');
    return equals != std::string_view::npos && equals > 0 &&
           word.substr(0, equals).find('/') == std::string_view::npos;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<std::vector<std::string>> command_words(std::string_view text) {
  return Splitter(text).words();
}

}  // namespace bourse
