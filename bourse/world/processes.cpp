#include "bourse/world/processes.h"

#include <fmt/format.h>

#include <cstring>

namespace bourse {

std::string text_of(ExitStatus status) {
  if (status.signal == 0) return fmt::format("exit status {}", status.code);
  const char* const name = sigdescr_np(status.signal);
  return fmt::format("killed by signal {} ({})", status.signal, name ? name : "unknown");
}

}  // namespace bourse
