// Actors ask a policy one observation at a time; the policy sees batches.
//   batched_inference [--launch=threads|processes|tcp]
#include <algorithm>
#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "bourse/program/context.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace lp = bourse::program;

using Observation = std::vector<float>;

class Policy {
 public:
  lp::Batch<float> act(const lp::Batch<Observation>& observations) {
    largest_ = std::max(largest_, observations.size());
    answered_ += observations.size();
    lp::Batch<float> actions;
    for (const Observation& observation : observations)
      actions.push_back(std::accumulate(observation.begin(), observation.end(), 0.0F));
    return actions;
  }
  std::size_t answered() const { return answered_; }
  std::size_t largest_batch() const { return largest_; }

 private:
  std::size_t answered_ = 0;
  std::size_t largest_ = 0;
};

struct Actor {
  lp::Handle<Policy> policy;

  void run() const {
    const auto own = static_cast<float>(lp::node_index());
    for (int step = 0; step < 25; ++step) {
      const auto at = static_cast<float>(step);
      if (policy.call<&Policy::act>(Observation{own, at}) != own + at)
        throw std::logic_error("this is the action of another");
    }
  }
};

int main(int argc, char** argv) {
  const lp::RunOptions options = lp::run_options(argc, argv);
  lp::Program program("batched_inference");
  const auto policy =
      program.group("policy", {.batch = {.max = 4, .timeout = std::chrono::milliseconds(20)}})
          .add<Policy>();
  program.group("actor").add_n<Actor>(4, Actor{policy});
  lp::Running running = lp::launch(program, options);
  running.wait({"actor"});
  std::printf("%zu answers, batches of up to %zu\n", policy.call<&Policy::answered>(),
              policy.call<&Policy::largest_batch>());
  running.wait();
}
