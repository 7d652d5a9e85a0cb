# Headers that are parsed once for many files: with BOURSE_PCH=ON (presets release, asan, tsan, tidy) for
# all of them, with BOURSE_PCH=TESTS (dev) for the tests. Only headers of others: our own change. So in dev
# a file of a room or of the command that forgets an #include does not pass;
# docs/decisions/0028-cheaper-checks.md has the figures.
set(bourse_pch_std
    <algorithm> <array> <cmath> <cstdint> <functional> <limits> <map> <memory> <optional> <span>
    <string> <string_view> <tuple> <utility> <variant> <vector> <fmt/core.h> <tl/expected.hpp>)
set(bourse_pch_tests ${bourse_pch_std} <gtest/gtest.h> <rapidcheck/gtest.h>)

# bourse_wants_pch(RESULT NAME): whether BOURSE_PCH asks for these headers.
function(bourse_wants_pch result name)
  if(BOURSE_PCH STREQUAL "TESTS" AND NOT name STREQUAL "bourse_tests_pch")
    set(${result} OFF PARENT_SCOPE)
  else()
    set(${result} ${BOURSE_PCH} PARENT_SCOPE)
  endif()
endfunction()

# bourse_make_pch(NAME HEADERS LIBRARY...): compiles the headers once with the flags of LIBRARY.
function(bourse_make_pch name headers)
  bourse_wants_pch(wanted ${name})
  if(NOT wanted)
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
  bourse_wants_pch(wanted ${name})
  if(wanted)
    target_precompile_headers(${target} REUSE_FROM ${name})
  endif()
endfunction()
