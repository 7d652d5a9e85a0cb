#include <cstdio>

int main() {
  std::puts("bourse " BOURSE_VERSION);
  return 0;
}
