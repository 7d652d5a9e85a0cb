#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "apps/bourse/clocks.h"
#include "bench/core_state.h"
#include "bench/figures.h"
#include "bourse/base/check.h"
#include "bourse/base/random.h"
#include "bourse/policy/schedule_search.h"
#include "bourse/solver/slot_core.h"
#include "bourse/solver/slot_hull_program.h"

// The exact core: beside the generic solver on the same programme, and in the admission of jobs.
namespace bourse {
namespace {

using Samples = std::vector<Sample>;

double quantile_of(std::vector<double> values, double share) {
  std::ranges::sort(values);
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

/// Classes of machines of (8 gpu, 64 cpu, 256 memory) under random load, and a job's tasks.
struct RandomSlot {
  std::vector<std::int64_t> worker, server;
  std::vector<std::vector<std::int64_t>> residual;
  std::vector<std::vector<TaskPoint>> corners;
  std::vector<CoreClass> classes;

  explicit RandomSlot(std::uint64_t seed) {
    constexpr std::int64_t capacity[] = {8, 64, 256};
    RandomStream random(seed, Purpose::placement, 1);
    worker = {random.integer(0, 2), random.integer(1, 8), random.integer(2, 32)};
    server = {0, random.integer(0, 8), random.integer(1, 32)};
    classes.resize(static_cast<std::size_t>(random.integer(1, 60)));
    for (CoreClass& of : classes) {
      of.machines = static_cast<int>(random.integer(1, 4));
      std::vector<std::int64_t>& room = residual.emplace_back();
      for (std::size_t r = 0; r < 3; ++r) {
        const auto whole = static_cast<double>(capacity[r]);
        const std::int64_t used = random.integer(0, capacity[r]);
        const double price = 0.01 * std::pow(1000, static_cast<double>(used) / whole) / whole;
        of.worker_price += price * static_cast<double>(worker[r]);
        of.server_price += price * static_cast<double>(server[r]);
        room.push_back(capacity[r] - used);
      }
      corners.push_back(task_polygon({worker, server}, room, 200, 200));
    }
    for (std::size_t c = 0; c < classes.size(); ++c) {
      classes[c].residual = residual[c];
      classes[c].corners = corners[c];
    }
  }
};

/// The same programme solved by the core and by CLP, on random slots at random (W, S).
Result<Samples> run_equality(const Setup&) {
  const std::unique_ptr<LinearSolver> clp = make_clp_solver();
  double worst = 0, worst_gap = 0, core_s = 0, clp_s = 0;
  int compared = 0, infeasible = 0;
  for (std::uint64_t seed = 1; compared < 1000; ++seed) {
    const RandomSlot slot(seed);
    RandomStream random(seed, Purpose::placement, 2);
    const int workers = static_cast<int>(random.integer(1, 100));
    const int servers = static_cast<int>(random.integer(1, 40));
    const double start = thread_cpu_seconds();
    SlotCore core({slot.worker, slot.server});
    for (const CoreClass& of : slot.classes) core.add(of);
    const SlotCore::Outcome outcome = core.move_to(workers, servers);
    const double middle = thread_cpu_seconds();
    BOURSE_TRY(const SolveOutcome reference,
               clp->solve(slot_hull_program(slot.classes, workers, servers, 1e3)));
    clp_s += thread_cpu_seconds() - middle;
    core_s += middle - start;
    if (reference.has_solution() != (outcome == SlotCore::Outcome::reached))
      return fail(ErrorCode::internal, fmt::format("core and CLP disagree on slot {}", seed));
    if (!reference.has_solution()) {
      ++infeasible;
      continue;
    }
    ++compared;
    const double exact = reference.solution.objective / 1e3;
    worst = std::max(worst, std::abs(core.bound() - exact) / exact);
    double cost = 0;
    if (core.round(cost)) worst_gap = std::max(worst_gap, cost / core.bound() - 1);
  }
  return Samples{{"slots compared", "", Better::neither, static_cast<double>(compared)},
                 {"both infeasible", "", Better::neither, static_cast<double>(infeasible)},
                 {"largest difference", "relative", Better::lower, worst},
                 {"largest rounding loss", "relative", Better::lower, worst_gap},
                 {"core", "us", Better::lower, core_s * 1e6 / (compared + infeasible)},
                 {"clp", "us", Better::lower, clp_s * 1e6 / (compared + infeasible)},
                 {"clp / core", "x", Better::higher, clp_s / core_s}};
}

/// Times the search for one schedule, all its work for prices and states included.
struct Admissions {
  std::vector<double> seconds;
  double found = 0;
};

Admissions admit(const MixedState& state, int jobs, int chunks) {
  Admissions admissions;
  SlotCostCounters counters;
  const SearchOptions options{
      .slot = Seconds(1), .chunks = chunks, .window = Seconds(0), .paper_time = true};
  for (int i = 0; i < jobs; ++i) {
    const JobSpec job = state.job(static_cast<std::uint64_t>(i));
    const double start = thread_cpu_seconds();
    JobPrices prices(state.ledger(), state.bounds(), state.units(), job);
    SearchOptions whole = options;
    whole.window = Seconds(static_cast<double>(state.ledger().end()));
    whole.horizon = whole.window;
    const SearchResult result = find_schedule(state.ledger(), job, JobId(0u), job.samples,
                                              Seconds(0), prices, whole, counters);
    admissions.seconds.push_back(thread_cpu_seconds() - start);
    if (result.verdict == SearchVerdict::found) admissions.found += 1.0 / jobs;
  }
  return admissions;
}

/// Seconds per (slot, level) when every level of a slot is asked for.
double seconds_a_cell(const MixedState& state, SlotSolver solver, int jobs, SlotIndex slots) {
  double seconds = 0;
  double cells = 0;
  SlotCostCounters counters;
  const RoundingOptions rounding{.solver = solver};
  for (int i = 0; i < jobs; ++i) {
    const JobSpec job = state.job(static_cast<std::uint64_t>(i));
    constexpr int kLevels = 50;
    const int most = max_workers(job.throughput);
    const double rate = samples_per_second(
        job.throughput, {most, servers_for(job.throughput, most)}, Locality::cluster);
    const double start = thread_cpu_seconds();
    JobPrices prices(state.ledger(), state.bounds(), state.units(), job);
    SlotCosts costs(state.ledger(), job, JobId(0u), prices, rounding,
                    {rate / kLevels, kLevels, Seconds(1)}, counters);
    for (SlotIndex slot = 0; slot < slots; ++slot) (void)costs.curve(slot);
    seconds += thread_cpu_seconds() - start;
    cells += kLevels * static_cast<double>(slots);
  }
  return seconds / cells;
}

void add_latencies(const Admissions& admissions, Samples& samples) {
  const auto add = [&](const char* what, double seconds) {
    samples.push_back({what, "ms", Better::lower, seconds * 1e3});
  };
  add("p50", quantile_of(admissions.seconds, 0.5));
  add("p99", quantile_of(admissions.seconds, 0.99));
  add("max", quantile_of(admissions.seconds, 1));
}

Result<Samples> run_admission(std::size_t machines, SlotIndex slots, bool with_clp) {
  const MixedState state({.machines = machines, .slots = slots});
  Samples samples{
      {"states in a slot", "", Better::neither, state.states_per_slot()},
      {"states in all", "", Better::neither, static_cast<double>(state.ledger().state_count())}};
  const Admissions admissions = admit(state, 200, 50);
  add_latencies(admissions, samples);
  samples.push_back({"admitted", "share", Better::neither, admissions.found});
  if (!with_clp) return samples;
  const double core_s = seconds_a_cell(state, SlotSolver::core, 10, slots);
  const double clp_s = seconds_a_cell(state, SlotSolver::clp, 3, 2);
  samples.push_back({"core a cell", "us", Better::lower, core_s * 1e6});
  samples.push_back({"clp a cell", "us", Better::lower, clp_s * 1e6});
  samples.push_back({"clp / core a cell", "x", Better::higher, clp_s / core_s});
  double total = 0;
  for (const double seconds : admissions.seconds) total += seconds;
  const double cells =
      static_cast<double>(admissions.seconds.size() * 50) * static_cast<double>(slots);
  samples.push_back({"clp / admission a cell", "x", Better::higher, clp_s / (total / cells)});
  return samples;
}

Result<Samples> run_growth(const MixedStateOptions& options, int chunks) {
  const MixedState state(options);
  Samples samples;
  samples.push_back({"states in a slot", "", Better::neither, state.states_per_slot()});
  add_latencies(admit(state, 100, chunks), samples);
  return samples;
}

}  // namespace

void add_core_cases(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, auto run) {
    cases.push_back({.section = "core", .name = name, .run = run});
  };
  add("1000 random slots", run_equality);
  cases.back().once = true;
  add("admission 1000x100", [](const Setup&) { return run_admission(1000, 100, true); });
  add("admission 10000x200", [](const Setup&) { return run_admission(10'000, 200, false); });
  cases.back().once = true;
  for (const std::size_t machines : {250U, 500U, 1000U, 2000U, 4000U})
    add(fmt::format("{} machines", machines),
        [=](const Setup&) { return run_growth({.machines = machines}, 50); });
  for (const SlotIndex slots : {25, 50, 100, 200, 400})
    add(fmt::format("{} slots", slots),
        [=](const Setup&) { return run_growth({.slots = slots}, 50); });
  for (const int chunks : {25, 50, 100, 200, 400})
    add(fmt::format("{} chunks", chunks), [=](const Setup&) { return run_growth({}, chunks); });
  for (const std::size_t types : {2U, 4U, 8U, 16U})
    add(fmt::format("{} resource types", types),
        [=](const Setup&) { return run_growth({.resource_types = types}, 50); });
}

}  // namespace bourse
