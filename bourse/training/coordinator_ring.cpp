#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <stdexcept>
#include <utility>

#include "bourse/training/coordinator.h"
#include "bourse/training/ring_peers.h"
#include "bourse/world/real_files.h"

// What is different when there are no servers. All members take part in every phase, and a phase
// that one of them does not finish is begun again by the others: nothing has changed, because
// the gradient of a step counts only when the next phase is opened.

namespace bourse::training {
namespace {

/// A member that is not heard of for so long, and so many times the usual time of a phase, while
/// others wait for it, is left out.
constexpr double kHungSeconds = 5;
constexpr double kHungTimes = 20;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t Coordinator::reserve_slot() {
  const std::lock_guard lock(mutex_);
  std::set<std::uint32_t> taken;
  for (const auto& [name, member] : members_) taken.insert(member.slot);
  if (taken.size() >= kRingSlots / 2)
    throw std::runtime_error(fmt::format("a ring has at most {} members", kRingSlots / 2));
  // The slots of those who have left rest for a while, as others may still call there.
  while (taken.contains(next_slot_ % kRingSlots)) ++next_slot_;
  return next_slot_++ % kRingSlots;
}

void Coordinator::join_ring(Member& member) {
  if (members_.size() >= kRingSlots / 2)
    throw std::runtime_error(fmt::format("a ring has at most {} members", kRingSlots / 2));
  // Until the first step is done all members can begin by themselves.
  if (cursor_.step == start_step_) member.version = start_step_;
  has_values_ = true;
}

/// A checkpoint is looked at by us, so that members agree on which is read.
bool Coordinator::is_readable(const Manifest& manifest) const {
  RealFiles files;
  const Result<StateSlice> all = read_slice(files, options_.training.checkpoint, manifest,
                                            {.begin = 0, .end = manifest.parameters});
  if (!all) options_.on_note(all.error().message + "; the checkpoint before it is used");
  return all.has_value();
}

bool Coordinator::has_state(const Member& member) const {
  return member.version == cursor_.step || (member.has_next && member.version + 1 == cursor_.step);
}

bool Coordinator::is_state_lost() const {
  return std::ranges::none_of(members_, [&](const auto& each) { return has_state(each.second); });
}

/// What all can begin with is lost with nobody.
bool Coordinator::must_stay(const std::string& worker) const {
  const auto member = members_.find(worker);
  if (!is_ring() || is_over_ || cursor_.step == start_step_ || member == members_.end())
    return false;
  return has_state(member->second) && std::ranges::none_of(members_, [&](const auto& other) {
           return other.first != worker && has_state(other.second);
         });
}

/// The only member that had the parameters of this step has died: the others go on from the newest
/// checkpoint, or from the beginning.
void Coordinator::fall_back() {
  Manifest newest;
  if (!options_.training.checkpoint.empty()) {
    RealFiles files;
    for (const std::int64_t step : checkpoint_steps(files, options_.training.checkpoint)) {
      const std::optional<Manifest> manifest = manifest_of(step);
      if (!manifest) continue;
      newest = *manifest;
      break;
    }
  }
  options_.on_note(fmt::format("nobody has the parameters of step {}; those of step {} are used",
                               cursor_.step, newest.cursor.step));
  go_on_from(newest);
  saving_.reset();
  must_save_ = false;
  for (auto& [name, member] : members_) {
    member.version = -1;
    member.has_next = false;
  }
}

void Coordinator::hand_out_to_ring() {
  Assignment& work = phase_.work;
  std::vector<double> weights;
  for (const auto& [name, member] : members_) weights.push_back(member.speed);
  const std::vector<MicroRange> ranges =
      work.kind == WorkKind::save
          ? split_by_weight(work.microbatches, std::vector<double>(weights.size(), 1))
          : shares_of(work.microbatches, std::move(weights));
  std::size_t at = 0;
  for (auto& [name, member] : members_) {
    member.waiting = {ranges[at]};
    work.ring.push_back({.slot = member.slot,
                         .address = member.address,
                         .range = ranges[at],
                         .needs_state = !has_state(member)});
    ++at;
  }
  phase_.members_left = members_.size();
}

/// Each member writes a part.
void Coordinator::open_save_phase() {
  phase_.work.kind = WorkKind::save;
  phase_.work.microbatches = static_cast<std::uint32_t>(members_.size());
  last_checkpoint_ = steady_seconds();
  last_checkpoint_step_ = cursor_.step;
  saving_ = Saving{.manifest = new_manifest(),
                   .files = std::vector<SliceFile>(members_.size()),
                   .left = members_.size()};
}

void Coordinator::saved(std::int64_t step, std::uint32_t part, const SliceFile& file) {
  const std::lock_guard lock(mutex_);
  if (!saving_ || saving_->manifest.cursor.step != step || part >= saving_->files.size() ||
      !saving_->files[part].name.empty())
    return;
  saving_->files[part] = file;
  if (--saving_->left > 0) return;
  Manifest manifest = std::move(saving_->manifest);
  if (manifest.norms.big > 0)
    for (const SliceFile& each : saving_->files)
      manifest.norms.big_norm = std::max(manifest.norms.big_norm, each.squared_norm);
  manifest.files = std::move(saving_->files);
  saving_.reset();
  ++concluding_;
  checkpointing_ = std::jthread(
      [this, manifest = std::move(manifest), before = std::move(checkpointing_)]() mutable {
        if (before.joinable()) before.join();
        conclude_checkpoint(manifest);
        const std::lock_guard after(mutex_);
        --concluding_;
        open_phase();
        changed_.notify_all();
      });
  changed_.notify_all();
}

/// The phase is handed out anew to those who are there.
void Coordinator::begin_again() {
  is_open_ = false;
  if (is_stopping_ && phase_.work.kind != WorkKind::save) must_save_ = wants_checkpoint();
  open_phase();
  changed_.notify_all();
}

bool Coordinator::is_phase_complete() const {
  return is_open_ && phase_.left == 0 && phase_.members_left == 0;
}

bool Coordinator::is_phase_untouched() const {
  if (is_ring()) return !phase_.is_taken && phase_.work.kind != WorkKind::save;
  return phase_.left == phase_.done.size();
}

bool Coordinator::is_current(const std::string& worker, std::int64_t phase) {
  const std::lock_guard lock(mutex_);
  const auto member = members_.find(worker);
  if (!is_open_ || phase_.work.phase != phase || member == members_.end()) return false;
  member->second.stalled_phase = phase;
  const double patience = std::max(kHungSeconds, kHungTimes * usual_seconds_);
  if (steady_seconds() - phase_.opened < patience) return true;
  const auto is_hung = [&](const Member& other) {
    const bool has_reported = other.waiting.empty() && !(other.work && other.phase == phase);
    return !has_reported && other.stalled_phase != phase;
  };
  const std::size_t before = members_.size();
  for (const auto& [name, other] : members_)
    if (is_hung(other)) options_.on_note(fmt::format("{} is not heard of; others go on", name));
  std::erase_if(members_, [&](const auto& entry) { return is_hung(entry.second); });
  if (members_.size() == before) return true;
  begin_again();
  return false;
}

}  // namespace bourse::training
