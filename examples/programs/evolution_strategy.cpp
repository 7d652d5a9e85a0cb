// Looks for the lowest point of a bowl: evaluators score noisy copies of a guess, the evolver moves
// it along. Answers of three of the four evaluators are enough for a step.
//   evolution_strategy [--launch=threads|processes|tcp]
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "bourse/base/random.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace lp = bourse::program;

using Point = std::vector<double>;

/// The noise of a draw, known to all by its number, so that only numbers travel.
Point noise_of(std::uint64_t draw, std::size_t size) {
  bourse::RandomStream random(1, bourse::Purpose::jitter, draw);
  Point noise(size);
  for (double& value : noise) value = random.normal(0, 1);
  return noise;
}

struct Score {
  std::uint64_t draw = 0;
  double gain = 0;  ///< By how much the point with the noise is lower than the one against it.
};

struct Evaluator {
  static double height(const Point& point) {
    return std::pow(point[0] - 2, 2) + std::pow(point[1] + 1, 2);
  }
  Score evaluate(const Point& guess, std::uint64_t draw) const {
    const Point noise = noise_of(draw, guess.size());
    Point with = guess;
    Point against = guess;
    for (std::size_t i = 0; i < guess.size(); ++i) {
      with[i] += 0.1 * noise[i];
      against[i] -= 0.1 * noise[i];
    }
    return {.draw = draw, .gain = height(against) - height(with)};
  }
};

struct Evolver {
  lp::Handles<Evaluator> evaluators;

  void run() const {
    Point guess = {0, 0};
    std::uint64_t draw = 0;
    for (int step = 0; step < 200; ++step) {
      std::vector<lp::Future<Score>> scores;
      for (const auto& evaluator : evaluators)
        scores.push_back(evaluator.async<&Evaluator::evaluate>(guess, ++draw));
      for (const auto& [index, score] : lp::when_k(scores, 3).get()) {
        const Point noise = noise_of(score.draw, guess.size());
        for (std::size_t i = 0; i < guess.size(); ++i) guess[i] += 0.1 * score.gain * noise[i];
      }
    }
    std::printf("lowest at (%.1f, %.1f)\n", guess[0], guess[1]);
  }
};

int main(int argc, char** argv) {
  const lp::RunOptions options = lp::run_options(argc, argv);
  lp::Program program("evolution_strategy");
  const auto evaluators = program.group("evaluator").add_n<Evaluator>(4);
  program.add<Evolver>("evolver", Evolver{evaluators});
  lp::Running running = lp::launch(program, options);
  running.wait();
}
