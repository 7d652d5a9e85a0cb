#include "bench/program/raw_socket.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>

#include "bench/program/measure.h"
#include "bourse/base/check.h"
#include "bourse/program/buffer.h"

namespace bourse::program {
namespace {

constexpr std::size_t kRequest = 64;

struct Request {
  char kind = 'e';
  std::uint64_t size = 0;
};

bool read_all(int socket, void* data, std::size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t count = recv(socket, at, size, 0);
    if (count <= 0) return false;
    at += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

void write_all(int socket, const void* data, std::size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = send(socket, at, size, MSG_NOSIGNAL);
    BOURSE_CHECK(count > 0);
    at += count;
    size -= static_cast<std::size_t>(count);
  }
}

/// In such pages as our blocks of the pool are.
void grow(std::vector<char>& block, std::size_t size) {
  if (size > block.capacity()) {
    block.reserve(size);
    use_huge_pages(block.data(), block.capacity());
  }
  block.resize(std::max(block.size(), size));
}

[[noreturn]] void answer(int listening, bool is_pinned) {
  std::optional<OneProcessor> pinned;
  if (is_pinned) pinned.emplace(1);
  const Descriptor socket(accept(listening, nullptr, nullptr));
  tune(socket.number());
  std::vector<char> block;
  char bytes[kRequest];
  while (read_all(socket.number(), bytes, sizeof bytes)) {
    Request request;
    std::memcpy(&request, bytes, sizeof request);
    grow(block, request.size);
    if (request.kind == 'e') write_all(socket.number(), bytes, sizeof bytes);
    if (request.kind == 'g') write_all(socket.number(), block.data(), request.size);
    if (request.kind == 'p') {
      if (!read_all(socket.number(), block.data(), request.size)) break;
      write_all(socket.number(), bytes, 1);
    }
  }
  _exit(0);
}

void ask(int socket, char kind, std::size_t size) {
  char bytes[kRequest] = {};
  const Request request{.kind = kind, .size = size};
  std::memcpy(bytes, &request, sizeof request);
  write_all(socket, bytes, sizeof bytes);
}

}  // namespace

RawSocket::RawSocket(const std::string& address, bool is_pinned) {
  auto listening = listen_at({address});
  BOURSE_CHECK(listening.has_value());
  const int flags = 0;
  fcntl(listening->socket.number(), F_SETFL, flags);
  child_ = fork();
  if (child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    answer(listening->socket.number(), is_pinned);
  }
  auto connected = connect_to(listening->address, kNoDeadline);
  BOURSE_CHECK(connected.has_value());
  socket_ = *std::move(connected);
}

RawSocket::~RawSocket() {
  socket_.reset();
  waitpid(child_, nullptr, 0);
}

void RawSocket::echo() {
  char bytes[kRequest];
  ask(socket_.number(), 'e', 0);
  BOURSE_CHECK(read_all(socket_.number(), bytes, sizeof bytes));
}

void RawSocket::put(std::size_t size) {
  grow(block_, size);
  char byte = 0;
  ask(socket_.number(), 'p', size);
  write_all(socket_.number(), block_.data(), size);
  BOURSE_CHECK(read_all(socket_.number(), &byte, 1));
}

void RawSocket::get(std::size_t size) {
  grow(block_, size);
  ask(socket_.number(), 'g', size);
  BOURSE_CHECK(read_all(socket_.number(), block_.data(), size));
}

}  // namespace bourse::program
