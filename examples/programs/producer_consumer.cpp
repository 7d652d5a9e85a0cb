// Producers that answer, a consumer that asks them all at once.
//   producer_consumer [--launch=threads|processes|tcp]
#include <cstdio>
#include <functional>

#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace lp = bourse::program;

struct Producer {
  int work(int task) const { return task * task; }
};

struct Consumer {
  lp::Handles<Producer> producers;

  void run() const {
    int sum = 0;
    for (int step = 0; step < 10; ++step)
      sum += producers.reduce<&Producer::work>(std::plus(), step);
    std::printf("consumer: sum %d\n", sum);
  }
};

int main(int argc, char** argv) {
  const lp::RunOptions options = lp::run_options(argc, argv);
  lp::Program program("producer_consumer");
  const auto producers = program.group("producer").add_n<Producer>(3);
  program.add<Consumer>("consumer", Consumer{producers});
  lp::Running running = lp::launch(program, options);
  running.wait();
}
