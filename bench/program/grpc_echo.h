#pragma once

#include <memory>

namespace bourse::program {

/// A 64-byte echo by gRPC's callback API, between two processes.
class GrpcEcho {
 public:
  virtual ~GrpcEcho() = default;
  virtual void echo() = 0;
  /// Null if this was built without gRPC. Forks; before any thread is started.
  [[nodiscard]] static std::unique_ptr<GrpcEcho> make();
};

}  // namespace bourse::program
