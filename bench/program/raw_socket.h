#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bourse/program/endpoint.h"

namespace bourse::program {

/// The other side of each comparison: blocking sockets and nothing else, between two processes.
class RawSocket {
 public:
  /// Forks a process that answers; before any thread is started. `address` as for listen_at().
  /// The other end keeps to one processor if `is_pinned`.
  RawSocket(const std::string& address, bool is_pinned);
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  /// 64 bytes there and back.
  void echo();
  /// `size` bytes there, one byte back.
  void put(std::size_t size);
  /// 64 bytes there, `size` bytes back.
  void get(std::size_t size);

 private:
  Descriptor socket_;
  int child_ = 0;
  std::vector<char> block_;
};

}  // namespace bourse::program
