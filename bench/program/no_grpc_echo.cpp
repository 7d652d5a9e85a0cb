#include "bench/program/grpc_echo.h"

namespace bourse::program {

std::unique_ptr<GrpcEcho> GrpcEcho::make() { return nullptr; }

}  // namespace bourse::program
