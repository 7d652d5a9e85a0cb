#pragma once

#include <string>
#include <vector>

#include "bourse/world/descriptor.h"

namespace bourse::program {

/// The same calls through gRPC, made by a program of its own (program_bench_grpc), so that ours
/// loads none of its libraries.
class GrpcPeer {
 public:
  /// `address` as gRPC has it. Starts nothing if `program` is not there.
  GrpcPeer(const std::string& program, const std::string& address);
  ~GrpcPeer();
  GrpcPeer(const GrpcPeer&) = delete;
  GrpcPeer& operator=(const GrpcPeer&) = delete;

  [[nodiscard]] bool is_there() const { return child_ != 0; }
  /// Sends a command; the times that answer it, in microseconds.
  std::vector<double> ask(const std::string& command);

 private:
  Descriptor to_;
  Descriptor from_;
  int child_ = 0;
};

}  // namespace bourse::program
