#include "bourse/program/replay_table.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "bourse/base/random.h"

namespace bourse::program {

WeightedPlaces::WeightedPlaces(std::size_t places) {
  while (leaves_ < places) leaves_ *= 2;
  sums_.resize(2 * leaves_);
}

void WeightedPlaces::set(std::size_t place, double weight) {
  std::size_t node = leaves_ + place;
  sums_[node] = weight;
  // Summed anew, not by differences, so that no rounding adds up over time.
  for (node /= 2; node >= 1; node /= 2) sums_[node] = sums_[2 * node] + sums_[2 * node + 1];
}

std::size_t WeightedPlaces::find(double at) const {
  std::size_t node = 1;
  while (node < leaves_) {
    node *= 2;
    if (at >= sums_[node] && sums_[node + 1] > 0) {
      at -= sums_[node];
      ++node;
    }
  }
  return node - leaves_;
}

ReplayIndex::ReplayIndex(const ReplayOptions& options)
    : options_(options),
      weights_(options.capacity),
      checkpoint_at_(deadline_in(options.checkpoint_every)) {
  if (options.capacity == 0) throw std::invalid_argument("a replay table of capacity 0");
}

std::size_t ReplayIndex::add(double priority) {
  if (!(priority >= 0) || !std::isfinite(priority))
    throw std::invalid_argument(fmt::format("priority {} is no number from 0 on", priority));
  const std::size_t place = added_++ % options_.capacity;
  size_ = std::max(size_, place + 1);
  weights_.set(place, priority);
  return place;
}

std::uint64_t ReplayIndex::id_at(std::size_t place) const {
  // The last id at this place: places are taken in turn.
  const std::uint64_t last = added_ - 1;
  const std::uint64_t back = (last + options_.capacity - place) % options_.capacity;
  return last - back;
}

std::vector<std::size_t> ReplayIndex::draw(std::size_t count) {
  if (size_ < options_.smallest_to_sample || size_ == 0 || !(weights_.total() > 0))
    throw CallError(CallCode::failed_precondition,
                    fmt::format("{} items are there, {} are needed before any is sampled", size_,
                                std::max<std::size_t>(1, options_.smallest_to_sample)));
  RandomStream random(options_.seed, Purpose::replay, draws_++);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i)
    places.push_back(weights_.find(random.uniform() * weights_.total()));
  return places;
}

bool ReplayIndex::set_priority(std::uint64_t id, double priority) {
  if (id >= added_ || added_ - id > options_.capacity) return false;
  if (!(priority >= 0) || !std::isfinite(priority))
    throw std::invalid_argument(fmt::format("priority {} is no number from 0 on", priority));
  weights_.set(id % options_.capacity, priority);
  return true;
}

double ReplayIndex::probability(std::size_t place) const {
  return weights_.weight(place) / weights_.total();
}

bool ReplayIndex::is_checkpoint_due() {
  if (options_.checkpoint_file.empty() || now() < checkpoint_at_) return false;
  checkpoint_at_ = deadline_in(options_.checkpoint_every);
  return true;
}

void write_checkpoint(const std::string& path, const Message& message) {
  const std::string whole = path + ".new";
  {
    std::ofstream file(whole, std::ios::binary);
    const auto put = [&](std::string_view bytes) {
      const std::uint64_t size = bytes.size();
      file.write(reinterpret_cast<const char*>(&size), sizeof size);
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    };
    put(message.head);
    for (const Buffer& segment : message.segments)
      put({reinterpret_cast<const char*>(segment.data()), segment.size()});
    file.flush();
    if (!file) throw CallError(CallCode::unavailable, fmt::format("cannot write '{}'", whole));
  }
  if (std::rename(whole.c_str(), path.c_str()) != 0)
    throw CallError(CallCode::unavailable, fmt::format("cannot write '{}'", path));
}

bool read_checkpoint(const std::string& path, Message& message) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return false;
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string_view left = bytes;
  bool is_head = true;
  while (!left.empty()) {
    std::uint64_t size = 0;
    if (left.size() < sizeof size) break;
    left.copy(reinterpret_cast<char*>(&size), sizeof size);
    left.remove_prefix(sizeof size);
    if (size > left.size()) break;
    if (is_head)
      message.head = left.substr(0, size);
    else
      message.segments.push_back(Buffer::copy_of(left.data(), size));
    is_head = false;
    left.remove_prefix(size);
  }
  if (!left.empty() || is_head)
    throw CallError(CallCode::data_loss, fmt::format("'{}' is no whole checkpoint", path));
  return true;
}

}  // namespace bourse::program
