#include "bourse/training/parameter_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bourse/program/context.h"
#include "bourse/training/computation.h"
#include "bourse/world/real_files.h"

namespace bourse::training {
namespace {

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// Numbers of a piece of a step: what is read for the norm is still in the cache for the optimiser.
constexpr std::size_t kPiece = std::size_t{1} << 14;
/// Numbers that are worth a thread: half a millisecond of work.
constexpr std::size_t kNumbersOfThread = std::size_t{1} << 18;

/// Calls `work` with all pieces [begin, end) of so many numbers, on as many threads as pay. While
/// a step is made its workers wait, so that processors of this machine are free.
void for_pieces(std::size_t numbers, const std::function<void(Range)>& work) {
  const std::size_t processors = std::max(1U, std::thread::hardware_concurrency());
  const std::size_t threads = std::clamp<std::size_t>(numbers / kNumbersOfThread, 1, processors);
  const std::size_t pieces = (numbers + kPiece - 1) / kPiece;
  const auto share = [&](std::size_t thread) {
    for (std::size_t i = pieces * thread / threads; i < pieces * (thread + 1) / threads; ++i)
      work({i * kPiece, std::min(numbers, (i + 1) * kPiece)});
  };
  std::vector<std::jthread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back([&share, i] { share(i); });
  share(0);
}

}  // namespace

ParameterServer::ParameterServer(Options options)
    : options_(std::move(options)), sum_(options_.training.microbatches) {}

void ParameterServer::load(const Loaded& loaded) {
  const std::lock_guard lock(mutex_);
  if (parameters_ > 0) return;
  const Range range = partition(loaded.parameters, options_.count)[options_.index];
  if (loaded.parameters == 0 || loaded.values.size() != range.count() * sizeof(float))
    throw std::invalid_argument("the values to start from have another length");
  parameters_ = loaded.parameters;
  slice_ = {.range = range, .values = loaded.values, .state = {}};
  slice_.state.resize(state_count(options_.training.optimiser.kind));
  for (std::vector<float>& part : slice_.state) {
    part.reserve(range.count());
    program::use_huge_pages(part.data(), range.count() * sizeof(float));
    part.resize(range.count());
  }
  changed_.notify_all();
}

void ParameterServer::restore(const std::string& folder, std::int64_t step) {
  RealFiles files;
  const Manifest manifest = value_or_throw(read_manifest(files, folder, step));
  const Range range = partition(manifest.parameters, options_.count)[options_.index];
  StateSlice slice = value_or_throw(read_slice(files, folder, manifest, range));
  if (slice.state.size() != state_count(options_.training.optimiser.kind))
    throw std::runtime_error("the checkpoint is of another optimiser");
  const std::lock_guard lock(mutex_);
  parameters_ = manifest.parameters;
  version_ = step;
  slice_ = std::move(slice);
  before_.reset();
  sum_.clear();
  changed_.notify_all();
}

void ParameterServer::push(const Push& push) {
  const std::lock_guard lock(mutex_);
  if (parameters_ == 0) throw std::runtime_error("there are no parameters to change yet");
  if (push.gradient.size() != slice_.values.size())
    throw std::invalid_argument("the gradient has another length than the parameters");
  if (options_.training.mode != SyncMode::synchronous) return make_step(push, push.gradient);
  if (push.step < version_) return;
  if (push.step > version_)
    throw std::invalid_argument(
        fmt::format("a gradient of step {} comes in step {}", push.step, version_));
  if (sum_.add(push.node, push.gradient) == GradientSum::Added::malformed)
    throw std::invalid_argument(fmt::format("microbatches {} to {} are no node of the tree",
                                            push.node.first, push.node.first + push.node.count));
  if (!sum_.is_complete()) return;
  make_step(push, sum_.total());
  sum_.clear();
}

void ParameterServer::make_step(const Push& push, const program::Buffer& gradient) {
  if (options_.training.mode == SyncMode::synchronous)
    before_ = {.version = version_, .squared_norm = squared_norm_, .values = slice_.values};
  ++version_;
  const OptimiserStep step{
      .number = version_, .learning_rate = push.learning_rate, .scale = push.scale};
  const std::size_t numbers = slice_.range.count();
  std::vector<double> norms((numbers + kPiece - 1) / kPiece);
  // Into a new block: the old one may be on its way to a worker.
  slice_.values = program::Buffer::filled(slice_.values.size(), [&](std::span<std::byte> bytes) {
    const std::span<const float> before = slice_.values.as<float>();
    const std::span<const float> slopes = gradient.as<float>();
    const std::span<float> after(reinterpret_cast<float*>(bytes.data()), numbers);
    for_pieces(numbers, [&](Range piece) {
      const std::size_t begin = piece.begin;
      const std::size_t count = piece.count();
      norms[begin / kPiece] = squared_norm_of(slopes.subspan(begin, count), push.scale);
      std::vector<std::span<float>> state;
      for (std::vector<float>& part : slice_.state)
        state.push_back(std::span(part).subspan(begin, count));
      apply(options_.training.optimiser, step, before.subspan(begin, count),
            slopes.subspan(begin, count), after.subspan(begin, count), state);
    });
  });
  squared_norm_ = std::accumulate(norms.begin(), norms.end(), 0.0);
  changed_.notify_all();
}

Pulled ParameterServer::pull(std::int64_t version) {
  std::unique_lock lock(mutex_);
  const bool is_there = changed_.wait(lock, program::cancel_token(),
                                      [&] { return parameters_ > 0 && version_ >= version; });
  if (!is_there) throw std::runtime_error("nobody waits for these parameters any more");
  if (before_ && before_->version == version) return *before_;
  return {.version = version_, .squared_norm = squared_norm_, .values = slice_.values};
}

void ParameterServer::snapshot(const std::string& folder, std::int64_t step) {
  const std::lock_guard lock(mutex_);
  if (options_.training.mode == SyncMode::synchronous && version_ != step)
    throw std::invalid_argument(
        fmt::format("a checkpoint of step {} is asked for in step {}", step, version_));
  if (writing_.valid()) writing_.wait();
  writing_ = std::async(std::launch::async, [folder, step, index = options_.index, slice = slice_,
                                             norm = squared_norm_] {
    RealFiles files;
    Result<SliceFile> file = write_slice(files, folder, step, index, slice);
    if (file) file->squared_norm = norm;
    return file;
  });
}

SliceFile ParameterServer::written() {
  std::shared_future<Result<SliceFile>> writing;
  {
    const std::lock_guard lock(mutex_);
    writing = writing_;
  }
  if (!writing.valid()) throw std::logic_error("no checkpoint has been asked for");
  return value_or_throw(Result<SliceFile>(writing.get()));
}

void ParameterServer::end() {
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  changed_.notify_all();
}

bool ParameterServer::wait_for_end(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                           [&] { return has_ended_; });
}

}  // namespace bourse::training
