// Deliberate findings of clang-tidy; own_code_only_test wants the same ones with and without the
// plugin. There is one for each way in which a check looks at code: a node, its parents, its
// children, a macro, a whole function, a name, a template, what stands in another file.
#include "tests/clang_tidy/sample.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#define add_one(x) x + 1

using namespace std;

namespace sample {
namespace {

int* nothing() { return 0; }

int else_after_return(bool yes) {
  if (yes) {
    return 1;
  } else {
    return 2;
  }
}

int use_after_move(std::string text) {
  const std::string taken = std::move(text);
  return static_cast<int>(taken.size() + text.size());
}

struct Holder {
  Holder(int value) : value_(value) {}
  int get() { return value_; }
  int value_;
};

int copies_in_a_loop(const std::map<int, std::string>& names, int unused) {
  int length = 0;
  for (const std::pair<int, std::string> entry : names) length += int(entry.second.size());
  return length;
}

bool has_key(const std::map<int, std::string>& names, int key) { return names.count(key) > 0; }

void sort_with_a_lambda(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end(), [](std::string left, std::string right) {
    if (left == "" || left == left) return false;
    return left < right;
  });
}

}  // namespace

int all() {
  std::vector<std::string> names{"a", "b"};
  sort_with_a_lambda(names);
  std::unique_ptr<Derived> derived(new Derived());
  std::unique_ptr<Base> base = std::move(derived);
  const std::map<int, std::string> map{{1, "one"}};
  std::remove(names.begin(), names.end(), "a");
  return else_after_return(has_key(map, 1)) + use_after_move("text") + Holder(1).get() +
         copies_in_a_loop(map, 0) + CountOf(names) + base->value(add_one(1) * 2) +
         int(is_empty("")) + (nothing() == NULL ? 1 : 0);
}

}  // namespace sample
