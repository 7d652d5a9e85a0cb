#include "bourse/solver/slot_problem.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "bourse/base/random.h"

namespace bourse {
namespace {

constexpr int kWorkers = 30;
constexpr int kServers = 8;

struct SlotCase {
  SlotMachines machines;
  std::vector<std::int64_t> worker{1, 4, 16};
  std::vector<std::int64_t> server{0, 4, 16};

  [[nodiscard]] SlotDemand demand() const { return {worker, server}; }
};

/// Machines of (8 gpu, 64 cpu, 256 memory) in as many random states of load as asked for; prices
/// grow by a factor of 1000 from empty to full, as those of PD-ORS do.
SlotCase loaded_machines(std::int64_t machines, std::int64_t states) {
  constexpr std::int64_t capacity[] = {8, 64, 256};
  RandomStream random(1, Purpose::test);
  SlotCase out;
  out.machines.resource_count = 3;
  std::vector<std::int64_t> used;
  for (std::int64_t i = 0; i < states; ++i)
    for (const std::int64_t room : capacity) used.push_back(random.integer(0, room));
  for (std::int64_t h = 0; h < machines; ++h) {
    double worker_price = 0;
    double server_price = 0;
    for (std::size_t r = 0; r < 3; ++r) {
      const std::int64_t taken = used[static_cast<std::size_t>(h % states) * 3 + r];
      const auto room = static_cast<double>(capacity[r]);
      const double price = 0.01 * std::pow(1000, static_cast<double>(taken) / room) / room;
      worker_price += price * static_cast<double>(out.worker[r]);
      server_price += price * static_cast<double>(out.server[r]);
      out.machines.residual.push_back(capacity[r] - taken);
    }
    out.machines.worker_price.push_back(worker_price);
    out.machines.server_price.push_back(server_price);
  }
  return out;
}

void relaxation_build(benchmark::State& state) {
  const SlotCase slot = loaded_machines(state.range(0), state.range(1));
  for (auto _ : state) {
    SlotRelaxation relaxation(slot.machines, slot.demand());
    benchmark::DoNotOptimize(relaxation);
  }
}

/// All levels of a cost curve, from one worker up; per linear program.
void relaxation_warm_solve(benchmark::State& state) {
  const SlotCase slot = loaded_machines(state.range(0), state.range(1));
  SlotRelaxation relaxation(slot.machines, slot.demand());
  int workers = 0;
  for (auto _ : state) {
    workers = workers % kWorkers + 1;
    const auto solution = relaxation.solve(workers, (workers + 3) / 4);
    if (!solution) state.SkipWithError("no room");
    benchmark::DoNotOptimize(solution);
  }
}

void rounding_deterministic(benchmark::State& state) {
  const SlotCase slot = loaded_machines(state.range(0), state.range(1));
  const auto relaxed = SlotRelaxation(slot.machines, slot.demand()).solve(kWorkers, kServers);
  if (!relaxed) return state.SkipWithError("no room");
  for (auto _ : state) {
    const auto whole =
        round_deterministic(slot.machines, slot.demand(), *relaxed, kWorkers, kServers);
    benchmark::DoNotOptimize(whole);
  }
}

/// At most 20 draws, the default of the policy, and the repair if all fail.
void rounding_randomized(benchmark::State& state) {
  const SlotCase slot = loaded_machines(state.range(0), state.range(1));
  const auto relaxed = SlotRelaxation(slot.machines, slot.demand()).solve(kWorkers, kServers);
  if (!relaxed) return state.SkipWithError("no room");
  RandomizedOptions options{.gain = 1, .tries = 20, .seed = 1};
  for (auto _ : state) {
    ++options.job;
    const auto whole =
        round_randomized(slot.machines, slot.demand(), *relaxed, kWorkers, kServers, options);
    benchmark::DoNotOptimize(whole);
  }
}

void greedy(benchmark::State& state) {
  const SlotCase slot = loaded_machines(state.range(0), state.range(1));
  for (auto _ : state) {
    const auto whole = place_greedy(slot.machines, slot.demand(), kWorkers, kServers);
    benchmark::DoNotOptimize(whole);
  }
}

/// Twenty states, as machines that took the same jobs share theirs; and the worst case, one each.
void sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"machines", "states"})->Unit(benchmark::kMicrosecond);
  for (const std::int64_t machines : {100, 1000})
    bench->Args({machines, 20})->Args({machines, machines});
}

BENCHMARK(relaxation_build)->Apply(sizes);
BENCHMARK(relaxation_warm_solve)->Apply(sizes);
BENCHMARK(rounding_deterministic)->Apply(sizes);
BENCHMARK(rounding_randomized)->Apply(sizes);
BENCHMARK(greedy)->Apply(sizes);

}  // namespace
}  // namespace bourse
