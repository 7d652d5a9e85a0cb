// The snippets of docs/programs.md, in the surroundings that the page tells of. Not built:
// docs_test has the compiler look at it.
#define main main_of_a_newcomer
#include "1.inc"
#undef main

#include <chrono>
#include <vector>

#include "bourse/program/context.h"

using namespace std::chrono_literals;

namespace parameter_server {
#include "3.inc"
}  // namespace parameter_server

void nodes_that_call_each_other(lp::Program& program, const lp::Handle<Counter>& counter,
                                lp::Running& running) {
#include "2.inc"
}

namespace groups {
struct Worker {
  lp::Handle<Counter> server;
  void run() const {}
};
void grow_and_shrink(lp::Program& program, const lp::Handle<Counter>& server) {
#include "6.inc"
}
}  // namespace groups

void watch(const lp::Running& running) {
#include "5.inc"
}

namespace calls {
void use(const lp::Handle<Counter>& h, const lp::Handles<Counter>& hs) {
#include "4.inc"
}
}  // namespace calls
