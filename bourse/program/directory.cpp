#include "bourse/program/directory.h"

#include <fmt/format.h>

namespace bourse::program {

bool DirectoryTable::set_unit(std::uint32_t unit, const UnitAddress& address) {
  const std::lock_guard lock(mutex_);
  const auto known = epochs_.find(unit);
  if (known != epochs_.end() && address.epoch < known->second) return false;
  epochs_[unit] = address.epoch;
  units_[unit] = address;
  return true;
}

void DirectoryTable::remove_unit(std::uint32_t unit) {
  const std::lock_guard lock(mutex_);
  units_.erase(unit);
}

void DirectoryTable::set_absent(std::uint32_t unit, bool is_absent) {
  const std::lock_guard lock(mutex_);
  units_.erase(unit);
  if (is_absent)
    absent_.insert(unit);
  else
    absent_.erase(unit);
}

void DirectoryTable::begin_stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
}

std::vector<std::uint32_t> DirectoryTable::absent_units() {
  const std::lock_guard lock(mutex_);
  return {absent_.begin(), absent_.end()};
}

std::optional<UnitAddress> DirectoryTable::find_unit(std::uint32_t unit) {
  const std::lock_guard lock(mutex_);
  if (absent_.contains(unit)) return UnitAddress{};
  const auto found = units_.find(unit);
  if (found != units_.end()) return found->second;
  if (is_stopping_) throw CallError(CallCode::cancelled, "the program is stopping");
  return std::nullopt;
}

void DirectoryTable::publish(const std::string& name, const std::string& text) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = texts_.emplace(name, text);
  if (!is_new && entry->second != text)
    throw CallError(CallCode::failed_precondition,
                    fmt::format("'{}' is published already, as '{}'", name, entry->second));
}

std::optional<std::string> DirectoryTable::find_text(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = texts_.find(name);
  if (found == texts_.end()) return std::nullopt;
  return found->second;
}

}  // namespace bourse::program
