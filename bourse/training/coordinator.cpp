#include "bourse/training/coordinator.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "bourse/program/context.h"
#include "bourse/training/monotonic.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

/// Global batches of a phase where no step waits for others.
constexpr std::int64_t kFreeBatches = 32;
/// Workers whose speeds differ by less get the same work: speeds are noisy.
constexpr double kUnevenSpeeds = 1.5;
constexpr double kTellSeconds = 0.5;
/// A worker is overdue after so long, and so many times the usual time of a phase.
constexpr double kOverdueSeconds = 1;
constexpr double kOverdueTimes = 20;
/// So long the members of a ring have for the files of the last checkpoint.
constexpr double kLastFiles = 10;

}  // namespace

Coordinator::Coordinator(Options options)
    : options_(std::move(options)), batch_(options_.training.batch) {
  begun_ = last_checkpoint_ = last_told_ = monotonic_now();
}

Coordinator::~Coordinator() = default;

std::string Coordinator::training_name() const {
  return fmt::format("{} on {}", options_.training.model, options_.training.data);
}

void Coordinator::start() {
  if (!options_.training.checkpoint.empty()) {
    RealFiles files;
    for (const std::int64_t step : checkpoint_steps(files, options_.training.checkpoint)) {
      const std::optional<Manifest> manifest = manifest_of(step);
      if (manifest && restore(*manifest)) break;
    }
  }
  const std::lock_guard lock(mutex_);
  is_ready_ = true;
  open_phase();
  changed_.notify_all();
}

/// Nothing if it is not whole.
std::optional<Manifest> Coordinator::manifest_of(std::int64_t step) const {
  const std::string& folder = options_.training.checkpoint;
  RealFiles files;
  const Result<Manifest> manifest = read_manifest(files, folder, step);
  if (!manifest) {
    options_.on_note(manifest.error().message + "; the checkpoint before it is used");
    return std::nullopt;
  }
  if (manifest->training != training_name())
    throw std::runtime_error(fmt::format("'{}' has checkpoints of {}, not of {}", folder,
                                         manifest->training, training_name()));
  if (is_ring() && !is_readable(*manifest)) return std::nullopt;
  return *manifest;
}

/// False if the servers cannot read it.
bool Coordinator::restore(const Manifest& manifest) {
  const std::string& folder = options_.training.checkpoint;
  const std::int64_t step = manifest.cursor.step;
  RealFiles files;
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
  parameters_ = manifest.parameters;
  train_samples_ = manifest.train_samples;
  has_values_ = true;
  if (const Result<std::string> text = files.read(folder + "/curve.csv"))
    if (Result<std::vector<CurvePoint>> points = parse_curve_csv(*text)) curve_ = *points;
  go_on_from(manifest);
  if (!curve_.empty()) begun_ = monotonic_now() - curve_.back().seconds;
  options_.on_note(fmt::format("goes on from the checkpoint of step {}", step));
  tell_progress(true);
  return true;
}

/// As it was when this was written.
void Coordinator::go_on_from(const Manifest& manifest) {
  const std::int64_t step = manifest.cursor.step;
  cursor_ = manifest.cursor;
  start_step_ = step;
  last_checkpoint_step_ = step;
  last_told_samples_ = cursor_.samples;
  last_told_progress_ = cursor_.progress;
  noise_ = NoiseScale(manifest.noise);
  norms_.clear();
  if (manifest.norms.big_norm >= 0) norms_[step] = manifest.norms;
  std::erase_if(curve_, [&](const CurvePoint& point) { return point.step > step; });
  const bool is_evaluated = curve_.empty() || curve_.back().accuracy >= 0;
  must_evaluate_ = (cursor_.position == 0 || has_trained_all()) && !is_evaluated;
}

void Coordinator::set_batch(std::int64_t batch) {
  const std::lock_guard lock(mutex_);
  if (batch == batch_) return;
  options_.on_note(fmt::format("the batch is {} in the place of {}", batch, batch_));
  batch_ = batch;
}

void Coordinator::stop() {
  std::unique_lock lock(mutex_);
  is_stopping_ = true;
  try_to_stop(lock);
  changed_.notify_all();
}

bool Coordinator::wait_until_over(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return is_over_; });
}

bool Coordinator::wait_until_alone(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                           [&] { return members_.empty(); });
}

void Coordinator::finish_checkpoints() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::duration<double>(kLastFiles),
                      [&] { return !saving_ || saving_->left == 0; });
  }
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
  member.slot = joining.slot;
  member.address = joining.address;
  if (is_ring()) join_ring(member);
  members_[joining.worker] = member;
  if (has_values_ && !is_open_) open_phase();
  changed_.notify_all();
  return {.needs_values = !has_values_, .start_step = member.version};
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

bool Coordinator::leave(const std::string& worker) {
  std::unique_lock lock(mutex_);
  if (must_stay(worker)) return false;
  remove(worker);
  try_to_stop(lock);
  changed_.notify_all();
  return true;
}

/// Its work goes back to the pool.
void Coordinator::remove(const std::string& worker) {
  const auto member = members_.find(worker);
  if (member == members_.end()) return;
  if (is_ring()) {
    const Member& gone = member->second;
    const bool is_missed =
        is_open_ && (!gone.waiting.empty() || (gone.work && gone.phase == phase_.work.phase));
    members_.erase(member);
    if (is_missed) begin_again();
    return;
  }
  for (const MicroRange& range : member->second.waiting) unassigned_.push_back(range);
  if (member->second.work) unassigned_.push_back(*member->second.work);
  members_.erase(member);
}

/// What the learning rate and the work of the training are meant for.
double Coordinator::base_batch() const {
  const TrainOptions& training = options_.training;
  return static_cast<double>(training.base_batch > 0 ? training.base_batch : training.batch);
}

/// How far a step of this batch gets, in samples at the base batch: with AdaScale its gain many
/// steps of the base batch, else each sample counts in full.
double Coordinator::worth_of(double batch) const {
  const double base = base_batch();
  if (options_.training.rate_rule != RateRule::adascale || batch <= base) return batch;
  return base * noise_.gain(base, batch);
}

/// The learning rate of the next step.
double Coordinator::rate_of(double batch) const {
  const TrainOptions& training = options_.training;
  const auto all = static_cast<double>(train_samples_);
  const double rate =
      learning_rate_at(training, cursor_.progress + worth_of(batch), training.warmup_epochs * all,
                       static_cast<double>(training.epochs) * all);
  const double base = base_batch();
  switch (training.rate_rule) {
    case RateRule::none:
      return rate;
    case RateRule::linear:
      return rate * batch / base;
    case RateRule::root:
      return rate * std::sqrt(batch / base);
    case RateRule::adascale:
      return rate * std::max(1.0, worth_of(batch) / base);
  }
  return rate;
}

/// Hands out the next batch, if there can be one.
void Coordinator::open_phase() {
  if (is_open_ || is_saving_ || is_over_ || !is_ready_ || !has_values_ || test_samples_ == 0)
    return;
  if (is_ring() && members_.empty()) return;
  if (is_ring() && is_state_lost()) {
    if (concluding_ > 0) return;  // It will be the newest one.
    fall_back();
  }
  if (!must_save_ && has_trained_all() && !must_evaluate_) {
    is_done_ = true;
    return end();
  }
  if (!must_save_ && is_stopping_) return end();
  const std::int64_t number = phase_.work.phase + 1;
  phase_ = {};
  Assignment& work = phase_.work;
  work = {.kind = WorkKind::train,
          .phase = number,
          .version = waits_for_all(options_.training.mode) ? cursor_.step : 0,
          .step = cursor_.step,
          .epoch = cursor_.epoch,
          .position = static_cast<std::uint64_t>(cursor_.position),
          .microbatches = options_.training.microbatches};
  if (must_save_) {
    open_save_phase();
  } else if (must_evaluate_) {
    work.kind = WorkKind::evaluate;
    work.position = 0;
    work.batch = test_samples_;
  } else {
    open_train_phase();
  }
  phase_.done.assign(work.microbatches, false);
  phase_.reports.resize(work.microbatches);
  phase_.left = work.microbatches;
  phase_.opened = monotonic_now();
  is_open_ = true;
  hand_out();
}

void Coordinator::open_train_phase() {
  Assignment& work = phase_.work;
  const std::uint64_t rest = train_samples_ - work.position;
  const auto batch = static_cast<std::uint64_t>(batch_);
  work.batch = std::min(batch, rest);
  if (!waits_for_all(options_.training.mode)) {
    work.batch = std::min(batch * kFreeBatches, rest);
    const std::uint64_t unit = std::max<std::uint64_t>(1, batch / work.microbatches);
    work.microbatches = static_cast<std::uint32_t>((work.batch + unit - 1) / unit);
  }
  const auto step = static_cast<double>(std::min(batch, rest));
  work.learning_rate = rate_of(step);
  phase_.worth = worth_of(step) / step * static_cast<double>(work.batch);
}

bool Coordinator::has_trained_all() const {
  return has_trained(cursor_, options_.training.epochs, train_samples_);
}

/// In proportion to speeds if these differ by much.
std::vector<MicroRange> Coordinator::shares_of(std::uint32_t microbatches,
                                               std::vector<double> speeds) {
  const auto [slowest, fastest] = std::ranges::minmax(speeds);
  if (!(slowest > 0) || fastest < kUnevenSpeeds * slowest) speeds.assign(speeds.size(), 1);
  return split_by_weight(microbatches, speeds);
}

/// Splits the phase over those who are there and have nothing to do.
void Coordinator::hand_out() {
  unassigned_.clear();
  if (is_ring()) return hand_out_to_ring();
  const Assignment& work = phase_.work;
  if (!waits_for_all(options_.training.mode) && work.kind == WorkKind::train) {
    for (std::uint32_t i = 0; i < work.microbatches; ++i) unassigned_.push_back({i, 1});
    return;
  }
  std::vector<Member*> idle;
  std::vector<double> weights;
  for (auto& [name, member] : members_) {
    member.waiting.clear();
    if (member.work) continue;
    idle.push_back(&member);
    weights.push_back(member.speed);
  }
  if (idle.empty()) return unassigned_.push_back({0, work.microbatches});
  const std::vector<MicroRange> ranges = shares_of(work.microbatches, std::move(weights));
  for (std::size_t i = 0; i < idle.size(); ++i)
    if (ranges[i].count > 0) idle[i]->waiting.push_back(ranges[i]);
}

bool Coordinator::is_too_far_ahead(const Member& member) const {
  if (options_.training.mode != SyncMode::stale || phase_.work.kind != WorkKind::train)
    return false;
  return std::ranges::any_of(members_, [&](const auto& other) {
    return other.second.work && member.clock - other.second.clock > options_.training.staleness;
  });
}

/// What another worker has had for too long. In synchronous mode only, where a server knows what it
/// has got twice.
std::optional<MicroRange> Coordinator::overdue_work(const std::string& idle) {
  const double patience = std::max(kOverdueSeconds, kOverdueTimes * usual_seconds_);
  if (options_.training.mode != SyncMode::synchronous || phase_.work.kind != WorkKind::train ||
      monotonic_now() - phase_.opened < patience)
    return std::nullopt;
  for (auto& [name, member] : members_) {
    if (name == idle) continue;
    if (!member.waiting.empty()) {
      const MicroRange range = member.waiting.front();
      member.waiting.pop_front();
      return range;
    }
    if (!member.work || member.phase != phase_.work.phase || member.is_doubled) continue;
    member.is_doubled = true;
    options_.on_note(fmt::format("{} is slow; another does its part of this step too", name));
    return member.work;
  }
  return std::nullopt;
}

std::optional<Assignment> Coordinator::work_for(const std::string& worker) {
  Assignment work;
  work.is_done = is_done_;
  if (is_over_) return work;
  const auto found = members_.find(worker);
  if (found == members_.end() && is_ring()) return Assignment{.kind = WorkKind::rejoin};
  if (found == members_.end()) throw std::invalid_argument(worker + " has not joined");
  Member& member = found->second;
  if (!is_open_ || (is_stopping_ && is_phase_untouched())) return std::nullopt;
  if (member.waiting.empty() && unassigned_.empty()) {
    const std::optional<MicroRange> overdue = overdue_work(worker);
    if (!overdue) return std::nullopt;
    member.waiting.push_back(*overdue);
  } else if (member.waiting.empty()) {
    if (is_too_far_ahead(member)) return std::nullopt;
    member.waiting.push_back(unassigned_.front());
    unassigned_.pop_front();
  }
  work = phase_.work;
  work.range = member.waiting.front();
  member.work = work.range;
  member.phase = work.phase;
  phase_.is_taken = true;
  member.is_doubled = false;
  member.waiting.pop_front();
  return work;
}

Assignment Coordinator::next(const Report& report) {
  std::unique_lock lock(mutex_);
  observe_norm(report);
  take(report);
  if (report.is_leaving && !must_finish_step(report.worker) && !must_stay(report.worker))
    remove(report.worker);
  if (is_phase_complete()) close_phase(lock);
  try_to_stop(lock);
  changed_.notify_all();
  if (!members_.contains(report.worker) && (!is_ring() || report.is_leaving)) return {};
  std::optional<Assignment> work;
  const std::stop_token given_up = program::cancel_token();
  while (!given_up.stop_requested() && !work) {
    // Looks again from time to time: others may be overdue.
    changed_.wait_for(lock, given_up, std::chrono::duration<double>(kOverdueSeconds / 2), [&] {
      work = work_for(report.worker);
      return work.has_value();
    });
  }
  if (!work) return {};
  if (work->kind == WorkKind::finish || work->kind == WorkKind::rejoin) {
    remove(report.worker);
    changed_.notify_all();
  }
  return *work;
}

/// The last one to leave finishes the step: half a step could not be saved.
bool Coordinator::must_finish_step(const std::string& worker) const {
  const bool is_alone = members_.size() == 1 && members_.contains(worker);
  return is_alone && is_open_ && phase_.work.kind == WorkKind::train && phase_.left > 0 &&
         phase_.left < phase_.done.size();
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
  member->second.version = phase_.work.version;
  member->second.has_next = phase_.work.kind == WorkKind::train;
  if (phase_.members_left > 0) --phase_.members_left;
  phase_.computing += report.seconds;
  phase_.exchanging += report.exchanging;
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
  if (phase_.work.kind == WorkKind::save) {
    must_save_ = false;
    return open_phase();
  }
  settle_norms();
  computed_ += phase_.computing;
  exchanged_ += phase_.exchanging / static_cast<double>(std::max<std::size_t>(1, members_.size()));
  if (phase_.work.kind == WorkKind::train) {
    close_train_phase();
  } else {
    std::int64_t correct = 0;
    for (const MicroReport& report : phase_.reports) correct += report.correct;
    must_evaluate_ = false;
    if (!curve_.empty())
      curve_.back().accuracy = static_cast<double>(correct) / static_cast<double>(test_samples_);
  }
  const bool is_last = has_trained_all() && !must_evaluate_;
  if (is_last || monotonic_now() - last_told_ >= kTellSeconds) tell_progress(false);
  if (is_stopping_ || is_last || is_checkpoint_due()) begin_checkpoint(lock);
  open_phase();
}

void Coordinator::close_train_phase() {
  const Assignment& work = phase_.work;
  constexpr double kNew = 0.1;
  const double seconds = monotonic_now() - phase_.opened;
  usual_seconds_ = usual_seconds_ > 0 ? (1 - kNew) * usual_seconds_ + kNew * seconds : seconds;
  const bool is_synchronous = waits_for_all(options_.training.mode);
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
  cursor_.progress += phase_.worth;
  point.step = cursor_.step;
  point.samples = cursor_.samples;
  point.noise_scale = noise_.value();
  point.seconds = monotonic_now() - begun_;
  curve_.push_back(point);
  if (is_synchronous) {
    norms_[cursor_.step] = {.small = static_cast<double>(work.batch) / used,
                            .small_norm = norms / used,
                            .big = static_cast<double>(work.batch)};
    if (norms_.size() > 2) norms_.erase(norms_.begin());
  }
  must_evaluate_ = has_trained_all();
  if (static_cast<std::uint64_t>(cursor_.position) < train_samples_) return;
  cursor_.position = 0;
  ++cursor_.epoch;
  must_evaluate_ = true;
}

void Coordinator::observe_norm(const Report& report) {
  const auto norms = norms_.find(report.norm_version);
  if (norms != norms_.end() && norms->second.big_norm < 0)
    norms->second.big_norm = report.squared_norm;
}

/// Between two steps, and not when they come: so that what follows from them does not depend on
/// who is quick.
void Coordinator::settle_norms() {
  std::erase_if(norms_, [&](const auto& entry) {
    const NormPair& pair = entry.second;
    if (pair.big_norm < 0) return false;
    noise_.add(pair.small, pair.small_norm, pair.big, pair.big_norm);
    return true;
  });
}

bool Coordinator::is_checkpoint_due() const {
  const TrainOptions& training = options_.training;
  if (training.checkpoint.empty() || cursor_.step == last_checkpoint_step_) return false;
  if (training.checkpoint_steps > 0)
    return cursor_.step - last_checkpoint_step_ >= training.checkpoint_steps;
  return monotonic_now() - last_checkpoint_ >= training.checkpoint_seconds;
}

bool Coordinator::wants_checkpoint() const {
  return !options_.training.checkpoint.empty() && cursor_.step != last_checkpoint_step_;
}

/// Without the files; the next checkpoint is due some time after this one.
Manifest Coordinator::new_manifest() const {
  const auto norms = norms_.find(cursor_.step);
  return {.cursor = cursor_,
          .training = training_name(),
          .parameters = parameters_,
          .optimiser_vectors = state_count(options_.training.optimiser.kind),
          .train_samples = train_samples_,
          .noise = noise_.sums(),
          .norms = norms == norms_.end() ? NormPair{} : norms->second,
          .files = {}};
}

void Coordinator::begin_checkpoint(std::unique_lock<std::mutex>& lock) {
  if (!wants_checkpoint()) return;
  if (is_ring()) {
    must_save_ = true;
    return;
  }
  const std::string& folder = options_.training.checkpoint;
  last_checkpoint_ = monotonic_now();
  last_checkpoint_step_ = cursor_.step;
  const Manifest manifest = new_manifest();
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
  Manifest manifest = begun;
  double norm = 0;
  try {
    for (const auto& server : options_.servers) {
      manifest.files.push_back(server.call<&ParameterServer::written>());
      norm += manifest.files.back().squared_norm;
    }
  } catch (const program::CallError& error) {
    return options_.on_note(fmt::format("no checkpoint: {}", error.message()));
  }
  if (manifest.norms.big > 0) manifest.norms.big_norm = norm;
  conclude_checkpoint(manifest);
}

/// Runs beside the training.
void Coordinator::conclude_checkpoint(const Manifest& manifest) {
  save_curve();
  RealFiles files;
  const Result<void> written = write_manifest(files, options_.training.checkpoint, manifest,
                                              options_.training.kept_checkpoints);
  if (!written) return options_.on_note("no checkpoint: " + written.error().message);
  const std::lock_guard lock(mutex_);
  if (options_.on_progress)
    options_.on_progress(
        {.samples = static_cast<std::int64_t>(manifest.cursor.progress),
         .total_samples = options_.training.epochs * static_cast<std::int64_t>(train_samples_),
         .trained = manifest.cursor.samples,
         .batch = batch_,
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
  if (phase_.work.kind == WorkKind::save) return;
  const bool is_busy = std::ranges::any_of(
      members_, [](const auto& member) { return member.second.work.has_value(); });
  if (is_busy) return;
  if (is_phase_untouched()) {
    is_open_ = false;
    begin_checkpoint(lock);
    open_phase();
  } else if (members_.empty()) {
    options_.on_note("all workers left within a step, which is lost");
    end();
  }
}

void Coordinator::give_up() {
  const std::lock_guard lock(mutex_);
  end();
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
  const double done = cursor_.progress - std::exchange(last_told_progress_, cursor_.progress);
  const double computed = std::exchange(computed_, 0);
  const double exchanged = std::exchange(exchanged_, 0);
  if (!options_.on_progress) return;
  TrainProgress progress{
      .samples = static_cast<std::int64_t>(cursor_.progress),
      .total_samples = options_.training.epochs * static_cast<std::int64_t>(train_samples_),
      .trained = cursor_.samples,
      .batch = batch_,
      .noise_scale = noise_.value(),
      .samples_per_second = speed_,
      .workers = members_.size(),
      .is_checkpointed = is_checkpointed};
  if (done > 0) {
    progress.compute_per_sample = computed / done;
    progress.exchange_per_sample = exchanged / done;
  }
  if (!curve_.empty()) progress.loss = curve_.back().loss;
  const auto measured = std::find_if(curve_.rbegin(), curve_.rend(),
                                     [](const CurvePoint& point) { return point.accuracy >= 0; });
  if (measured != curve_.rend()) progress.accuracy = measured->accuracy;
  options_.on_progress(progress);
}

}  // namespace bourse::training
