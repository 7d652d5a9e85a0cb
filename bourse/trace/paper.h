#pragma once

#include <cstdint>
#include <span>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/trace/generator_options.h"

namespace bourse {

/// The settings of the PD-ORS experiments; each range is uniform, ends included. Counts are whole
/// numbers held as doubles. The table paper_option_rows() gives unit, limits and meaning of each.
struct PaperOptions {
  double machines = 100;
  double jobs = 50;
  double slots = 20;
  double slot = 3600;
  double epochs_min = 50;
  double epochs_max = 200;
  double samples_min = 20'000;
  double samples_max = 500'000;
  double gradient_min = 30e6;
  double gradient_max = 575e6;
  double tau_min = 1e-5;
  double tau_max = 1e-4;
  double gamma_min = 1;
  double gamma_max = 10;
  double batch_min = 1;
  double batch_max = 200;
  double rate_inside_min = 12.5e9;
  double rate_inside_max = 12.5e9;
  double rate_across_min = 125e6;
  double rate_across_max = 625e6;
  double worker_gpu_min = 0;
  double worker_gpu_max = 4;
  double worker_cpu_min = 1;
  double worker_cpu_max = 10;
  double worker_memory_min = 2;
  double worker_memory_max = 32;
  double worker_storage_min = 5;
  double worker_storage_max = 10;
  double server_cpu_min = 1;
  double server_cpu_max = 10;
  double server_memory_min = 2;
  double server_memory_max = 32;
  double server_storage_min = 5;
  double server_storage_max = 10;
  double capacity = 18;
  double workers_min = 1;
  double workers_max = 30;
  double value_min = 1;
  double value_max = 100;
  double share_insensitive = 0.10;
  double share_critical = 0.35;
  double sensitive_min = 0.01;
  double sensitive_max = 1;
  double critical_min = 4;
  double critical_max = 6;
  double midpoint_min = 1;
  double midpoint_max = 15;
};

/// Name, unit, range and meaning of every option, in the order in which they are shown.
[[nodiscard]] std::span<const OptionRow<PaperOptions>> paper_option_rows();

/// Parameter-server jobs on equal machines, with horizon and slot set. The arrival slot is uniform
/// over the horizon; a job arrives at the start of its slot. Jobs are sorted by arrival and named
/// in that order. Source: PD-ORS, section on experiments (docs/traces.md lists what was filled in).
/// Errors: invalid_argument if a minimum is above its maximum, the shares exceed 1 in sum, or
/// rate_across_max is above rate_inside_min.
[[nodiscard]] Result<Workload> generate_paper(const PaperOptions& options, std::uint64_t seed);

}  // namespace bourse
