#pragma once

#include <cstdint>
#include <span>

#include "bourse/base/error.h"
#include "bourse/model/workload.h"
#include "bourse/trace/generator_options.h"

namespace bourse {

/// Options of both generators; the tables of rows give unit, limits and meaning.
struct OnesWorkloadOptions {
  double machines = 16;
  double gpus_per_machine = 4;
  double jobs = 400;
  double interarrival = 29.97;
  double tuned = 0;
  double tables = 0;
};
/// The same with hours in place of the time between arrivals.
struct PolluxLikeOptions {
  double machines = 16;
  double gpus_per_machine = 4;
  double jobs = 160;
  double hours = 8;
  double tuned = 0;
  double tables = 0;
};

/// Name, unit, range and meaning of every option, in the order in which they are shown.
[[nodiscard]] std::span<const OptionRow<OnesWorkloadOptions>> ones_workload_option_rows();
/// The same.
[[nodiscard]] std::span<const OptionRow<PolluxLikeOptions>> pollux_like_option_rows();

/// Adaptive jobs like those of the evaluation of ONES: ten pairs of a model and a data set, each
/// with two sizes of the data set and the same share of the jobs, in random order; exponential
/// gaps. What was published, what was measured and what is assumed: docs/traces.md.
///
/// A request is the published number of GPUs with the batch that its learning rate allows. `tuned`:
/// instead a number of GPUs that is 50 to 80 % efficient, drawn evenly, with its best batch.
/// `tables`: jobs have a table with the speed of each size at its best batch in place of the law.
/// Every utility is the constant 1. Errors: none of its own.
/// Source: Bian et al., ONES, SC'21, artifact; Sia, SOSP'23, artifact for the measurements.
[[nodiscard]] Result<Workload> generate_ones_workload(const OnesWorkloadOptions& options,
                                                      std::uint64_t seed);

/// Adaptive jobs like those of the evaluation of Pollux: six models, most of them small, arrivals
/// over eight hours with a peak in the fourth. A request has 1 to 16 GPUs, most often one, and the
/// base batch; `tuned` and `tables` are as above. Source: Qiao et al., Pollux, OSDI'21.
[[nodiscard]] Result<Workload> generate_pollux_like(const PolluxLikeOptions& options,
                                                    std::uint64_t seed);

}  // namespace bourse
