#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// One value of a YAML document, with where it stands. Scalars keep their text; what it means is up
/// to the field.
struct YamlValue {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  std::uint32_t line = 1;             ///< From 1.
  std::uint32_t index = 0;            ///< Position in its list.
  const YamlValue* parent = nullptr;  ///< Null for the root.
  std::string key;                    ///< In its map.
  std::string text;                   ///< Of a scalar.
  std::vector<YamlValue> items;       ///< Of a list or map, in the order of the file.
};

/// Limits on what is read, so that a hostile file costs bounded time, stack and memory.
inline constexpr std::size_t kMaxYamlDepth = 32;
inline constexpr std::size_t kMaxYamlValues = std::size_t{1} << 24;

/// A view of one value of a document that can say in a message where it stands. As long-lived as
/// the document.
class YamlField {
 public:
  YamlField(const YamlValue& value, std::string_view file) : value_(&value), file_(file) {}

  [[nodiscard]] const YamlValue& value() const { return *value_; }
  [[nodiscard]] bool is_scalar() const { return value_->kind == YamlValue::Kind::scalar; }
  /// "jobs[3].arrival"; empty for the root.
  [[nodiscard]] std::string path() const;
  /// invalid_argument "file:line: field 'path': what".
  [[nodiscard]] tl::unexpected<Error> error(std::string_view what) const;
  /// The same for a field of this map, at the line of the map: for what is missing.
  [[nodiscard]] tl::unexpected<Error> error_in(std::string_view key, std::string_view what) const;

  /// Errors: not a map.
  [[nodiscard]] Result<void> expect_map() const;
  /// Errors: not a map, or a key that is not in `known` (the nearest is suggested).
  [[nodiscard]] Result<void> expect_keys(std::span<const std::string_view> known) const;
  /// The only field of a map; which one it is says its key.
  /// Errors: not a map of exactly one of the `known` keys.
  [[nodiscard]] Result<YamlField> only_one_of(std::span<const std::string_view> known) const;
  /// The field of that key, if this is a map that has it.
  [[nodiscard]] std::optional<YamlField> find(std::string_view key) const;
  /// Errors: the key is missing.
  [[nodiscard]] Result<YamlField> required(std::string_view key) const;
  /// The items of a list. Errors: not a list, or an empty one.
  [[nodiscard]] Result<std::vector<YamlField>> list() const;
  /// The fields of a map. Errors: not a map, or an empty one.
  [[nodiscard]] Result<std::vector<YamlField>> fields() const;

  /// The text of a scalar. Errors: not a scalar, empty, longer than 1000 bytes, or not one line
  /// without control characters.
  [[nodiscard]] Result<std::string_view> text() const;
  /// What bourse/base/units.h reads from the text.
  [[nodiscard]] Result<double> number() const;
  [[nodiscard]] Result<Seconds> seconds() const;
  [[nodiscard]] Result<Bytes> bytes() const;
  [[nodiscard]] Result<BytesPerSecond> bytes_per_second() const;
  /// A number above 0.
  [[nodiscard]] Result<double> positive() const;
  /// A whole number in [low, high].
  [[nodiscard]] Result<int> whole(int low, int high) const;
  /// "0.5/h": a number of at least 0 over a unit of time; per second. A bare 0 needs no unit.
  [[nodiscard]] Result<double> per_second() const;

 private:
  template <class T>
  Result<T> placed(Result<T> result) const {
    if (!result) return error(result.error().message);
    return result;
  }

  const YamlValue* value_;
  std::string_view file_;
};

/// A parsed file. The values point at their parents, hence the heap.
struct YamlDocument {
  std::string file;
  std::unique_ptr<const YamlValue> root_value;
  [[nodiscard]] YamlField root() const { return {*root_value, file}; }
};

/// Parses one YAML document. `file` is the name used in messages.
/// Errors: invalid_argument "file:line: ..." for a syntax error, a duplicate key, an alias, a key
/// that is not a word, a second document, a control character, more than kMaxYamlDepth levels or
/// kMaxYamlValues values; resource_exhausted above kMaxYamlBytes.
[[nodiscard]] Result<YamlDocument> parse_yaml(std::string_view text, std::string_view file);

/// True if there is no control character in the text, so that it is fit for messages and tables.
[[nodiscard]] bool is_one_line(std::string_view text);

/// The text as a YAML scalar that reads back as the same text: plain where that is safe, else in
/// double quotes.
[[nodiscard]] std::string yaml_text(std::string_view text);

}  // namespace bourse
