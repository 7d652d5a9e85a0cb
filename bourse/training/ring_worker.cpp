#include "bourse/training/ring_worker.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bourse/training/gradient_sum.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

using program::Buffer;

/// How often a worker that waits for work looks whether it is to leave.
constexpr std::chrono::milliseconds kRingLook{50};
/// How long it waits for others before it asks whether they are still there.
constexpr std::chrono::milliseconds kRingStall{100};

/// How often one that finds nobody looks whether the training is over.
constexpr std::chrono::milliseconds kTooLate{500};

std::size_t bytes_of(Range range) { return range.count() * sizeof(float); }

double seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

}  // namespace

RingWorker::RingWorker(Options options)
    : options_(std::move(options)),
      computation_(options_.training.seed, *options_.data, *options_.model),
      values_(computation_.parameters()),
      state_(state_count(options_.training.optimiser.kind),
             std::vector<float>(computation_.parameters())),
      sum_(computation_.parameters()) {}

RingWorker::~RingWorker() = default;

RingWorker::Ended RingWorker::run() {
  const auto& coordinator = options_.coordinator;
  for (;;) {
    const program::Future<std::uint32_t> slot = coordinator.async<&Coordinator::reserve_slot>();
    RealFiles files;
    while (!slot.wait_for(kTooLate)) {
      if (!is_finished(files, options_.training.checkpoint, options_.training.epochs)) continue;
      slot.cancel();
      return Ended::done;
    }
    slot_ = slot.get();
    peers_ = std::make_unique<RingPeers>(slot_, options_.run);
    const Result<std::string> address = peers_->serve(options_.address);
    if (!address) throw std::runtime_error(address.error().message);
    const Welcome welcome =
        coordinator.call<&Coordinator::join>(Joining{.worker = options_.name,
                                                     .parameters = values_.size(),
                                                     .train_samples = options_.data->train.count(),
                                                     .test_samples = options_.data->test.count(),
                                                     .slot = slot_,
                                                     .address = *address});
    const program::Future<void> attended = coordinator.async<&Coordinator::attend>(options_.name);
    version_ = -1;
    next_ = {.number = 0};
    if (welcome.start_step >= 0) start_at(welcome.start_step);
    const std::optional<Ended> ended = take_part();
    for (const auto& sent : sends_) sent.cancel();
    sends_.clear();
    if (saving_.valid()) saving_.get();
    if (ended) return *ended;
  }
}

/// Nothing if the others went on without us: we join again.
std::optional<RingWorker::Ended> RingWorker::take_part() {
  Report report{.worker = options_.name, .range = {}, .microbatches = {}};
  for (;;) {
    report.is_leaving = options_.leaves->load();
    const std::optional<Assignment> next = ask(report);
    if (!next) return Ended::left;
    if (next->kind == WorkKind::rejoin) return std::nullopt;
    if (next->kind == WorkKind::finish && next->is_done) return Ended::done;
    if (next->kind == WorkKind::finish)
      return options_.leaves->load() ? Ended::left : Ended::stopped;
    report = {.worker = options_.name, .range = {}, .microbatches = {}};
    if (next->kind != WorkKind::save) {
      report.norm_version = std::exchange(norm_version_, 0);
      report.squared_norm = next_norm_;
    }
    if (work(*next, report)) continue;
    report.phase = 0;
    report.microbatches.clear();
  }
}

/// Nothing if it leaves. As long as nobody else has the parameters it is given work all the same.
std::optional<Assignment> RingWorker::ask(const Report& report) {
  const program::Future<Assignment> next = options_.coordinator.async<&Coordinator::next>(report);
  while (!next.wait_for(kRingLook)) {
    if (!options_.leaves->load() || !options_.coordinator.call<&Coordinator::leave>(options_.name))
      continue;
    next.cancel();
    return std::nullopt;
  }
  Assignment work = next.get();
  if (report.is_leaving && work.kind == WorkKind::finish) return std::nullopt;
  return work;
}

void RingWorker::start_at(std::int64_t step) {
  version_ = step;
  next_.number = 0;
  next_norm_ = -1;
  norm_version_ = 0;
  if (step == 0) {
    for (std::vector<float>& part : state_) std::ranges::fill(part, 0.0F);
    return options_.model->initialise(options_.training.seed, values_);
  }
  RealFiles files;
  const std::string& folder = options_.training.checkpoint;
  const Result<Manifest> manifest = read_manifest(files, folder, step);
  if (!manifest) throw std::runtime_error(manifest.error().message);
  Result<StateSlice> all =
      read_slice(files, folder, *manifest, {.begin = 0, .end = values_.size()});
  if (!all) throw std::runtime_error(all.error().message);
  if (all->state.size() != state_.size())
    throw std::runtime_error("the checkpoint is of another optimiser");
  std::ranges::copy(all->values.as<float>(), values_.begin());
  state_ = std::move(all->state);
}

bool RingWorker::work(const Assignment& work, Report& report) {
  report.phase = work.phase;
  report.range = work.range;
  if (!prepare(work)) return false;
  const auto begun = std::chrono::steady_clock::now();
  if (work.kind == WorkKind::train) return train(work, report);
  if (work.kind == WorkKind::save) {
    save(work);
    report.microbatches.emplace_back();
  } else {
    computation_.evaluate(work, values_, report);
  }
  report.seconds = seconds_since(begun);
  return finish_sending(work);
}

/// Brings the parameters to the version of the phase, here and at those who have just joined.
bool RingWorker::prepare(const Assignment& work) {
  const std::vector<RingMember>& ring = work.ring;
  std::size_t donor = ring.size();
  for (std::size_t i = 0; i < ring.size(); ++i) {
    peers_->set_address(ring[i].slot, ring[i].address);
    if (ring[i].slot == slot_) place_ = i;
    if (!ring[i].needs_state) donor = std::min(donor, i);
  }
  chunks_ = partition(values_.size(), ring.size());
  sends_.clear();
  if (donor == ring.size()) {
    start_at(work.version);
    return true;
  }
  if (ring[place_].needs_state) return receive_state(work);
  step_to(work.version);
  if (place_ == donor) send_state(work);
  return true;
}

/// Makes the step whose sum is there, or drops that: the step is done again.
void RingWorker::step_to(std::int64_t version) {
  if (next_.number == version && version_ == version - 1) {
    apply(options_.training.optimiser, next_, values_, sum_, values_, state_);
    version_ = version;
  }
  next_.number = 0;
  if (version_ != version)
    throw std::runtime_error(
        fmt::format("version {} of the parameters is asked for, there is {}", version, version_));
}

void RingWorker::send_state(const Assignment& work) {
  Buffer all;
  for (std::size_t i = 0; i < work.ring.size(); ++i) {
    if (!work.ring[i].needs_state) continue;
    if (all.size() == 0) {
      std::vector<float> numbers = values_;
      for (const std::vector<float>& part : state_)
        numbers.insert(numbers.end(), part.begin(), part.end());
      all = Buffer(std::move(numbers));
    }
    send(work, i, {.part = RingPart::state, .node = {}, .data = all});
  }
}

bool RingWorker::receive_state(const Assignment& work) {
  std::optional<RingBlock> block;
  std::vector<RingBlock> early;
  for (;;) {
    block = receive(work);
    if (!block) return false;
    if (block->part == RingPart::state) break;
    early.push_back(std::move(*block));
  }
  for (RingBlock& other : early) peers_->mailbox().put(std::move(other));
  const std::span<const float> numbers = block->data.as<float>();
  if (numbers.size() != values_.size() * (1 + state_.size()))
    throw std::runtime_error("another member has parameters of another length");
  std::copy_n(numbers.begin(), values_.size(), values_.begin());
  for (std::size_t i = 0; i < state_.size(); ++i)
    std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>((i + 1) * values_.size()),
                values_.size(), state_[i].begin());
  version_ = work.version;
  next_.number = 0;
  next_norm_ = -1;
  norm_version_ = 0;
  return true;
}

bool RingWorker::train(const Assignment& work, Report& report) {
  const auto begun = std::chrono::steady_clock::now();
  GradientSum mine(work.microbatches);
  // A node is on its way while the next is computed.
  for (const MicroRange& node : tree_nodes(work.range)) {
    const auto node_begun = std::chrono::steady_clock::now();
    const Buffer gradient = computation_.node_gradient(work, node, values_, report);
    report.seconds += seconds_since(node_begun);
    const auto kept = std::make_shared<Buffer>(gradient);
    const auto part = [&](std::size_t place) {
      return Buffer::view(gradient.data() + chunks_[place].begin * sizeof(float),
                          bytes_of(chunks_[place]), kept);
    };
    for (std::size_t i = 1; i < work.ring.size(); ++i) {
      const std::size_t to = (place_ + i) % work.ring.size();
      send(work, to, {.part = RingPart::gradient, .node = node, .data = part(to)});
    }
    mine.add(node, part(place_));
  }
  if (!gather_sum(work, mine) || !finish_sending(work)) return false;
  if (work.ring.size() > 1) report.exchanging = seconds_since(begun) - report.seconds;
  next_ = {.number = work.version + 1,
           .learning_rate = work.learning_rate,
           .scale = 1 / static_cast<double>(work.batch)};
  next_norm_ = squared_norm_of(sum_, next_.scale);
  norm_version_ = next_.number;
  return true;
}

/// Sums our chunk, sends it to all, and takes theirs, until sum_ is whole.
bool RingWorker::gather_sum(const Assignment& work, GradientSum& mine) {
  const auto take_total = [&](std::size_t place, const Buffer& total) {
    if (place >= chunks_.size() || total.size() != bytes_of(chunks_[place]))
      throw std::runtime_error("another member has parameters of another length");
    std::memcpy(sum_.data() + chunks_[place].begin, total.data(), total.size());
  };
  std::size_t missing = work.ring.size();
  bool is_summed = false;
  for (;;) {
    if (!is_summed && mine.is_complete()) {
      is_summed = true;
      take_total(place_, mine.total());
      --missing;
      for (std::size_t i = 1; i < work.ring.size(); ++i)
        send(work, (place_ + i) % work.ring.size(),
             {.part = RingPart::total, .node = {}, .data = mine.total()});
    }
    if (missing == 0) return true;
    const std::optional<RingBlock> block = receive(work);
    if (!block) return false;
    if (block->part == RingPart::total) {
      take_total(block->from, block->data);
      --missing;
    } else if (block->part == RingPart::gradient &&
               mine.add(block->node, block->data) == GradientSum::Added::malformed) {
      throw std::runtime_error("another member has other microbatches");
    }
  }
}

void RingWorker::send(const Assignment& work, std::size_t to, RingBlock block) {
  block.phase = work.phase;
  block.from = static_cast<std::uint32_t>(place_);
  sends_.push_back(peers_->member(work.ring[to].slot).async<&RingMailbox::put>(std::move(block)));
}

/// Nothing if the phase is given up.
std::optional<RingBlock> RingWorker::receive(const Assignment& work) {
  for (;;) {
    std::optional<RingBlock> block = peers_->mailbox().take(work.phase, kRingStall);
    if (block || !options_.coordinator.call<&Coordinator::is_current>(options_.name, work.phase))
      return block;
  }
}

/// Waits until the others have got what we sent. What does not reach one that is lost is no matter:
/// the phase is given up by all.
bool RingWorker::finish_sending(const Assignment& work) {
  for (const auto& sent : sends_) {
    while (!sent.wait_for(kRingStall))
      if (!options_.coordinator.call<&Coordinator::is_current>(options_.name, work.phase))
        return false;
    try {
      sent.get();
    } catch (const program::CallError&) {
      while (options_.coordinator.call<&Coordinator::is_current>(options_.name, work.phase))
        std::this_thread::sleep_for(kRingLook);
      return false;
    }
  }
  sends_.clear();
  return true;
}

/// Our part of a checkpoint, in the background.
void RingWorker::save(const Assignment& work) {
  if (saving_.valid()) saving_.get();
  const std::size_t part = work.range.first;
  const Range range = chunks_[part];
  const auto begin = static_cast<std::ptrdiff_t>(range.begin);
  const auto end = static_cast<std::ptrdiff_t>(range.end);
  StateSlice slice{.range = range,
                   .values = Buffer::copy_of(values_.data() + begin, bytes_of(range)),
                   .state = {}};
  for (const std::vector<float>& all : state_)
    slice.state.emplace_back(all.begin() + begin, all.begin() + end);
  saving_ = std::async(std::launch::async, [this, step = work.step, part, slice = std::move(slice),
                                            norm = next_norm_] {
    RealFiles files;
    Result<SliceFile> file = write_slice(files, options_.training.checkpoint, step, part, slice);
    if (!file) return fmt::print(stderr, "no checkpoint: {}\n", file.error().message);
    file->squared_norm = norm;
    (void)options_.coordinator.try_call<&Coordinator::saved>(step, static_cast<std::uint32_t>(part),
                                                             *file);
  });
}

}  // namespace bourse::training
