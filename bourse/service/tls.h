#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/world/files.h"

namespace bourse {

/// A certificate and its key, both in PEM.
struct TlsFiles {
  std::string certificate;  ///< Path; the chain may follow in it.
  std::string key;          ///< Path; not encrypted.
};

/// Certificate and key in this directory, made if there are none: signed by itself, P-256, for ten
/// years, for these names and IP addresses, numbered `serial` (random). Errors: as Files; internal
/// if OpenSSL fails.
[[nodiscard]] Result<TlsFiles> own_certificate(Files& files, const std::string& directory,
                                               const std::vector<std::string>& names,
                                               std::uint64_t serial);

/// SHA-256 of the first certificate in a PEM text, 64 hexadecimal digits: what clients pin.
/// Errors: data_corrupted if there is none.
[[nodiscard]] Result<std::string> fingerprint_of(std::string_view pem, const std::string& file);

}  // namespace bourse
