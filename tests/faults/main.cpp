// service_faults: the daemon, its agents and tasks in a seeded world of disasters.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bourse/world/real_random.h"
#include "tests/faults/story.h"

namespace bourse::faults {
namespace {

constexpr const char* kUsage = R"(Usage: service_faults [OPTION]...
  --seed N           tell one story; with --trace everything that happens
  --seeds COUNT      tell so many, from --from on (default 1)
  --fresh COUNT      so many from a seed of the clock
  --kept FILE        the seeds of a file, one a line; what follows # is a remark
  --at N FAULT       the quiet story with a fault at change N of the disk: error, full, torn,
                     kill-before, kill-after, power-before, power-after
  --every STEP       the quiet story with every fault at every STEP-th change of the disk
  --days D           so many days of 64 machines with 500 jobs a day, and the time it took
  --seconds S        stop after so much time
Example: service_faults --from 4711 --seeds 200
Exit status 1 and one command to replay it for every seed that violates an invariant.
)";

constexpr std::string_view kOptions[] = {"--seed", "--seeds", "--from", "--fresh",   "--kept",
                                         "--at",   "--every", "--days", "--seconds", "--trace"};

/// The command that replays what runs just now, for a check that ends this process.
char g_replay[200] = "";

void on_end(int signal) {
  constexpr char kText[] = "the process ends within: ";
  (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
  (void)!write(STDERR_FILENO, g_replay, std::strlen(g_replay));
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

struct Named {
  const char* name;
  PlannedFault fault;
};
constexpr Named kFaults[] = {
    {"error", {0, DiskFault::error, false}},
    {"full", {0, DiskFault::full, false}},
    {"torn", {0, DiskFault::torn, false}},
    {"kill-before", {0, DiskFault::crash_before, false}},
    {"kill-after", {0, DiskFault::crash_after, false}},
    {"power-before", {0, DiskFault::crash_before, true}},
    {"power-after", {0, DiskFault::crash_after, true}},
};

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

/// Tells stories until their number or the time is over, and counts.
class Teller {
 public:
  Teller(std::string program, std::optional<double> seconds, bool is_told)
      : program_(std::move(program)), seconds_(seconds), is_told_(is_told) {}

  [[nodiscard]] bool has_time() const {
    return !seconds_ ||
           std::chrono::steady_clock::now() - start_ < std::chrono::duration<double>(*seconds_);
  }

  void seed(std::uint64_t seed) {
    note(fmt::format("--seed {}", seed), [&] { return tell_story(seed, is_told_); });
  }

  void at(std::uint64_t change, const Named& named) {
    PlannedFault fault = named.fault;
    fault.change = change;
    note(fmt::format("--at {} {}", change, named.name),
         [&] { return tell_quiet_story(fault, is_told_); });
  }

  int end() const {
    fmt::print(
        "{} stories, {} violated an invariant; {} jobs, {} disasters, {} events, {:.1f} CPU s\n",
        stories_, violated_, jobs_, disasters_, events_, cpu_seconds());
    return violated_ == 0 ? 0 : 1;
  }

 private:
  template <class Tell>
  void note(const std::string& arguments, Tell tell) {
    const std::string replay = fmt::format("{} {} --trace", program_, arguments);
    std::snprintf(g_replay, sizeof g_replay, "%s", replay.c_str());
    const Outcome outcome = tell();
    ++stories_;
    jobs_ += outcome.jobs;
    disasters_ += outcome.disasters;
    events_ += outcome.events;
    if (!outcome.violation) return;
    ++violated_;
    fmt::print("VIOLATED {}\n  replay: {}\n", *outcome.violation, replay);
  }

  std::string program_;
  std::optional<double> seconds_;
  bool is_told_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int stories_ = 0;
  int violated_ = 0;
  std::size_t jobs_ = 0;
  int disasters_ = 0;
  std::uint64_t events_ = 0;
};

std::vector<std::uint64_t> seeds_of(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::uint64_t seed = 0;
    if (words >> seed) seeds.push_back(seed);
  }
  return seeds;
}

void tell_every(Teller& teller, std::uint64_t step, std::uint64_t first) {
  const std::uint64_t changes = tell_quiet_story({}, false).changes;
  fmt::print("the quiet story changes the disk {} times\n", changes);
  for (std::uint64_t change = first; change <= changes; change += step)
    for (const Named& fault : kFaults)
      if (teller.has_time()) teller.at(change, fault);
}

int tell_days_and_time(double days, bool is_told) {
  const double before = cpu_seconds();
  const Outcome outcome = tell_days(days, 500, "64x4", is_told);
  const double spent = cpu_seconds() - before;
  if (outcome.violation) fmt::print("VIOLATED {}\n", *outcome.violation);
  fmt::print("{} days, {} jobs, {} events in {:.1f} CPU s: {:.1f} days a CPU minute\n", days,
             outcome.jobs, outcome.events, spent, days * 60 / spent);
  return outcome.violation ? 1 : 0;
}

int run(const std::vector<std::string>& arguments) {
  std::uint64_t from = 1;
  std::optional<double> seconds;
  bool is_told = false;
  // What changes how stories are told, then the stories.
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == "--trace") is_told = true;
    if (i + 1 == arguments.size()) break;
    if (arguments[i] == "--from") from = std::stoull(arguments[i + 1]);
    if (arguments[i] == "--seconds") seconds = std::stod(arguments[i + 1]);
  }
  Teller teller(arguments[0], seconds, is_told);
  const auto tell = [&](std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t seed = first; seed < first + count && teller.has_time(); ++seed)
      teller.seed(seed);
  };
  for (std::size_t i = 1; i + 1 < arguments.size(); ++i) {
    const std::string& option = arguments[i];
    const std::string& value = arguments[i + 1];
    if (option == "--seed") {
      tell(std::stoull(value), 1);
    } else if (option == "--seeds") {
      tell(from, std::stoull(value));
    } else if (option == "--fresh") {
      tell(RealRandom().bits() >> 16U, std::stoull(value));
    } else if (option == "--kept") {
      for (const std::uint64_t seed : seeds_of(value)) tell(seed, 1);
    } else if (option == "--at" && i + 2 < arguments.size()) {
      for (const Named& fault : kFaults)
        if (arguments[i + 2] == fault.name) teller.at(std::stoull(value), fault);
    } else if (option == "--every") {
      tell_every(teller, std::stoull(value), from);
    } else if (option == "--days") {
      return tell_days_and_time(std::stod(value), is_told);
    }
  }
  return teller.end();
}

}  // namespace
}  // namespace bourse::faults

int main(int count, char** arguments) {
  using bourse::faults::kOptions;
  if (count < 2) {
    fmt::print(stderr, "{}", bourse::faults::kUsage);
    return 2;
  }
  for (const std::string_view argument : std::span(arguments, arguments + count).subspan(1)) {
    if (argument == "--help" || argument == "-h") {
      fmt::print("{}", bourse::faults::kUsage);
      return 0;
    }
    if (argument.starts_with("--") && std::ranges::find(kOptions, argument) == std::end(kOptions)) {
      fmt::print(stderr, "service_faults: there is no option '{}'; see service_faults --help\n",
                 argument);
      return 2;
    }
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  for (const int signal : {SIGABRT, SIGSEGV}) std::signal(signal, bourse::faults::on_end);
  try {
    return bourse::faults::run({arguments, arguments + count});
  } catch (const std::exception& error) {
    fmt::print(stderr, "service_faults: {}\n", error.what());
  }
  return 2;
}
