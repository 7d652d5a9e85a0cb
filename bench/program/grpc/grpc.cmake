# program_bench_grpc: the same calls through gRPC (libgrpc++-dev, protobuf-compiler-grpc), if it is
# there. A program of its own: program_bench loads no library of it.
pkg_check_modules(GRPC QUIET IMPORTED_TARGET grpc++ protobuf)
find_program(BOURSE_PROTOC protoc)
find_program(BOURSE_GRPC_PLUGIN grpc_cpp_plugin)
mark_as_advanced(BOURSE_PROTOC BOURSE_GRPC_PLUGIN)
if(NOT GRPC_FOUND OR NOT BOURSE_PROTOC OR NOT BOURSE_GRPC_PLUGIN OR CMAKE_CXX_CLANG_TIDY)
  message(STATUS "gRPC is not there: program_bench compares with raw sockets only")
  return()
endif()
set(proto bench/program/grpc/echo)
set(made ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${made})
add_custom_command(
  OUTPUT ${made}/${proto}.pb.cc ${made}/${proto}.pb.h ${made}/${proto}.grpc.pb.cc
         ${made}/${proto}.grpc.pb.h
  COMMAND ${BOURSE_PROTOC} -I ${PROJECT_SOURCE_DIR} --cpp_out=${made} --grpc_out=${made}
          --plugin=protoc-gen-grpc=${BOURSE_GRPC_PLUGIN} ${proto}.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/${proto}.proto
  VERBATIM)
add_executable(program_bench_grpc program/grpc/main.cpp ${made}/${proto}.pb.cc
                                  ${made}/${proto}.grpc.pb.cc)
target_include_directories(program_bench_grpc SYSTEM PRIVATE ${made})
target_include_directories(program_bench_grpc PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(program_bench_grpc PRIVATE PkgConfig::GRPC fmt::fmt)
add_dependencies(program_bench program_bench_grpc)
