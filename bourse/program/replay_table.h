#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bourse/program/deadline.h"
#include "bourse/program/serialize.h"

namespace bourse::program {

/// Of a ReplayTable.
struct ReplayOptions {
  std::size_t capacity = 100'000;  ///< The oldest item goes when there are more. At least 1.
  /// Items that there must be before any is sampled.
  std::size_t smallest_to_sample = 1;
  std::uint64_t seed = 0;
  /// File that the table is written to every `checkpoint_every`, and read from when it is made;
  /// empty: none.
  std::string checkpoint_file;
  std::chrono::milliseconds checkpoint_every{60'000};
};

/// Draws places with probabilities in proportion to their weights. Cost: O(log places) each.
class WeightedPlaces {
 public:
  explicit WeightedPlaces(std::size_t places);
  /// `weight` >= 0.
  void set(std::size_t place, double weight);
  [[nodiscard]] double weight(std::size_t place) const { return sums_[leaves_ + place]; }
  [[nodiscard]] double total() const { return sums_[1]; }
  /// The place where the running sum of weights passes `at`, which is in [0, total()).
  [[nodiscard]] std::size_t find(double at) const;

 private:
  std::size_t leaves_ = 1;
  std::vector<double> sums_;  ///< A full binary tree; each is the sum of the two below it.
};

/// What a replay table knows of its items but not what they are.
class ReplayIndex {
 public:
  explicit ReplayIndex(const ReplayOptions& options);

  /// The place of a new item, which may have been that of the oldest. Throws std::invalid_argument
  /// for a priority that is not a number >= 0.
  std::size_t add(double priority);
  /// `count` places, each drawn by priority, with repetition. Throws CallError{failed_precondition}
  /// if there are too few items.
  [[nodiscard]] std::vector<std::size_t> draw(std::size_t count);
  /// False if the item is gone.
  bool set_priority(std::uint64_t id, double priority);
  [[nodiscard]] std::uint64_t id_at(std::size_t place) const;
  [[nodiscard]] double probability(std::size_t place) const;
  [[nodiscard]] double priority(std::size_t place) const { return weights_.weight(place); }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// True if the checkpoint is due; it counts as written then.
  [[nodiscard]] bool is_checkpoint_due();

 private:
  ReplayOptions options_;
  WeightedPlaces weights_;
  std::size_t size_ = 0;
  std::uint64_t added_ = 0;
  std::uint64_t draws_ = 0;
  Deadline checkpoint_at_;
};

/// Bytes to a file, all or none, and back. Throw CallError{unavailable | data_loss}.
void write_checkpoint(const std::string& path, const Message& message);
[[nodiscard]] bool read_checkpoint(const std::string& path, Message& message);

/// An item that was drawn.
template <class Item>
struct Replayed {
  std::uint64_t id = 0;
  double probability = 0;  ///< Of each draw to be this item.
  Item item{};
};

/// A node that holds experience: producers insert, learners sample by priority. The same seed and
/// the same calls give the same samples. Use it as the class of a node.
template <class Item>
class ReplayTable {
 public:
  explicit ReplayTable(ReplayOptions options = {})
      : options_(std::move(options)), index_(options_) {
    Message saved;
    if (options_.checkpoint_file.empty() || !read_checkpoint(options_.checkpoint_file, saved))
      return;
    for (auto& [priority, item] : decode<std::vector<std::pair<double, Item>>>(saved))
      insert_item(std::move(item), priority);
  }

  /// Returns the id of the item.
  std::uint64_t insert(Item item, double priority) {
    const std::size_t place = insert_item(std::move(item), priority);
    if (index_.is_checkpoint_due()) save();
    return index_.id_at(place);
  }

  std::vector<Replayed<Item>> sample(std::uint32_t count) {
    std::vector<Replayed<Item>> drawn;
    for (const std::size_t place : index_.draw(count))
      drawn.push_back({index_.id_at(place), index_.probability(place), items_[place]});
    return drawn;
  }

  /// New priorities by id; returns how many of the items are still there.
  std::uint32_t update(const std::vector<std::pair<std::uint64_t, double>>& priorities) {
    std::uint32_t known = 0;
    for (const auto& [id, priority] : priorities)
      known += static_cast<std::uint32_t>(index_.set_priority(id, priority));
    return known;
  }

  [[nodiscard]] std::uint64_t size() const { return index_.size(); }

  /// Writes the checkpoint now.
  void save() const {
    std::vector<std::pair<double, Item>> kept;
    std::map<std::uint64_t, std::size_t> by_age;
    for (std::size_t place = 0; place < index_.size(); ++place)
      by_age.emplace(index_.id_at(place), place);
    for (const auto& [id, place] : by_age) kept.emplace_back(index_.priority(place), items_[place]);
    write_checkpoint(options_.checkpoint_file, encode(kept));
  }

 private:
  std::size_t insert_item(Item item, double priority) {
    const std::size_t place = index_.add(priority);
    if (place == items_.size())
      items_.push_back(std::move(item));
    else
      items_[place] = std::move(item);
    return place;
  }

  ReplayOptions options_;
  ReplayIndex index_;
  std::vector<Item> items_;
};

}  // namespace bourse::program
