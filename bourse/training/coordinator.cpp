#include "bourse/training/coordinator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "bourse/program/context.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// Global batches of a phase where no step waits for others.
constexpr std::int64_t kFreeBatches = 32;
/// Workers whose speeds differ by less get the same work: speeds are noisy.
constexpr double kUnevenSpeeds = 1.5;
constexpr double kTellSeconds = 0.5;

double monotonic_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Coordinator::Coordinator(Options options) : options_(std::move(options)) {
  last_checkpoint_ = last_told_ = monotonic_now();
}

Coordinator::~Coordinator() = default;

std::string Coordinator::training_name() const {
  return fmt::format("{} on {}", options_.training.model, options_.training.data);
}

void Coordinator::start() {
  if (!options_.training.checkpoint.empty()) {
    RealFiles files;
    for (const std::int64_t step : checkpoint_steps(files, options_.training.checkpoint))
      if (restore(step)) break;
  }
  const std::lock_guard lock(mutex_);
  is_ready_ = true;
  open_phase();
  changed_.notify_all();
}

bool Coordinator::restore(std::int64_t step) {
  const std::string& folder = options_.training.checkpoint;
  RealFiles files;
  const Result<Manifest> manifest = read_manifest(files, folder, step);
  if (!manifest) {
    options_.on_note(manifest.error().message + "; the checkpoint before it is used");
    return false;
  }
  if (manifest->training != training_name())
    throw std::runtime_error(fmt::format("'{}' has checkpoints of {}, not of {}", folder,
                                         manifest->training, training_name()));
  try {
    std::vector<program::Future<void>> restored;
    for (const auto& server : options_.servers)
      restored.push_back(server.async<&ParameterServer::restore>(folder, step));
    for (const auto& future : restored) future.get();
  } catch (const program::CallError& error) {
    options_.on_note(
        fmt::format("checkpoint {}: {}; the one before it is used", step, error.message()));
    return false;
  }
  const std::lock_guard lock(mutex_);
  cursor_ = manifest->cursor;
  parameters_ = manifest->parameters;
  has_values_ = true;
  last_checkpoint_step_ = step;
  last_told_samples_ = cursor_.samples;
  if (const Result<std::string> text = files.read(folder + "/curve.csv"))
    if (Result<std::vector<CurvePoint>> points = parse_curve_csv(*text)) curve_ = *points;
  std::erase_if(curve_, [&](const CurvePoint& point) { return point.step > step; });
  must_evaluate_ = cursor_.position == 0 && !curve_.empty() && curve_.back().accuracy < 0;
  options_.on_note(fmt::format("goes on from the checkpoint of step {}", step));
  tell_progress(true);
  return true;
}

void Coordinator::stop() {
  std::unique_lock lock(mutex_);
  is_stopping_ = true;
  try_to_stop(lock);
  changed_.notify_all();
}

bool Coordinator::wait_until_over(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                           [&] { return is_over_ && members_.empty(); });
}

void Coordinator::finish_checkpoints() {
  if (checkpointing_.joinable()) checkpointing_.join();
}

bool Coordinator::is_done() const {
  const std::lock_guard lock(mutex_);
  return is_done_;
}

std::vector<CurvePoint> Coordinator::curve() const {
  const std::lock_guard lock(mutex_);
  return curve_;
}

Welcome Coordinator::join(const Joining& joining) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, program::cancel_token(), [&] { return is_ready_; });
  if (joining.train_samples == 0 || joining.test_samples == 0 || joining.parameters == 0)
    throw std::invalid_argument("there is nothing to train");
  if (parameters_ != 0 && parameters_ != joining.parameters)
    throw std::invalid_argument(fmt::format("the model of {} has {} parameters, others have {}",
                                            joining.worker, joining.parameters, parameters_));
  if (train_samples_ != 0 && train_samples_ != joining.train_samples)
    throw std::invalid_argument(fmt::format("the data of {} have {} samples, others have {}",
                                            joining.worker, joining.train_samples, train_samples_));
  parameters_ = joining.parameters;
  train_samples_ = joining.train_samples;
  test_samples_ = joining.test_samples;
  Member member;
  bool is_first = true;
  for (const auto& [name, other] : members_) {
    member.clock = is_first ? other.clock : std::min(member.clock, other.clock);
    is_first = false;
  }
  members_[joining.worker] = member;
  if (has_values_ && !is_open_) open_phase();
  changed_.notify_all();
  return {.needs_values = !has_values_};
}

void Coordinator::values_loaded() {
  const std::lock_guard lock(mutex_);
  if (has_values_) return;
  has_values_ = true;
  open_phase();
  changed_.notify_all();
}

void Coordinator::attend(const std::string& worker) {
  std::unique_lock lock(mutex_);
  const bool has_left =
      changed_.wait(lock, program::cancel_token(), [&] { return !members_.contains(worker); });
  if (has_left) return;
  options_.on_note(fmt::format("{} is lost", worker));
  remove(worker);
  try_to_stop(lock);
  changed_.notify_all();
}

void Coordinator::leave(const std::string& worker) {
  std::unique_lock lock(mutex_);
  remove(worker);
  try_to_stop(lock);
  changed_.notify_all();
}

/// Its work goes back to the pool.
void Coordinator::remove(const std::string& worker) {
  const auto member = members_.find(worker);
  if (member == members_.end()) return;
  for (const MicroRange& range : member->second.waiting) unassigned_.push_back(range);
  if (member->second.work) unassigned_.push_back(*member->second.work);
  members_.erase(member);
}

double Coordinator::rate_at(double samples, double batch) const {
  const TrainOptions& training = options_.training;
  const auto all = static_cast<double>(train_samples_);
  const double rate = learning_rate_at(training, samples + batch, training.warmup_epochs * all,
                                       static_cast<double>(training.epochs) * all);
  const auto base = static_cast<double>(training.base_batch);
  if (!(base > 0)) return rate;
  switch (training.rate_rule) {
    case RateRule::none:
      return rate;
    case RateRule::linear:
      return rate * batch / base;
    case RateRule::root:
      return rate * std::sqrt(batch / base);
    case RateRule::adascale:
      return rate * noise_.gain(base, batch);
  }
  return rate;
}

/// Hands out the next batch, if there can be one.
void Coordinator::open_phase() {
  if (is_open_ || is_saving_ || is_over_ || !is_ready_ || !has_values_ || train_samples_ == 0)
    return;
  if (cursor_.epoch >= options_.training.epochs && !must_evaluate_) {
    is_done_ = true;
    return end();
  }
  if (is_stopping_) return end();
  const std::int64_t number = phase_.work.phase + 1;
  phase_ = {};
  Assignment& work = phase_.work;
  work = {.kind = WorkKind::train,
          .phase = number,
          .version = options_.training.mode == SyncMode::synchronous ? cursor_.step : 0,
          .step = cursor_.step,
          .epoch = cursor_.epoch,
          .position = static_cast<std::uint64_t>(cursor_.position),
          .microbatches = options_.training.microbatches};
  if (must_evaluate_) {
    work.kind = WorkKind::evaluate;
    work.position = 0;
    work.batch = test_samples_;
  } else {
    open_train_phase();
  }
  phase_.done.assign(work.microbatches, false);
  phase_.reports.resize(work.microbatches);
  phase_.left = work.microbatches;
  is_open_ = true;
  hand_out();
}

void Coordinator::open_train_phase() {
  Assignment& work = phase_.work;
  const std::uint64_t rest = train_samples_ - work.position;
  const auto batch = static_cast<std::uint64_t>(options_.training.batch);
  work.batch = std::min(batch, rest);
  if (options_.training.mode != SyncMode::synchronous) {
    work.batch = std::min(batch * kFreeBatches, rest);
    const std::uint64_t unit = std::max<std::uint64_t>(1, batch / work.microbatches);
    work.microbatches = static_cast<std::uint32_t>((work.batch + unit - 1) / unit);
  }
  work.learning_rate =
      rate_at(static_cast<double>(cursor_.samples), static_cast<double>(std::min(batch, rest)));
}

/// Splits the phase over those who are there.
void Coordinator::hand_out() {
  unassigned_.clear();
  for (auto& [name, member] : members_) member.waiting.clear();
  const Assignment& work = phase_.work;
  const bool is_free =
      options_.training.mode != SyncMode::synchronous && work.kind == WorkKind::train;
  if (members_.empty() || is_free) {
    if (!is_free) return unassigned_.push_back({0, work.microbatches});
    for (std::uint32_t i = 0; i < work.microbatches; ++i) unassigned_.push_back({i, 1});
    return;
  }
  std::vector<double> weights;
  for (const auto& [name, member] : members_) weights.push_back(member.speed);
  const auto [slowest, fastest] = std::ranges::minmax(weights);
  if (!(slowest > 0) || fastest < kUnevenSpeeds * slowest) weights.assign(weights.size(), 1);
  const std::vector<MicroRange> ranges = split_by_weight(work.microbatches, weights);
  std::size_t index = 0;
  for (auto& [name, member] : members_) {
    if (ranges[index].count > 0) member.waiting.push_back(ranges[index]);
    ++index;
  }
}

bool Coordinator::is_too_far_ahead(const Member& member) const {
  if (options_.training.mode != SyncMode::stale || phase_.work.kind != WorkKind::train)
    return false;
  return std::ranges::any_of(members_, [&](const auto& other) {
    return other.second.work && member.clock - other.second.clock > options_.training.staleness;
  });
}

std::optional<Assignment> Coordinator::work_for(const std::string& worker) {
  Assignment work;
  if (is_over_) return work;
  const auto found = members_.find(worker);
  if (found == members_.end()) throw std::invalid_argument(worker + " has not joined");
  Member& member = found->second;
  const bool is_untouched = phase_.left == phase_.done.size();
  if (!is_open_ || (is_stopping_ && is_untouched)) return std::nullopt;
  if (member.waiting.empty()) {
    if (unassigned_.empty() || is_too_far_ahead(member)) return std::nullopt;
    member.waiting.push_back(unassigned_.front());
    unassigned_.pop_front();
  }
  work = phase_.work;
  work.range = member.waiting.front();
  member.work = work.range;
  member.waiting.pop_front();
  return work;
}

Assignment Coordinator::next(const Report& report) {
  std::unique_lock lock(mutex_);
  observe_norm(report);
  take(report);
  if (report.is_leaving) remove(report.worker);
  if (is_open_ && phase_.left == 0) close_phase(lock);
  try_to_stop(lock);
  changed_.notify_all();
  if (report.is_leaving) return {};
  std::optional<Assignment> work;
  const bool is_wanted = changed_.wait(lock, program::cancel_token(), [&] {
    work = work_for(report.worker);
    return work.has_value();
  });
  if (!is_wanted) return {};
  if (work->kind == WorkKind::finish) {
    remove(report.worker);
    changed_.notify_all();
  }
  return *work;
}

void Coordinator::take(const Report& report) {
  const auto member = members_.find(report.worker);
  if (member == members_.end() || report.phase == 0) return;
  member->second.work.reset();
  ++member->second.clock;
  if (!is_open_ || report.phase != phase_.work.phase) return;
  const MicroRange range = report.range;
  if (std::uint64_t{range.first} + range.count > phase_.done.size() ||
      report.microbatches.size() != range.count)
    throw std::invalid_argument("a report is about microbatches that there are not");
  for (std::uint32_t i = 0; i < range.count; ++i) {
    if (phase_.done[range.first + i]) continue;
    phase_.done[range.first + i] = true;
    phase_.reports[range.first + i] = report.microbatches[i];
    --phase_.left;
  }
  if (phase_.work.kind == WorkKind::train && report.seconds > 0) {
    constexpr double kNew = 0.2;
    const double speed = range.count / report.seconds;
    double& known = member->second.speed;
    known = known > 0 ? (1 - kNew) * known + kNew * speed : speed;
  }
}

/// All microbatches of the phase are done; nothing is under way until the next is opened.
void Coordinator::close_phase(std::unique_lock<std::mutex>& lock) {
  is_open_ = false;
  if (phase_.work.kind == WorkKind::train) {
    close_train_phase();
  } else {
    std::int64_t correct = 0;
    for (const MicroReport& report : phase_.reports) correct += report.correct;
    must_evaluate_ = false;
    if (!curve_.empty())
      curve_.back().accuracy = static_cast<double>(correct) / static_cast<double>(test_samples_);
  }
  const bool is_last = cursor_.epoch >= options_.training.epochs && !must_evaluate_;
  if (is_last || monotonic_now() - last_told_ >= kTellSeconds) tell_progress(false);
  if (is_stopping_ || is_last || is_checkpoint_due()) begin_checkpoint(lock);
  open_phase();
}

void Coordinator::close_train_phase() {
  const Assignment& work = phase_.work;
  const bool is_synchronous = options_.training.mode == SyncMode::synchronous;
  CurvePoint point;
  double norms = 0;
  double used = 0;
  for (std::uint32_t i = 0; i < work.microbatches; ++i) {
    const auto size = static_cast<double>(microbatch(work.batch, i, work.microbatches).count());
    point.loss += phase_.reports[i].loss_sum;
    if (!(size > 0)) continue;
    norms += phase_.reports[i].squared_norm / (size * size);
    ++used;
  }
  point.loss /= static_cast<double>(work.batch);
  cursor_.step += is_synchronous ? 1 : work.microbatches;
  cursor_.samples += static_cast<std::int64_t>(work.batch);
  cursor_.position += static_cast<std::int64_t>(work.batch);
  point.step = cursor_.step;
  point.samples = cursor_.samples;
  point.noise_scale = noise_.value();
  curve_.push_back(point);
  if (is_synchronous) {
    small_norms_[cursor_.step] = {.small = static_cast<double>(work.batch) / used,
                                  .norm = norms / used,
                                  .big = static_cast<double>(work.batch)};
    if (small_norms_.size() > 2) small_norms_.erase(small_norms_.begin());
  }
  if (static_cast<std::uint64_t>(cursor_.position) < train_samples_) return;
  cursor_.position = 0;
  ++cursor_.epoch;
  must_evaluate_ = true;
}

void Coordinator::observe_norm(const Report& report) {
  const auto small = small_norms_.find(report.norm_version);
  if (small == small_norms_.end()) return;
  noise_.add(small->second.small, small->second.norm, small->second.big, report.squared_norm);
  small_norms_.erase(small);
}

bool Coordinator::is_checkpoint_due() const {
  const TrainOptions& training = options_.training;
  if (training.checkpoint.empty() || cursor_.step == last_checkpoint_step_) return false;
  if (training.checkpoint_steps > 0)
    return cursor_.step - last_checkpoint_step_ >= training.checkpoint_steps;
  return monotonic_now() - last_checkpoint_ >= training.checkpoint_seconds;
}

void Coordinator::begin_checkpoint(std::unique_lock<std::mutex>& lock) {
  const std::string& folder = options_.training.checkpoint;
  if (folder.empty() || cursor_.step == last_checkpoint_step_) return;
  last_checkpoint_ = monotonic_now();
  last_checkpoint_step_ = cursor_.step;
  const Manifest manifest{.cursor = cursor_,
                          .training = training_name(),
                          .parameters = parameters_,
                          .optimiser_vectors = state_count(options_.training.optimiser.kind),
                          .files = {}};
  // Others may join meanwhile, but no batch is opened: the servers stay as they are.
  is_saving_ = true;
  lock.unlock();
  if (checkpointing_.joinable()) checkpointing_.join();
  try {
    std::vector<program::Future<void>> copied;
    for (const auto& server : options_.servers)
      copied.push_back(server.async<&ParameterServer::snapshot>(folder, manifest.cursor.step));
    for (const auto& future : copied) future.get();
    checkpointing_ = std::jthread([this, manifest] { finish_checkpoint(manifest); });
  } catch (const program::CallError& error) {
    options_.on_note(fmt::format("no checkpoint: {}", error.message()));
  }
  lock.lock();
  is_saving_ = false;
}

/// Runs beside the training.
void Coordinator::finish_checkpoint(const Manifest& begun) {
  const std::string& folder = options_.training.checkpoint;
  Manifest manifest = begun;
  try {
    for (const auto& server : options_.servers)
      manifest.files.push_back(server.call<&ParameterServer::written>());
  } catch (const program::CallError& error) {
    return options_.on_note(fmt::format("no checkpoint: {}", error.message()));
  }
  save_curve();
  RealFiles files;
  const Result<void> written =
      write_manifest(files, folder, manifest, options_.training.kept_checkpoints);
  if (!written) return options_.on_note("no checkpoint: " + written.error().message);
  const std::lock_guard lock(mutex_);
  if (options_.on_progress)
    options_.on_progress(
        {.samples = manifest.cursor.samples,
         .total_samples = options_.training.epochs * static_cast<std::int64_t>(train_samples_),
         .workers = members_.size(),
         .is_checkpointed = true});
}

void Coordinator::save_curve() const {
  RealFiles files;
  const Result<void> written =
      files.write(options_.training.checkpoint + "/curve.csv", curve_csv(curve()));
  if (!written) options_.on_note(written.error().message);
}

/// Ends as soon as nothing is under way.
void Coordinator::try_to_stop(std::unique_lock<std::mutex>& lock) {
  if (!is_stopping_ || is_over_) return;
  if (!is_open_) {
    // A phase is being closed, unless none has ever been opened.
    if (phase_.work.phase == 0) end();
    return;
  }
  const bool is_busy = std::ranges::any_of(
      members_, [](const auto& member) { return member.second.work.has_value(); });
  if (is_busy) return;
  if (phase_.left == phase_.done.size()) {
    is_open_ = false;
    begin_checkpoint(lock);
    end();
  } else if (members_.empty()) {
    options_.on_note("all workers left within a step, which is lost");
    end();
  }
}

void Coordinator::end() {
  is_over_ = true;
  changed_.notify_all();
}

void Coordinator::tell_progress(bool is_checkpointed) {
  const double now = monotonic_now();
  const double passed = now - last_told_;
  if (passed > 0) speed_ = static_cast<double>(cursor_.samples - last_told_samples_) / passed;
  last_told_ = now;
  last_told_samples_ = cursor_.samples;
  if (!options_.on_progress) return;
  TrainProgress progress{
      .samples = cursor_.samples,
      .total_samples = options_.training.epochs * static_cast<std::int64_t>(train_samples_),
      .noise_scale = noise_.value(),
      .samples_per_second = speed_,
      .workers = members_.size(),
      .is_checkpointed = is_checkpointed};
  if (!curve_.empty()) progress.loss = curve_.back().loss;
  const auto measured = std::find_if(curve_.rbegin(), curve_.rend(),
                                     [](const CurvePoint& point) { return point.accuracy >= 0; });
  if (measured != curve_.rend()) progress.accuracy = measured->accuracy;
  options_.on_progress(progress);
}

}  // namespace bourse::training
