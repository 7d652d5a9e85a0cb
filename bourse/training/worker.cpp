#include "bourse/training/worker.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "bourse/training/checkpoint.h"
#include "bourse/training/monotonic.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// How often a worker that waits for work looks whether it is to leave.
constexpr std::chrono::milliseconds kLook{50};
/// How often one that finds nobody looks whether the training is over: it has come too late.
constexpr std::chrono::milliseconds kOver{500};

}  // namespace

Worker::Worker(Options options)
    : options_(std::move(options)),
      computation_(options_.training.seed, *options_.data, *options_.model),
      ranges_(partition(computation_.parameters(), options_.servers.size())),
      values_(computation_.parameters()) {}

void Worker::run() {
  const auto& coordinator = options_.coordinator;
  const program::Future<Welcome> joined =
      coordinator.async<&Coordinator::join>(Joining{.worker = options_.name,
                                                    .parameters = values_.size(),
                                                    .train_samples = options_.data->train.count(),
                                                    .test_samples = options_.data->test.count()});
  RealFiles files;
  while (!joined.wait_for(kOver)) {
    if (!is_finished(files, options_.training.checkpoint, options_.training.epochs)) continue;
    return joined.cancel();
  }
  const Welcome welcome = joined.get();
  const program::Future<void> attended = coordinator.async<&Coordinator::attend>(options_.name);
  if (welcome.needs_values) bring_first_values();
  Report report{.worker = options_.name, .range = {}, .microbatches = {}};
  for (;;) {
    report.is_leaving = options_.leaves->load();
    const Assignment next = ask(report);
    if (next.kind == WorkKind::finish) break;
    report = {.worker = options_.name, .range = {}, .microbatches = {}};
    work(next, report);
  }
  for (const auto& pull : pulls_) pull.cancel();
}

void Worker::bring_first_values() {
  options_.model->initialise(options_.training.seed, values_);
  std::vector<program::Future<void>> loaded;
  for (std::size_t i = 0; i < ranges_.size(); ++i)
    loaded.push_back(options_.servers[i].async<&ParameterServer::load>(
        Loaded{.parameters = values_.size(),
               .values = program::Buffer::copy_of(values_.data() + ranges_[i].begin,
                                                  ranges_[i].count() * sizeof(float))}));
  for (const auto& future : loaded) future.get();
  options_.coordinator.call<&Coordinator::values_loaded>();
}

/// Leaves if it is told to while it waits.
Assignment Worker::ask(const Report& report) {
  const program::Future<Assignment> next = options_.coordinator.async<&Coordinator::next>(report);
  while (!next.wait_for(kLook)) {
    if (!options_.leaves->load() || report.is_leaving) continue;
    next.cancel();
    (void)options_.coordinator.call<&Coordinator::leave>(options_.name);
    return {};
  }
  return next.get();
}

void Worker::work(const Assignment& work, Report& report) {
  report.phase = work.phase;
  report.range = work.range;
  const double begun = monotonic_now();
  finish_pull(work.version, report);
  const double pulled = monotonic_now();
  if (work.kind == WorkKind::train) {
    train(work, report);
  } else {
    computation_.evaluate(work, values_, report);
    report.seconds = monotonic_now() - pulled;
  }
  report.exchanging = monotonic_now() - begun - report.seconds;
}

void Worker::train(const Assignment& work, Report& report) {
  std::vector<program::Future<void>> pushes;
  // A node is on its way while the next is computed.
  for (const MicroRange& node : tree_nodes(work.range)) {
    const double begun = monotonic_now();
    const program::Buffer gradient = computation_.node_gradient(work, node, values_, report);
    report.seconds += monotonic_now() - begun;
    push(work, node, gradient, pushes);
  }
  const bool is_synchronous = options_.training.mode == SyncMode::synchronous;
  begin_pull(is_synchronous ? work.step + 1 : 0);
  for (const auto& future : pushes) future.get();
}

void Worker::push(const Assignment& work, MicroRange node, const program::Buffer& gradient,
                  std::vector<program::Future<void>>& pushes) {
  std::uint64_t samples = work.batch;
  if (options_.training.mode != SyncMode::synchronous)
    samples =
        std::max<std::uint64_t>(1, microbatch(work.batch, node.first, work.microbatches).count());
  const auto kept = std::make_shared<program::Buffer>(gradient);
  for (std::size_t i = 0; i < ranges_.size(); ++i)
    pushes.push_back(options_.servers[i].async<&ParameterServer::push>(
        Push{.step = work.step,
             .node = node,
             .learning_rate = work.learning_rate,
             .scale = 1 / static_cast<double>(samples),
             .gradient = program::Buffer::view(gradient.data() + ranges_[i].begin * sizeof(float),
                                               ranges_[i].count() * sizeof(float), kept)}));
}

void Worker::begin_pull(std::int64_t version) {
  if (!pulls_.empty() && pulled_version_ == version && version > 0) return;
  for (const auto& pull : pulls_) pull.cancel();
  pulls_.clear();
  pulled_version_ = version;
  for (const auto& server : options_.servers)
    pulls_.push_back(server.async<&ParameterServer::pull>(version));
}

void Worker::finish_pull(std::int64_t version, Report& report) {
  if (version > 0 && version_ == version) return;
  if (pulls_.empty() || pulled_version_ != version) begin_pull(version);
  version_ = version;
  for (std::size_t i = 0; i < pulls_.size(); ++i) {
    const Pulled pulled = pulls_[i].get();
    if (pulled.values.size() != ranges_[i].count() * sizeof(float))
      throw program::CallError(program::CallCode::data_loss,
                               "a server has parameters of another length");
    std::memcpy(values_.data() + ranges_[i].begin, pulled.values.data(), pulled.values.size());
    report.squared_norm += pulled.squared_norm;
  }
  report.norm_version = version;
  pulls_.clear();
}

}  // namespace bourse::training
