#include <fmt/core.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/figures.h"
#include "bench/real_daemon.h"
#include "bourse/base/random.h"

// The daemon under load: many clients that submit, many that follow the events. The clients run on
// the same machine, so their work counts too.
namespace bourse {
namespace {

using std::chrono::steady_clock;

constexpr const char* kYaml = "application/yaml";

/// Submits until it is told to end, and counts what was accepted: answered with 201.
void submit_on(const std::string& state, std::size_t first, const std::atomic<bool>& ends,
               std::atomic<std::uint64_t>& accepted, std::atomic<std::uint64_t>& refused) {
  httplib::Client client = client_of(state);
  for (std::size_t n = first; !ends; n += 16) {
    const auto answer = client.Post("/v1/jobs", job_text(n), kYaml);
    if (!answer) continue;  // Closed, or not let in; it comes again.
    ++(answer->status == 201 ? accepted : refused);
  }
}

/// 16 clients submit for some seconds; then the daemon is killed in the midst of it. What it had
/// accepted is there when it is back.
Result<std::vector<Sample>> run_submissions(const Setup& setup) {
  constexpr std::size_t kClients = 16;
  constexpr double kSeconds = 4;
  BOURSE_TRY(const std::unique_ptr<RealDaemon> daemon, RealDaemon::start(setup.program, "64x8"));
  std::atomic<bool> ends = false;
  std::atomic<std::uint64_t> accepted = 0;
  std::atomic<std::uint64_t> refused = 0;
  std::vector<std::jthread> clients;
  const auto start = steady_clock::now();
  for (std::size_t c = 0; c < kClients; ++c)
    clients.emplace_back([&, c] { submit_on(daemon->state(), c, ends, accepted, refused); });
  std::this_thread::sleep_for(std::chrono::duration<double>(kSeconds));
  const double rate = static_cast<double>(accepted) / (ms_since(start) / 1e3);
  const std::uint64_t refused_alive = refused;
  BOURSE_TRY_VOID(daemon->kill_and_restart());
  ends = true;
  clients.clear();
  if (refused_alive > 0)
    return fail(ErrorCode::internal, fmt::format("{} submissions were refused", refused_alive));

  httplib::Client client = client_of(daemon->state());
  const auto newest = client.Get("/v1/jobs?limit=1");
  if (!newest || newest->status != 200) return fail(ErrorCode::internal, "no list of jobs");
  // Numbers are given in order, so the newest says how many there are.
  const auto list = nlohmann::json::parse(newest->body);
  const auto there = list.at("jobs").at(0).at("number").get<std::uint64_t>();
  if (there < accepted)
    return fail(ErrorCode::data_corrupted,
                fmt::format("{} submissions were accepted, {} are there", accepted.load(), there));
  return std::vector<Sample>{{"accepted and journaled", "1/s", Better::higher, rate},
                             {"lost by kill -9", "jobs", Better::lower, 0}};
}

int connect_to(const std::string& path) {
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return descriptor;
  close(descriptor);
  return -1;
}

/// Clients that follow all events; one thread reads for all of them.
class Followers {
 public:
  Followers(const std::string& socket, std::size_t count) {
    constexpr const char* kRequest =
        "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    for (std::size_t i = 0; i < count; ++i) {
      const int one = connect_to(socket);
      if (one < 0) continue;
      (void)!::write(one, kRequest, std::strlen(kRequest));
      waiting_.push_back({.fd = one, .events = POLLIN, .revents = 0});
    }
    reader_ = std::jthread([this](const std::stop_token& stop) { read_all(stop); });
  }
  ~Followers() {
    reader_ = {};
    for (const pollfd& one : waiting_) close(one.fd);
  }
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

  [[nodiscard]] std::uint64_t events() const { return events_; }
  /// That still follow.
  [[nodiscard]] std::uint64_t open() const { return open_; }

 private:
  void read_all(const std::stop_token& stop) {
    open_ = waiting_.size();
    std::string buffer(1 << 16, 0);
    while (!stop.stop_requested()) {
      if (poll(waiting_.data(), waiting_.size(), 100) <= 0) continue;
      for (pollfd& one : waiting_) {
        if (one.revents == 0) continue;
        const ssize_t size = read(one.fd, buffer.data(), buffer.size());
        if (size <= 0) {
          one.events = 0;
          close(one.fd);
          one.fd = -1;
          --open_;
          continue;
        }
        const std::string_view text(buffer.data(), static_cast<std::size_t>(size));
        for (std::size_t at = text.find("\nid: "); at != std::string_view::npos;
             at = text.find("\nid: ", at + 1))
          ++events_;
      }
    }
  }

  std::vector<pollfd> waiting_;
  std::atomic<std::uint64_t> events_ = 0;
  std::atomic<std::uint64_t> open_ = 0;
  std::jthread reader_;
};

/// 500 clients follow the events while others ask 50 times a second, of which every fifth submits.
Result<std::vector<Sample>> run_followers(const Setup& setup) {
  constexpr std::size_t kFollowers = 500;
  constexpr int kRequests = 400;
  constexpr auto kEvery = std::chrono::milliseconds(20);
  BOURSE_TRY(const std::unique_ptr<RealDaemon> daemon, RealDaemon::start(setup.program, "64x8"));
  httplib::Client client = client_of(daemon->state());
  const double before = static_cast<double>(daemon->memory());
  const Followers followers(daemon->state() + "/socket", kFollowers);
  std::this_thread::sleep_for(std::chrono::seconds(2));
  if (followers.open() != kFollowers)
    return fail(ErrorCode::internal,
                fmt::format("{} of {} clients follow", followers.open(), kFollowers));
  const char* const paths[] = {"/v1/jobs", "/v1/machines", "/v1/prices", "/metrics"};
  std::vector<double> times;
  auto next = steady_clock::now();
  for (int i = 0; i < kRequests; ++i, next += kEvery) {
    std::this_thread::sleep_until(next);
    const auto start = steady_clock::now();
    const auto answer = i % 5 == 0
                            ? client.Post("/v1/jobs", job_text(static_cast<std::size_t>(i)), kYaml)
                            : client.Get(paths[i % 5 - 1]);
    if (!answer || answer->status >= 300) return fail(ErrorCode::internal, "no answer");
    times.push_back(ms_since(start));
  }
  const double after = static_cast<double>(daemon->memory());
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  return std::vector<Sample>{
      ms("answer p50", quantile(times, 0.5)),
      ms("answer p99", quantile(times, 0.99)),
      {"memory", "MB", Better::lower, after / 1e6},
      {"memory of a follower", "kB", Better::lower,
       (after - before) / 1e3 / static_cast<double>(kFollowers)},
      {"events a follower", "1", Better::higher,
       static_cast<double>(followers.events()) / static_cast<double>(kFollowers)}};
}

}  // namespace

void add_service_load_cases(std::vector<Case>& cases) {
  const auto add = [&](const std::string& name, auto run) {
    cases.push_back({.section = "service", .name = name, .rounds = 3, .run = std::move(run)});
  };
  add("16 clients that submit", run_submissions);
  add("500 clients that follow", run_followers);
}

}  // namespace bourse
