// The same calls through gRPC, callback API on both sides, between two processes.
//   program_bench_grpc ADDRESS
// Reads lines from its input and answers each with the times of all calls, in microseconds:
//   echo COUNT | put COUNT | get COUNT       one call after the other
//   rate COUNT OUTSTANDING                   one time, of all calls
#include <fmt/core.h>
#include <grpc/support/time.h>
#include <grpcpp/grpcpp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>

#include "bench/program/grpc/echo.grpc.pb.h"

namespace bourse::bench {
namespace {

constexpr std::size_t kSmall = 64;
constexpr std::size_t kLarge = 100'000'000;

class Service final : public Echo::CallbackService {
 public:
  grpc::ServerUnaryReactor* Call(grpc::CallbackServerContext* context, const Block* request,
                                 Block* reply) override {
    reply->set_data(request->data());
    return finish(context);
  }
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const Block* request,
                                Size* reply) override {
    reply->set_size(request->data().size());
    return finish(context);
  }
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const Size* request,
                                Block* reply) override {
    reply->mutable_data()->assign(request->size(), 'x');
    return finish(context);
  }

 private:
  static grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

[[noreturn]] void serve(const std::string& address) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Service service;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server) _exit(1);
  server->Wait();
  _exit(0);
}

/// Counts down to nothing; wait() waits for that.
class Countdown {
 public:
  explicit Countdown(int count) : left_(count) {}
  void done(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!status.ok()) std::cerr << "gRPC: " << status.error_message() << "\n";
    if (--left_ == 0) over_.notify_one();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [&] { return left_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  int left_;
};

class Client {
 public:
  explicit Client(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    const auto channel =
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    channel->WaitForConnected(
        gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_seconds(10, GPR_TIMESPAN)));
    stub_ = Echo::NewStub(channel);
    small_.set_data(std::string(kSmall, 'x'));
    large_.set_data(std::string(kLarge, 'x'));
    size_.set_size(kLarge);
  }

  void echo() {
    Block reply;
    await([&](grpc::ClientContext* context, auto done) {
      stub_->async()->Call(context, &small_, &reply, done);
    });
  }
  void put() {
    Size reply;
    await([&](grpc::ClientContext* context, auto done) {
      stub_->async()->Put(context, &large_, &reply, done);
    });
  }
  void get() {
    Block reply;
    await([&](grpc::ClientContext* context, auto done) {
      stub_->async()->Get(context, &size_, &reply, done);
    });
  }

  /// `count` calls, `outstanding` at a time.
  void many(int count, int outstanding) {
    Countdown all(count);
    int left = count - std::min(count, outstanding);
    std::mutex mutex;
    const std::function<void()> begin = [&] {
      struct One {
        grpc::ClientContext context;
        Block reply;
      };
      auto one = std::make_shared<One>();
      stub_->async()->Call(&one->context, &small_, &one->reply,
                           [&, one](const grpc::Status& status) {
                             bool goes_on = false;
                             {
                               const std::lock_guard lock(mutex);
                               goes_on = left > 0;
                               left -= static_cast<int>(goes_on);
                             }
                             if (goes_on) begin();
                             all.done(status);
                           });
    };
    for (int i = 0; i < std::min(count, outstanding); ++i) begin();
    all.wait();
  }

 private:
  template <class Begin>
  void await(Begin begin) {
    grpc::ClientContext context;
    Countdown one(1);
    begin(&context, [&](const grpc::Status& status) { one.done(status); });
    one.wait();
  }

  std::unique_ptr<Echo::Stub> stub_;
  Block small_;
  Block large_;
  Size size_;
};

template <class Work>
double microseconds_of(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

void answer(Client& client, const std::string& line) {
  std::istringstream words(line);
  std::string what;
  int count = 1;
  int outstanding = 1;
  words >> what >> count >> outstanding;
  if (what == "rate") {
    std::cout << microseconds_of([&] { client.many(count, outstanding); });
  } else {
    for (int i = 0; i < count; ++i)
      std::cout << (i == 0 ? "" : " ") << microseconds_of([&] {
        if (what == "echo") client.echo();
        if (what == "put") client.put();
        if (what == "get") client.get();
      });
  }
  std::cout << std::endl;
}

}  // namespace
}  // namespace bourse::bench

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (fork() == 0) bourse::bench::serve(argv[1]);  // before gRPC has started anything
  bourse::bench::Client client(argv[1]);
  for (std::string line; std::getline(std::cin, line);) bourse::bench::answer(client, line);
  return 0;
}
