// Two workers fit a line to points of their own; a parameter server holds its two coefficients.
//   parameter_server [--launch=threads|processes|tcp]
#include <cmath>
#include <cstdio>
#include <vector>

#include "bourse/program/context.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace lp = bourse::program;

struct Gradient {
  std::vector<double> values;
  int points = 0;
};

class ParameterServer {
 public:
  ParameterServer(std::size_t size, double rate) : weights_(size), rate_(rate) {}
  std::vector<double> pull() const { return weights_; }
  void push(const Gradient& gradient) {
    for (std::size_t i = 0; i < weights_.size(); ++i)
      weights_[i] -= rate_ * gradient.values[i] / gradient.points;
  }

 private:
  std::vector<double> weights_;
  double rate_;
};

struct Worker {
  lp::Handle<ParameterServer> server;
  int steps = 0;

  void run() const {
    // y = 3 x + 1 at ten places, others for each worker.
    std::vector<double> places;
    for (int i = 0; i < 10; ++i) places.push_back(0.1 * i + 0.05 * lp::node_index());
    for (int step = 0; step < steps; ++step) {
      const std::vector<double> weights = server.call<&ParameterServer::pull>();
      Gradient gradient{.values = {0, 0}, .points = static_cast<int>(places.size())};
      for (const double x : places) {
        const double error = weights[0] * x + weights[1] - (3 * x + 1);
        gradient.values[0] += error * x;
        gradient.values[1] += error;
      }
      server.call<&ParameterServer::push>(gradient);
    }
  }
};

int main(int argc, char** argv) {
  const lp::RunOptions options = lp::run_options(argc, argv);
  lp::Program program("parameter_server");
  const auto server = program.group("server", {.role = lp::NodeRole::parameter_server})
                          .add<ParameterServer>(std::size_t{2}, 0.5);
  program.group("worker", {.role = lp::NodeRole::worker}).add_n<Worker>(2, Worker{server, 300});
  lp::Running running = lp::launch(program, options);
  running.wait({"worker"});
  const auto weights = server.call<&ParameterServer::pull>();
  std::printf("y = %.2f x + %.2f\n", weights[0], weights[1]);
  running.wait();
}
