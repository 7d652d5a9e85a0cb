# Headers that are parsed once for many files, with BOURSE_PCH (presets release, asan, tsan, tidy). Only
# of others: our own headers change. dev and fuzz build without, so a file that forgets an #include
# does not pass; docs/decisions/0028-cheaper-checks.md has the figures.
set(bourse_pch_std
    <algorithm> <array> <cmath> <cstdint> <functional> <limits> <map> <memory> <optional> <span>
    <string> <string_view> <tuple> <utility> <variant> <vector> <fmt/core.h> <tl/expected.hpp>)
set(bourse_pch_tests ${bourse_pch_std} <gtest/gtest.h> <rapidcheck/gtest.h>)

# bourse_make_pch(NAME HEADERS LIBRARY...): compiles the headers once with the flags of LIBRARY.
function(bourse_make_pch name headers)
  if(NOT BOURSE_PCH)
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/${name}.cpp)
  file(CONFIGURE OUTPUT ${source} CONTENT "")
  add_library(${name} OBJECT ${source})
  target_link_libraries(${name} PRIVATE ${ARGN} fmt::fmt tl::expected)
  target_precompile_headers(${name} PRIVATE ${headers})
endfunction()

# bourse_use_pch(TARGET NAME): TARGET must be compiled with the flags that NAME was made with.
function(bourse_use_pch target name)
  if(BOURSE_PCH)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()
