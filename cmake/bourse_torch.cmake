# What needs LibTorch (libtorch-dev), if it is there:
#   bourse_program_torch    tensors as arguments of calls: a header, bourse/program/torch/tensor.h
#   bourse_training_torch   the models of bourse-train. One file, which costs 20 s and 1.1 GB to
#                           compile. So dev, asan, tsan and tidy do with the plain models.
#   bourse_torch_models     the same as a module that bourse-train loads where it computes with them
option(BOURSE_TORCH "Build what needs LibTorch, if it is there" ON)
find_path(BOURSE_TORCH_INCLUDE torch/torch.h PATH_SUFFIXES torch/csrc/api/include)
mark_as_advanced(BOURSE_TORCH_INCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/bourse/program/torch/tensor.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bourse/program/torch)
if(NOT BOURSE_TORCH OR BOURSE_SANITIZE OR BOURSE_FUZZ)
  return()
endif()
if(NOT BOURSE_TORCH_INCLUDE)
  message(STATUS "LibTorch is not there: no tensors as arguments, bourse-train has the plain models")
  return()
endif()
add_library(bourse_program_torch INTERFACE)
add_library(bourse::program_torch ALIAS bourse_program_torch)
target_include_directories(bourse_program_torch SYSTEM INTERFACE ${BOURSE_TORCH_INCLUDE})
target_link_libraries(bourse_program_torch INTERFACE bourse::program torch torch_cpu c10)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  return()
endif()
add_library(bourse_training_torch STATIC
            ${PROJECT_SOURCE_DIR}/bourse/training/torch/torch_models.cpp)
target_include_directories(bourse_training_torch SYSTEM PUBLIC ${BOURSE_TORCH_INCLUDE})
target_link_libraries(bourse_training_torch PUBLIC bourse::training torch torch_cpu c10
                                            PRIVATE bourse_options)
# It stands in a shared object, too, and needs nothing of the rooms but their headers.
set_target_properties(bourse_training_torch PROPERTIES POSITION_INDEPENDENT_CODE ON)
add_library(bourse_torch_models MODULE
            ${PROJECT_SOURCE_DIR}/bourse/training/torch/torch_module.cpp)
target_link_libraries(bourse_torch_models PRIVATE bourse_training_torch bourse_options)
target_link_options(bourse_torch_models PRIVATE -Wl,--no-undefined -Wl,--exclude-libs,ALL)
set_target_properties(bourse_torch_models PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden
                                                     LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
install(TARGETS bourse_torch_models LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/bourse)
