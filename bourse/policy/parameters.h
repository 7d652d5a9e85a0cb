#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/base/quantity.h"

namespace bourse {

/// One setting of a policy, for help texts and checks alike.
struct Parameter {
  std::string_view name;
  std::string_view default_text;
  std::string_view values;  ///< What may be written, e.g. "true | false", "a duration".
  std::string_view effect;  ///< What it does and what a larger value costs.
};

/// Values by parameter name, as the user wrote them. Sorted, so that output is stable.
using Settings = std::map<std::string, std::string, std::less<>>;

/// Reads settings against the parameters of one policy: what is not set has its default.
class SettingsReader {
 public:
  /// `policy` is the name used in messages. All references outlive the reader.
  SettingsReader(std::string_view policy, const std::vector<Parameter>& parameters,
                 const Settings& settings);

  /// Errors: invalid_argument if a setting has no parameter of its name (suggests the nearest).
  [[nodiscard]] Result<void> check_names() const;

  /// "pd-ors.tries": the setting as messages name it.
  [[nodiscard]] std::string full_name(std::string_view name) const;
  [[nodiscard]] std::string_view policy() const { return policy_; }

  /// Each returns the value. Errors: invalid_argument, "pd-ors.tries: 'x' is not ...".
  [[nodiscard]] std::string_view text(std::string_view name) const;
  [[nodiscard]] Result<bool> flag(std::string_view name) const;
  [[nodiscard]] Result<double> number(std::string_view name, double low, double high) const;
  [[nodiscard]] Result<int> whole(std::string_view name, int low, int high) const;
  [[nodiscard]] Result<Seconds> seconds(std::string_view name) const;
  /// A time between two decisions; `automatic` if the value is "auto". At least a millisecond:
  /// adding it to the time of a long run always moves that on.
  [[nodiscard]] Result<Seconds> period(std::string_view name, Seconds automatic) const;
  /// The same, or 0.
  [[nodiscard]] Result<Seconds> period_or_none(std::string_view name, Seconds automatic) const;
  /// The position of the value among `choices`.
  [[nodiscard]] Result<std::size_t> choice(std::string_view name,
                                           const std::vector<std::string_view>& choices) const;

 private:
  [[nodiscard]] tl::unexpected<Error> bad(std::string_view name, std::string_view why) const;

  std::string_view policy_;
  const std::vector<Parameter>* parameters_;
  const Settings* settings_;
};

}  // namespace bourse
