#include "bourse/model/yaml.h"

#include <fmt/core.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/base/units.h"
#include "bourse/model/workload.h"

namespace bourse {
namespace {

using Kind = YamlValue::Kind;

/// Stops yaml-cpp from inside an event; never leaves this file.
struct Refused {
  std::uint32_t line;
  std::string what;
};

std::uint32_t line_of(const YAML::Mark& mark) {
  return mark.line < 0 ? 1 : static_cast<std::uint32_t>(mark.line) + 1;
}

/// Builds the tree from the events of the parser, which is several times faster than yaml-cpp's own
/// tree and lets hostile files be refused as they are read.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(YamlValue& root) : root_(&root) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(mark, Kind::null); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused{line_of(mark), "aliases (*name) are not read; write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    if (open_.empty() || open_.back().value->kind != Kind::map || open_.back().has_key) {
      add(mark, Kind::scalar).text = value;
      return;
    }
    open_.back().has_key = true;
    open_.back().key = value;
    open_.back().key_line = line_of(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(add(mark, Kind::list));
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(add(mark, Kind::map));
  }
  void OnMapEnd() override {
    refuse_duplicates(*open_.back().value);
    open_.pop_back();
  }

 private:
  /// A list or map whose end has not come. Its last item is the only one that still moves.
  struct Frame {
    YamlValue* value;
    bool has_key = false;
    std::string key;
    std::uint32_t key_line = 1;
  };

  YamlValue& add(const YAML::Mark& mark, Kind kind) {
    if (++count_ > kMaxYamlValues)
      throw Refused{line_of(mark), fmt::format("the file has more than {} values", kMaxYamlValues)};
    YamlValue* value = root_;
    if (!open_.empty()) {
      Frame& frame = open_.back();
      if (frame.value->kind == Kind::map && !frame.has_key)
        throw Refused{line_of(mark), "a key must be a word, or a '{' or '[' is not closed"};
      value = &frame.value->items.emplace_back();
      value->index = static_cast<std::uint32_t>(frame.value->items.size() - 1);
      value->line = line_of(mark);
      if (frame.has_key) {
        value->key = std::move(frame.key);
        if (kind != Kind::list && kind != Kind::map) value->line = frame.key_line;
        frame.has_key = false;
      }
    }
    if (open_.empty()) value->line = line_of(mark);
    value->kind = kind;
    return *value;
  }

  void open(YamlValue& value) {
    if (open_.size() >= kMaxYamlDepth)
      throw Refused{value.line, fmt::format("nesting is deeper than {} levels", kMaxYamlDepth)};
    open_.push_back(Frame{.value = &value, .has_key = false, .key = {}, .key_line = 1});
  }

  static void refuse_duplicates(const YamlValue& map) {
    const auto refuse = [](const YamlValue& second, const YamlValue& first) {
      throw Refused{second.line, fmt::format("key '{}' is there twice; it is first at line {}",
                                             quotable(second.key), first.line)};
    };
    if (map.items.size() <= 16) {
      for (std::size_t i = 1; i < map.items.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
          if (map.items[i].key == map.items[j].key) refuse(map.items[i], map.items[j]);
      return;
    }
    std::unordered_map<std::string_view, const YamlValue*> seen;
    for (const YamlValue& item : map.items)
      if (const auto [it, fresh] = seen.emplace(item.key, &item); !fresh) refuse(item, *it->second);
  }

  YamlValue* root_;
  std::vector<Frame> open_;
  std::size_t count_ = 0;
};

/// The depth of the tree is bounded by kMaxYamlDepth, and so is this recursion.
void link_parents(YamlValue& value) {
  for (YamlValue& item : value.items) {
    item.parent = &value;
    link_parents(item);
  }
}

/// yaml-cpp takes byte 4 for the end of the file and lets others pass; none belongs into a text.
Result<void> refuse_control_characters(std::string_view text, std::string_view file) {
  std::size_t line = 1;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') ++line;
    if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f)
      return invalid(fmt::format("{}:{}: has the control character \\x{:02x}; write UTF-8 text",
                                 file, line, byte));
  }
  return {};
}

void append_path(const YamlValue& value, std::string& path) {
  if (value.parent == nullptr) return;
  append_path(*value.parent, path);
  if (value.parent->kind == Kind::list) {
    path += fmt::format("[{}]", value.index);
  } else {
    if (!path.empty()) path += '.';
    path += quotable(value.key);
  }
}

}  // namespace

Result<YamlDocument> parse_yaml(std::string_view text, std::string_view file) {
  if (text.size() > kMaxYamlBytes)
    return fail(ErrorCode::resource_exhausted,
                fmt::format("{}: is larger than {} MiB", file, kMaxYamlBytes >> 20));
  BOURSE_TRY_VOID(refuse_control_characters(text, file));
  auto root = std::make_unique<YamlValue>();
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    TreeBuilder builder(*root);
    parser.HandleNextDocument(builder);
    YamlValue rest;
    TreeBuilder after(rest);
    if (parser.HandleNextDocument(after))
      throw Refused{rest.line, "a second document begins here; a file has only one"};
  } catch (const Refused& refused) {
    return invalid(fmt::format("{}:{}: {}", file, refused.line, refused.what));
  } catch (const YAML::Exception& e) {
    return invalid(
        fmt::format("{}:{}: is not valid YAML: {}", file, line_of(e.mark), quotable(e.msg, 200)));
  } catch (const std::exception& e) {
    return invalid(fmt::format("{}: is not valid YAML: {}", file, quotable(e.what(), 200)));
  }
  link_parents(*root);
  return YamlDocument{.file = std::string(file), .root_value = std::move(root)};
}

std::string YamlField::path() const {
  std::string path;
  append_path(*value_, path);
  return path;
}

tl::unexpected<Error> YamlField::error(std::string_view what) const {
  if (value_->parent == nullptr)
    return invalid(fmt::format("{}:{}: the file {}", file_, value_->line, what));
  return invalid(fmt::format("{}:{}: field '{}': {}", file_, value_->line, path(), what));
}

tl::unexpected<Error> YamlField::error_in(std::string_view key, std::string_view what) const {
  std::string where = path();
  if (!where.empty()) where += '.';
  return invalid(fmt::format("{}:{}: field '{}{}': {}", file_, value_->line, where, key, what));
}

Result<void> YamlField::expect_map() const {
  if (value_->kind == Kind::null) return error("is empty; it must be a map of fields");
  if (value_->kind != Kind::map) return error("must be a map of fields");
  return {};
}

Result<void> YamlField::expect_keys(std::span<const std::string_view> known) const {
  BOURSE_TRY_VOID(expect_map());
  for (const YamlValue& item : value_->items)
    if (std::ranges::find(known, item.key) == known.end())
      return YamlField(item, file_).error("is not known" + suggestion(item.key, known));
  return {};
}

Result<YamlField> YamlField::only_one_of(std::span<const std::string_view> known) const {
  BOURSE_TRY_VOID(expect_keys(known));
  if (value_->items.size() == 1) return YamlField(value_->items.front(), file_);
  std::string names;
  for (const std::string_view name : known)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  return error(fmt::format("has {} shapes; give exactly one of {}", value_->items.size(), names));
}

std::optional<YamlField> YamlField::find(std::string_view key) const {
  if (value_->kind != Kind::map) return std::nullopt;
  for (const YamlValue& item : value_->items)
    if (item.key == key) return YamlField(item, file_);
  return std::nullopt;
}

Result<YamlField> YamlField::required(std::string_view key) const {
  if (const auto field = find(key)) return *field;
  return error_in(key, "is missing");
}

Result<std::vector<YamlField>> YamlField::list() const {
  if (value_->kind != Kind::list) return error("must be a list");
  if (value_->items.empty()) return error("is an empty list");
  std::vector<YamlField> items;
  items.reserve(value_->items.size());
  for (const YamlValue& item : value_->items) items.emplace_back(item, file_);
  return items;
}

Result<std::vector<YamlField>> YamlField::fields() const {
  BOURSE_TRY_VOID(expect_map());
  if (value_->items.empty()) return error("is an empty map");
  std::vector<YamlField> items;
  items.reserve(value_->items.size());
  for (const YamlValue& item : value_->items) items.emplace_back(item, file_);
  return items;
}

Result<std::string_view> YamlField::text() const {
  if (value_->kind == Kind::null) return error("is empty");
  if (value_->kind != Kind::scalar) return error("must be a single value");
  if (trim(value_->text).empty()) return error("is empty");
  if (value_->text.size() > 1000) return error("is longer than 1000 bytes");
  if (!is_one_line(value_->text)) return error("must be one line without control characters");
  return std::string_view(value_->text);
}

Result<double> YamlField::number() const {
  BOURSE_TRY(const std::string_view words, text());
  return placed(parse_number(words));
}

Result<Seconds> YamlField::seconds() const {
  BOURSE_TRY(const std::string_view words, text());
  return placed(parse_seconds(words));
}

Result<Bytes> YamlField::bytes() const {
  BOURSE_TRY(const std::string_view words, text());
  return placed(parse_bytes(words));
}

Result<BytesPerSecond> YamlField::bytes_per_second() const {
  BOURSE_TRY(const std::string_view words, text());
  return placed(parse_bytes_per_second(words));
}

Result<double> YamlField::positive() const {
  BOURSE_TRY(const double value, number());
  if (value <= 0) return error(fmt::format("'{}' is not above 0", quotable(value_->text)));
  return value;
}

Result<int> YamlField::whole(int low, int high) const {
  BOURSE_TRY(const double value, number());
  if (value < low || value > high || value != std::floor(value))
    return error(
        fmt::format("'{}' is not a whole number from {} to {}", quotable(value_->text), low, high));
  return static_cast<int>(value);
}

Result<double> YamlField::per_second() const {
  BOURSE_TRY(const std::string_view words, text());
  const auto slash = words.find('/');
  BOURSE_TRY(const double count, placed(parse_number(words.substr(0, slash))));
  if (count < 0) return error(fmt::format("'{}' is negative", quotable(words)));
  if (slash == std::string_view::npos && count == 0) return 0.0;
  const std::string_view name =
      slash == std::string_view::npos ? std::string_view() : trim(words.substr(slash + 1));
  const auto unit = parse_seconds("1" + std::string(name));
  if (name.empty() || !unit || name.find_first_of("0123456789.+- ") != std::string_view::npos)
    return error(
        fmt::format("'{}' is not a number per unit of time, such as 0.5/h", quotable(words)));
  const double rate = count / unit->value;
  if (!std::isfinite(rate))
    return error(fmt::format("'{}' is out of the range of a number", quotable(words)));
  return rate;
}

bool is_one_line(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string yaml_text(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  const auto is_plain = [&](char c) { return is_word(c) || c == '-' || c == '.' || c == '/'; };
  const bool null_like = text == "null" || text == "Null" || text == "NULL";
  if (!text.empty() && is_word(text.front()) && !null_like && std::ranges::all_of(text, is_plain))
    return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += fmt::format("\\{}", c);
    else if (byte < 0x20 || byte == 0x7f)
      out += fmt::format("\\x{:02x}", byte);
    else
      out += c;
  }
  return out + '"';
}

}  // namespace bourse
