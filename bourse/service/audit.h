#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bourse {

/// A request that changed something or was refused, for the audit log. The instant is added by who
/// writes it down.
struct AuditEntry {
  std::string user;
  std::string role;   ///< Empty: nobody knew who it was.
  std::string token;  ///< Its id; empty: none.
  std::string address;
  std::optional<std::uint32_t> uid;  ///< Of a process on this machine.
  std::string method;
  std::string path;
  int status = 0;
};

/// One object of JSON on one line, without its line break.
[[nodiscard]] std::string audit_line(const AuditEntry& entry);

}  // namespace bourse
