#include "bourse/world/real_world.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "bourse/base/check.h"
#include "bourse/world/event_loop.h"
#include "bourse/world/real_clock.h"
#include "bourse/world/real_files.h"
#include "bourse/world/real_network.h"
#include "bourse/world/real_processes.h"
#include "bourse/world/real_random.h"
#include "bourse/world/signal_watch.h"

namespace bourse {
namespace {

/// A daemon may be started with standard descriptors closed; nothing of ours may take their
/// numbers, or a child would get it.
struct StandardDescriptors {
  StandardDescriptors() {
    while (true) {
      const int number = open("/dev/null", O_RDWR | O_CLOEXEC);
      BOURSE_CHECK(number >= 0);
      if (number <= STDERR_FILENO) continue;
      close(number);
      return;
    }
  }
};

}  // namespace

struct RealWorld::Parts {
  StandardDescriptors standard_descriptors;
  EventLoop loop;
  RealClock clock{loop};
  RealRandom random;
  RealFiles files;
  RealProcesses processes{loop};
  RealNetwork network{loop};
  World world{clock, random, files, processes, network};
  std::vector<std::unique_ptr<SignalWatch>> signals;
};

RealWorld::RealWorld() : parts_(std::make_unique<Parts>()) {}
RealWorld::~RealWorld() = default;

World& RealWorld::world() { return parts_->world; }
void RealWorld::run() { parts_->loop.run(); }
void RealWorld::stop() { parts_->loop.stop(); }
void RealWorld::post(std::function<void()> call) { parts_->loop.mailbox()->post(std::move(call)); }

void RealWorld::on_signal(int signal, std::function<void()> callback) {
  parts_->signals.push_back(
      std::make_unique<SignalWatch>(parts_->loop, signal, std::move(callback)));
}

}  // namespace bourse
