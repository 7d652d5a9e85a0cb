#include "bourse/program/named_address.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bourse/base/text.h"
#include "bourse/program/context.h"
#include "bourse/program/runtime.h"

namespace bourse::program {
namespace {

Directory& directory_here() {
  if (context().runtime == nullptr)
    throw CallError(CallCode::failed_precondition, "addresses are known to nodes only");
  return context().runtime->directory();
}

}  // namespace

NamedAddress::NamedAddress(std::string name) : name_(std::move(name)) {
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_fine = [&](char c) { return is_small(c) || (c >= '0' && c <= '9') || c == '_'; };
  if (name_.empty() || !is_small(name_.front()) || !std::ranges::all_of(name_, is_fine))
    throw std::invalid_argument(
        fmt::format("'{}' is no name of an address; use small letters, digits and '_', a letter "
                    "first",
                    quotable(name_)));
}

void NamedAddress::publish(const std::string& text) const { directory_here().publish(name_, text); }

std::string NamedAddress::resolve(Nanoseconds at_most) const {
  constexpr Nanoseconds kPause = std::chrono::milliseconds(10);
  const Deadline until = deadline_in(at_most);
  while (true) {
    if (std::optional<std::string> text = directory_here().find_text(name_))
      return *std::move(text);
    if (now() >= until)
      throw CallError(CallCode::deadline_exceeded,
                      fmt::format("nobody has published the address '{}'", name_));
    if (wait_for_stop(kPause)) throw CallError(CallCode::cancelled, "the program is stopping");
  }
}

}  // namespace bourse::program
