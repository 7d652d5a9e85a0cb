#include "apps/bourse/clocks.h"

#include <cstdio>
#include <ctime>
#include <memory>

namespace bourse {
namespace {

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

double monotonic_seconds() { return seconds_of(CLOCK_MONOTONIC); }

double thread_cpu_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }

std::uint64_t peak_rss_bytes() {
  // Not getrusage: its figure also counts what the process was before it became this program.
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/self/status", "r"),
                                                             std::fclose);
  if (!file) return 0;
  char line[256];
  unsigned long long kib = 0;
  while (std::fgets(line, sizeof line, file.get()) != nullptr)
    if (std::sscanf(line, "VmHWM: %llu kB", &kib) == 1) return kib * 1024;
  return 0;
}

}  // namespace bourse
