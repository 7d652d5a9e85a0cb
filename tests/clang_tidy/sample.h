// Deliberate findings of clang-tidy, in a header and in a template.
#pragma once

#include <string>
#include <vector>

namespace sample {

/// Has a virtual function.
struct Base {
  virtual ~Base() = default;
  virtual int value(int factor) const { return factor; }
};

/// Overrides it without saying so.
struct Derived : Base {
  int value(int factor) const { return 2 * factor; }
};

/// By value where a reference would do.
inline bool is_empty(const std::string text) { return text.size() == 0; }

/// Is named as no function is, and leaves a variable without a value.
template <typename T>
int CountOf(std::vector<T> values) {
  int count;
  count = static_cast<int>(values.size());
  return count;
}

}  // namespace sample
