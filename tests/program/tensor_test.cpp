// Tensors of LibTorch as arguments and results.
#include "bourse/program/torch/tensor.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "bourse/program/fixtures.h"
#include "bourse/program/program.h"
#include "bourse/program/running.h"

namespace bourse::program {
namespace {

using testing::HasSubstr;

struct Samples {
  at::Tensor images;
  std::map<std::string, at::Tensor> rest;
};

struct Learner {
  at::Tensor weights = at::zeros({3});
  at::Tensor step(const Samples& batch) {
    weights = weights.add(batch.images.sum(0)).add(batch.rest.at("bias"));
    return weights;
  }
  /// Writes to its argument, which nobody else may see.
  at::Tensor spoil(at::Tensor tensor) const { return tensor.fill_(7); }
  at::Tensor echo(const at::Tensor& tensor) const { return tensor; }
};

TEST(Tensor, TravelsWithinAggregatesByMemoryByWireAndBetweenProcesses) {
  for (const Placement placement : {Placement::threads, Placement::processes, Placement::tcp}) {
    Program program("tensors " + std::to_string(static_cast<int>(placement)));
    const Handle<Learner> learner = program.add<Learner>("learner");
    Running running = launch(program, in_processes(placement));
    if (running.is_skipped()) continue;
    const Samples batch{.images = at::ones({2, 3}),
                        .rest = {{"bias", at::arange(3).to(at::kFloat)}}};
    (void)learner.call<&Learner::step>(batch);
    const at::Tensor weights = learner.call<&Learner::step>(batch);
    EXPECT_EQ(weights.sizes(), (std::vector<std::int64_t>{3}));
    EXPECT_EQ(weights.sum().item<float>(), 18.0F);  // twice 3 * 2 + (0 + 1 + 2)
  }
}

TEST(Tensor, IsAValueOnEitherSide) {
  for (const bool forces_wire : {false, true}) {
    Program program("values");
    const Handle<Learner> learner = program.add<Learner>("learner");
    Running running = launch(program, {.forces_wire = forces_wire});
    const at::Tensor sent = at::ones({300, 300});  // out of line
    const at::Tensor spoilt = learner.async<&Learner::spoil>(sent).get();
    EXPECT_EQ(spoilt.sum().item<float>(), 630'000.0F);
    EXPECT_EQ(sent.sum().item<float>(), 90'000.0F);
  }
}

TEST(Tensor, OfAnyTypeShapeAndLayoutArrivesDense) {
  Program program("shapes");
  const Handle<Learner> learner = program.add<Learner>("learner");
  Running running = launch(program, {.forces_wire = true});
  const at::Tensor square = at::arange(12).reshape({3, 4});
  for (const at::Tensor& tensor :
       {square, square.t(), square.to(at::kHalf), square.gt(5), square.to(at::kComplexDouble),
        at::empty({0, 3}), at::ones({}), square.slice(1, 1, 3)}) {
    const at::Tensor again = learner.call<&Learner::echo>(tensor);
    EXPECT_EQ(again.scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(again.is_contiguous());
    EXPECT_TRUE(at::equal(again, tensor));
  }
  EXPECT_FALSE(learner.call<&Learner::echo>(at::Tensor()).defined());
  at::Tensor with_history = at::ones({2}).requires_grad_();
  EXPECT_FALSE(learner.call<&Learner::echo>(with_history).requires_grad());
  EXPECT_THROW((void)learner.call<&Learner::echo>(at::ones({2, 2}).to_sparse()),
               std::invalid_argument);
}

/// A block that came by wire is used where it arrived; one that others have is copied.
TEST(Tensor, ElementsAreNotCopiedWhereNobodyElseHasThem) {
  const at::Tensor sent = at::ones({100'000});
  const Message by_memory = encode(sent);
  EXPECT_EQ(static_cast<const void*>(by_memory.segments.at(0).data()), sent.data_ptr());
  Message by_wire = by_memory;
  by_wire.segments[0] = Buffer::copy_of(sent.data_ptr(), sent.nbytes());
  const void* const place = by_wire.segments[0].data();
  EXPECT_EQ(decode<at::Tensor>(by_wire).data_ptr(), place);
  const Buffer kept = by_wire.segments[0];
  EXPECT_NE(decode<at::Tensor>(by_wire).data_ptr(), place);
  EXPECT_NE(decode<at::Tensor>(by_memory).data_ptr(), sent.data_ptr());
}

TEST(Tensor, BytesThatAreNoTensorAreRefused) {
  const auto why_of = [](const TensorShape& shape, std::size_t size) {
    const Message message = encode(std::tuple(shape, Buffer(std::vector<char>(size))));
    WireReader reader(message);
    at::Tensor tensor;
    read_value(reader, tensor);
    return reader.why();
  };
  EXPECT_EQ(why_of({true, static_cast<std::int8_t>(at::kFloat), {2, 3}}, 24), "");
  for (const TensorShape& wrong :
       {TensorShape{true, static_cast<std::int8_t>(at::kFloat), {2, 4}},
        TensorShape{true, -1, {24}}, TensorShape{true, 127, {24}}, TensorShape{true, 0, {-24}},
        TensorShape{true, 0, {-4, -6}}, TensorShape{true, 0, {std::int64_t{1} << 62, 8}},
        TensorShape{true, static_cast<std::int8_t>(at::kQInt8), {24}}})
    EXPECT_THAT(why_of(wrong, 24), HasSubstr("a tensor has other bytes than its shape says"));
}

}  // namespace
}  // namespace bourse::program
