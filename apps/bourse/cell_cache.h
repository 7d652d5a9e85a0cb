#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bourse/base/error.h"

namespace bourse {

/// Results by key, one file each. A file holds a fingerprint of what follows, so a damaged one is
/// seen and counts as absent. Processes may share the folder: files are replaced as a whole.
class CellCache {
 public:
  /// `program`: fingerprint of the program. What another program wrote is never found.
  CellCache(const std::string& folder, const std::string& program);

  /// What is stored under the key, if it is whole.
  [[nodiscard]] std::optional<std::string> find(const std::string& key) const;
  /// Errors: unavailable if it cannot be written.
  [[nodiscard]] Result<void> store(const std::string& key, std::string_view body) const;

  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] std::string path_of(const std::string& key) const;

 private:
  std::string folder_;
};

/// Where results are kept unless the user says otherwise: $XDG_CACHE_HOME/bourse, else
/// $HOME/.cache/bourse; empty if neither is set.
[[nodiscard]] std::string default_cache_folder();

}  // namespace bourse
