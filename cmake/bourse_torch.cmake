# bourse_training_torch: models of LibTorch (libtorch-dev), if it is there. One file, which costs 15 s
# and 1.1 GB to compile, and only with GCC: Clang 19 takes C++20 or the headers of LibTorch 1.13, not
# both. So dev, asan, tsan and tidy do with the plain models.
option(BOURSE_TORCH "Build the models of LibTorch, if it is there" ON)
find_path(BOURSE_TORCH_INCLUDE torch/torch.h PATH_SUFFIXES torch/csrc/api/include)
mark_as_advanced(BOURSE_TORCH_INCLUDE)
if(NOT BOURSE_TORCH OR BOURSE_SANITIZE OR BOURSE_FUZZ OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  return()
endif()
if(NOT BOURSE_TORCH_INCLUDE)
  message(STATUS "LibTorch is not there: bourse-train has the plain models only")
  return()
endif()
add_library(bourse_training_torch STATIC
            ${PROJECT_SOURCE_DIR}/bourse/training/torch/torch_models.cpp)
target_include_directories(bourse_training_torch SYSTEM PUBLIC ${BOURSE_TORCH_INCLUDE})
target_link_libraries(bourse_training_torch PUBLIC bourse::training torch torch_cpu c10
                                            PRIVATE bourse_options)
