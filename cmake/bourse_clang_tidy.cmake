# Read when CMAKE_CXX_CLANG_TIDY is set (preset tidy). Builds the plugin that keeps clang-tidy to our
# own files, which takes most of its time away; docs/decisions/0027-clang-tidy-walks-our-own-code.md.
set(plugin ${CMAKE_BINARY_DIR}/own_code_only.so)
set(plugin_source ${PROJECT_SOURCE_DIR}/tests/clang_tidy/own_code_only.cpp)
set(llvm_include /usr/lib/llvm-19/include)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS .clang-tidy ${plugin_source})
if(${plugin_source} IS_NEWER_THAN ${plugin})
  message(STATUS "building the plugin of clang-tidy")
  execute_process(
    COMMAND ${CMAKE_CXX_COMPILER} -std=c++17 -O1 -fno-rtti -fPIC -shared -isystem ${llvm_include} -o
            ${plugin} ${plugin_source} COMMAND_ERROR_IS_FATAL ANY)
endif()
file(MD5 ${CMAKE_CURRENT_SOURCE_DIR}/.clang-tidy rules) # other rules: check every file again
# The files of a room are read together, from one that includes them.
list(APPEND CMAKE_CXX_CLANG_TIDY --load=${plugin}
     --checks=bourse-own-code-only,-bugprone-suspicious-include
     --extra-arg=-DBOURSE_TIDY_RULES_${rules})

# The plugin hides nothing: what is found in the sample is the same with and without it.
set(sample ${PROJECT_SOURCE_DIR}/tests/clang_tidy)
add_custom_command(
  OUTPUT own_code_only.ok
  COMMAND ${sample}/own_code_only_test ${plugin}
  COMMAND ${CMAKE_COMMAND} -E touch own_code_only.ok
  DEPENDS ${plugin} ${sample}/own_code_only_test ${sample}/sample.cpp ${sample}/sample.h .clang-tidy)
add_custom_target(own_code_only_test ALL DEPENDS own_code_only.ok)
