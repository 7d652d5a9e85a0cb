#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "bourse/base/error.h"
#include "bourse/program/program.h"
#include "bourse/program/runtime.h"
#include "bourse/training/layout.h"

namespace bourse::training {

/// Members of a ring at one time, and slots for them.
inline constexpr std::uint32_t kRingSlots = 256;

/// What a member of a ring sends to another.
enum class RingPart : std::uint8_t {
  gradient,  ///< Of one node of the tree, for the chunk of the receiver.
  total,     ///< The sum over all microbatches of the chunk of the sender.
  state,     ///< Parameters and the state of the optimiser, for one that has just joined.
};

struct RingBlock {
  std::int64_t phase = 0;
  std::uint32_t from = 0;  ///< Place of the sender in the ring of this phase.
  RingPart part = RingPart::gradient;
  MicroRange node;  ///< Of a gradient.
  program::Buffer data;
};

/// Where others put what they send to a member. Any thread may call.
class RingMailbox {
 public:
  void put(RingBlock block);
  /// The next block of this phase; nothing if none comes for so long. Those of phases before it are
  /// dropped, those of later ones wait.
  [[nodiscard]] std::optional<RingBlock> take(std::int64_t phase,
                                              std::chrono::milliseconds patience);

 private:
  std::mutex mutex_;  ///< Guards what follows.
  std::condition_variable changed_;
  std::deque<RingBlock> blocks_;
};

/// The members of a ring as a distributed program: unit i is the member in slot i. Addresses come
/// with each phase, as members come and go.
class RingPeers {
 public:
  /// `run`: others are not talked to.
  RingPeers(std::uint32_t slot, const std::string& run);
  ~RingPeers();
  RingPeers(const RingPeers&) = delete;
  RingPeers& operator=(const RingPeers&) = delete;

  /// Answers others from now on; returns where they reach it. Errors: as Network::listen.
  [[nodiscard]] Result<std::string> serve(const std::string& address);
  /// The member in this slot is there.
  void set_address(std::uint32_t slot, const std::string& address);
  [[nodiscard]] const program::Handle<RingMailbox>& member(std::uint32_t slot) const {
    return members_[slot];
  }
  [[nodiscard]] RingMailbox& mailbox() { return *mailbox_; }

 private:
  class Addresses;

  program::Program program_{"ring"};
  std::vector<program::Handle<RingMailbox>> members_;
  std::shared_ptr<RingMailbox> mailbox_;       ///< Owned by us and by its node.
  std::shared_ptr<Addresses> addresses_;       ///< Owned by us and by the runtime.
  std::shared_ptr<program::Runtime> runtime_;  ///< Owned by us and by calls under way.
};

}  // namespace bourse::training
