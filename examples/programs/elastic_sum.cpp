// Workers take numbers from a book and add them up; they come and go while the program runs.
//   elastic_sum [NUMBERS] [--launch=threads|processes|tcp]
//   bourse submit --program './elastic_sum 2000'
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "bourse/program/context.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace lp = bourse::program;

/// Every number is given once: a worker that is asked to leave adds what it has taken first.
class Book {
 public:
  explicit Book(int numbers) : left_(numbers) {}
  int take() { return left_ > 0 ? left_-- : 0; }
  void add(int number) { sum_ += number; }
  long sum() const { return sum_; }

 private:
  int left_;
  long sum_ = 0;
};

struct Worker {
  lp::Handle<Book> book;

  void run() const {
    std::size_t group = 0;
    while (!lp::stop_token().stop_requested()) {
      const int number = book.call<&Book::take>();
      if (number == 0) return;
      if (const std::size_t now = lp::group_indices().size(); now != group) {
        group = now;
        std::printf("process %d: one of %zu\n", getpid(), group);
        std::fflush(stdout);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      book.call<&Book::add>(number);
    }
  }
};

int main(int argc, char** argv) {
  const lp::RunOptions options = lp::run_options(argc, argv);
  const bool has_count = argc > 1 && argv[1][0] != '-';
  const int numbers = has_count ? std::atoi(argv[1]) : 40;

  lp::Program program("elastic_sum");
  const auto book = program.group("book", {.resources = {.memory_mib = 1024}}).add<Book>(numbers);
  program.group("worker", {.role = lp::NodeRole::worker, .min_replicas = 1, .max_replicas = 4})
      .add_n<Worker>(2, Worker{book});

  lp::Running running = lp::launch(program, options);
  if (options.placement != lp::Placement::job) running.scale("worker", 3);
  running.wait({"worker"});
  std::printf("sum %ld\n", book.call<&Book::sum>());
  running.wait();
}
