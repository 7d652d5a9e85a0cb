#include "bourse/training/ring_peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace bourse::training {

void RingMailbox::put(RingBlock block) {
  const std::lock_guard lock(mutex_);
  blocks_.push_back(std::move(block));
  changed_.notify_all();
}

std::optional<RingBlock> RingMailbox::take(std::int64_t phase, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const auto is_wanted = [phase](const RingBlock& block) { return block.phase == phase; };
  std::erase_if(blocks_, [phase](const RingBlock& block) { return block.phase < phase; });
  if (!changed_.wait_for(lock, patience, [&] { return std::ranges::any_of(blocks_, is_wanted); }))
    return std::nullopt;
  const auto found = std::ranges::find_if(blocks_, is_wanted);
  RingBlock block = std::move(*found);
  blocks_.erase(found);
  return block;
}

/// Where members are, as the last phase has said.
class RingPeers::Addresses final : public program::Directory {
 public:
  void set(std::uint32_t slot, const std::string& address) {
    const std::lock_guard lock(mutex_);
    addresses_[slot] = address;
  }
  [[nodiscard]] std::optional<program::UnitAddress> find_unit(std::uint32_t unit) override {
    const std::lock_guard lock(mutex_);
    const auto found = addresses_.find(unit);
    if (found == addresses_.end()) return std::nullopt;
    return program::UnitAddress{found->second, 0};
  }
  [[nodiscard]] std::vector<std::uint32_t> absent_units() override { return {}; }
  void publish(const std::string& /*name*/, const std::string& /*text*/) override {}
  [[nodiscard]] std::optional<std::string> find_text(const std::string& /*name*/) override {
    return std::nullopt;
  }

 private:
  std::mutex mutex_;
  std::map<std::uint32_t, std::string> addresses_;  ///< By slot; guarded by mutex_.
};

RingPeers::RingPeers(std::uint32_t slot, const std::string& run)
    : mailbox_(std::make_shared<RingMailbox>()), addresses_(std::make_shared<Addresses>()) {
  // Blocks of different members come at once.
  const program::NodeOptions many{.concurrency = 8};
  for (std::uint32_t i = 0; i < kRingSlots; ++i)
    members_.push_back(program_.colocate().group("member", many).declare<RingMailbox>());
  runtime_ = std::make_shared<program::Runtime>(
      program_.graph(),
      program::Runtime::Options{
          .agreement = {.token = run, .fingerprint = program_.graph()->fingerprint()}},
      addresses_);
  runtime_->on_stop_request([] {});
  {
    const std::lock_guard lock(program_.graph()->mutex);
    program_.graph()->runtime = runtime_;
  }
  runtime_->add_host(program_.nodes()[members_[slot].node()]).set_ready(mailbox_, nullptr);
}

RingPeers::~RingPeers() {
  (void)runtime_->shut_down(program::kNoDeadline);
  program_.graph()->end_run();
}

Result<std::string> RingPeers::serve(const std::string& address) {
  BOURSE_TRY(const Address chosen, runtime_->serve({address}));
  return chosen.text;
}

void RingPeers::set_address(std::uint32_t slot, const std::string& address) {
  addresses_->set(slot, address);
}

}  // namespace bourse::training
