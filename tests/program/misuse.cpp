// None of this compiles, and each error says why; see misuse_test.
#include <string>

#include "bourse/program/program.h"

namespace lp = bourse::program;

struct Opaque {
  explicit Opaque(int);
  int* pointer;

 private:
  int hidden_ = 0;
};

struct Learner {
  explicit Learner(int) {}
  int step(const std::string& batch) const { return static_cast<int>(batch.size()); }
  void fill(std::string& out) const { out = "x"; }
  void point(const int* at) const { (void)at; }
  void opaque(const Opaque&) const {}
};

struct Other {
  void f() const {}
};

void wrong_number(const lp::Handle<Learner>& h) { h.call<&Learner::step>(); }
void wrong_type(const lp::Handle<Learner>& h) { h.call<&Learner::step>(3.5, 1); }
void no_conversion(const lp::Handle<Learner>& h) { h.call<&Learner::step>(Other{}); }
void reference(const lp::Handle<Learner>& h) { h.call<&Learner::fill>(std::string()); }
void other_class(const lp::Handle<Learner>& h) { h.call<&Other::f>(); }
void no_method(const lp::Handle<Learner>& h) { h.call<3>(); }
void cannot_travel(const lp::Handle<Learner>& h) { h.call<&Learner::opaque>(Opaque(1)); }
void no_constructor(lp::Program& p) { p.add<Learner>("learner", "text", 2); }
void no_function(lp::Program& p) {
  p.run("driver", [](int) {}, std::string("x"));
}
