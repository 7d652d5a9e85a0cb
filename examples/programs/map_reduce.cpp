// Counts words: mappers take documents in turn, a reducer adds up, a function drives.
//   map_reduce [--launch=threads|processes|tcp]
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace lp = bourse::program;

using Counts = std::map<std::string, int>;

struct Mapper {
  Counts count(const std::string& document) const {
    Counts counts;
    std::istringstream words(document);
    for (std::string word; words >> word;) ++counts[word];
    return counts;
  }
};

struct Reducer {
  Counts total;
  void add(const Counts& counts) {
    for (const auto& [word, count] : counts) total[word] += count;
  }
  Counts result() const { return total; }
};

void drive(const lp::Handles<Mapper>& mappers, const lp::Handle<Reducer>& reducer) {
  const std::vector<std::string> documents = {"to be or not to be", "be quick", "to and fro"};
  std::vector<lp::Future<void>> added;
  for (const std::string& document : documents)
    added.push_back(mappers.rotate().async<&Mapper::count>(document).then(
        [reducer](const Counts& counts) { reducer.call<&Reducer::add>(counts); }));
  lp::when_all(added).get();
  for (const auto& [word, count] : reducer.call<&Reducer::result>())
    std::printf("%s=%d ", word.c_str(), count);
  std::printf("\n");
}

int main(int argc, char** argv) {
  const lp::RunOptions options = lp::run_options(argc, argv);
  lp::Program program("map_reduce");
  const auto mappers = program.group("mapper").add_n<Mapper>(2);
  const auto reducer = program.add<Reducer>("reducer");
  program.run("driver", drive, mappers, reducer);
  lp::Running running = lp::launch(program, options);
  running.wait();
}
