#include "bourse/program/method.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

namespace bourse::program {
namespace {

/// Filled before main() from many files, in any order; shared libraries may add to it later.
struct MethodTable {
  std::mutex mutex;
  std::deque<MethodInfo> methods;
  /// By number. Classes of one name in two unnamed namespaces share numbers, not type_info.
  std::multimap<std::uint64_t, const MethodInfo*> by_id;
};

MethodTable& table() {
  static MethodTable* const only = new MethodTable;
  return *only;
}

}  // namespace

const MethodInfo* register_method(const MethodInfo& method) {
  MethodTable& known = table();
  const std::lock_guard lock(known.mutex);
  const MethodInfo& kept = known.methods.emplace_back(method);
  known.by_id.emplace(kept.id, &kept);
  return &kept;
}

const MethodInfo* find_method(std::uint64_t id, const std::type_info& node_class) {
  MethodTable& known = table();
  const std::lock_guard lock(known.mutex);
  const auto [first, last] = known.by_id.equal_range(id);
  for (auto entry = first; entry != last; ++entry)
    if (*entry->second->node_class == node_class) return entry->second;
  return nullptr;
}

std::vector<std::string_view> methods_of(const std::type_info& node_class) {
  MethodTable& known = table();
  const std::lock_guard lock(known.mutex);
  std::vector<std::string_view> names;
  for (const MethodInfo& method : known.methods)
    if (*method.node_class == node_class) names.push_back(method.name);
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  return names;
}

}  // namespace bourse::program
