#include "apps/bourse/disturbance.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "apps/bourse/files.h"
#include "apps/bourse/options.h"
#include "bourse/base/units.h"
#include "bourse/simulation/perturb.h"

namespace bourse {
namespace {

/// Random outages of one run, all machines; more take longer to draw than to replay.
constexpr double kMaxOutages = 20e6;

}  // namespace

void add_disturbance_options(CLI::App& app, DisturbanceOptions& options,
                             const std::string& jitter_default) {
  add_duration(app, "--jitter", options.jitter,
               fmt::format("Moves each arrival by up to this much either way (default: {})",
                           jitter_default));
  add_number(app, "--belief-error", options.belief_error, 0, 0.99,
             "Largest relative error of the declared speeds, 0 to 0.99 (default: 0)");
  app.add_option("--failures", options.failures, "Outages as CSV: machine,down,up")
      ->type_name("FILE");
  add_duration(app, "--mtbf", options.mtbf,
               "Machines fail at random after this mean time; needs --repair");
  add_duration(app, "--repair", options.repair, "Mean time until a failed machine is back");
  add_duration(app, "--checkpoint-every", options.checkpoint_every,
               "Running time between checkpoints; a failure loses the work since the last "
               "(default: 0s, nothing is lost)");
}

Result<void> check_disturbance(const DisturbanceOptions& options) {
  if (options.mtbf.has_value() != options.repair.has_value())
    return invalid("--mtbf and --repair go together: how long machines stay up, and down");
  if (options.mtbf && !options.failures.empty())
    return invalid("--failures and --mtbf exclude each other");
  if (options.mtbf && options.mtbf->value <= 0) return invalid("option --mtbf: must be above 0");
  return {};
}

Result<FailureModel> failures_of(const DisturbanceOptions& options, const Instance& instance) {
  FailureModel model;
  const std::size_t machines = instance.cluster.machines.size();
  if (!options.failures.empty()) {
    BOURSE_TRY(const std::string text, read_file(options.failures));
    BOURSE_TRY(model.outages, parse_outages(text, options.failures, machines));
  }
  if (!options.mtbf) return model;
  model.up_mean = *options.mtbf;
  model.down_mean = *options.repair;
  const double expected = static_cast<double>(machines) *
                          (failures_until(instance) / (model.up_mean + model.down_mean));
  if (expected > kMaxOutages)
    return invalid(
        fmt::format("--mtbf {} gives about {:.2g} outages, more than {:.2g}; a longer "
                    "--mtbf or a shorter --horizon gives fewer",
                    to_text(model.up_mean), expected, kMaxOutages));
  return model;
}

void add_noise_to(CommandText& command, const DisturbanceOptions& options) {
  command.add("--jitter", options.jitter);
  command.add_number("--belief-error", options.belief_error, 0);
}

void add_failures_to(CommandText& command, const DisturbanceOptions& options) {
  if (!options.failures.empty()) command.add("--failures", options.failures);
  command.add("--mtbf", options.mtbf);
  command.add("--repair", options.repair);
  command.add("--checkpoint-every", options.checkpoint_every);
}

}  // namespace bourse
