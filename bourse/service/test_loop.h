#pragma once

#include <httplib.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace bourse {

/// Serves one request and joins. Debian's cpp-httplib is not instrumented, so the thread sanitizer
/// does not see what guards its statics: they are made before there are threads beside each other.
inline void make_statics_of_httplib() {
  httplib::Server server;
  const int port = server.bind_to_any_port("127.0.0.1");
  std::jthread thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  httplib::Client("127.0.0.1", port).Get("/");
  server.stop();
}

/// The loop of a daemon, for tests: a thread that does what is posted.
class TestLoop {
 public:
  TestLoop() : thread_([this](const std::stop_token& stop) { run(stop); }) {}
  TestLoop(const TestLoop&) = delete;
  TestLoop& operator=(const TestLoop&) = delete;
  ~TestLoop() = default;

  void post(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(work));
    changed_.notify_all();
  }
  [[nodiscard]] std::function<void(std::function<void()>)> poster() {
    return [this](std::function<void()> work) { post(std::move(work)); };
  }

 private:
  void run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !queue_.empty(); })) {
      const auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::function<void()>> queue_;
  std::jthread thread_;
};

}  // namespace bourse
