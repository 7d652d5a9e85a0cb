# One room = one folder bourse/<name>/ = one library bourse::<name>. Nothing to list, the name of a
# file says what it is:
#   x.h x.cpp            the library
#   x_test.cpp           unit tests               -> <name>_tests, label unit
#   x_slow_test.cpp      tests beyond 50 ms       -> <name>_slow_tests, label slow
#   x_threads_test.cpp   tests that start threads -> <name>_threads_tests, label threads; tsan runs them
#   x_bench.cpp          benchmarks               -> <name>_bench, with BOURSE_BENCH
# bourse_options_of(OPTIONS PCH ROOM): how a room is compiled. The cold ones hold nothing hot; of `program`
# and `training` a few files are, the others are compiled as ROOM_cold. Sanitizers may slow down `program`.
set(bourse_hot_program buffer call_error channel frame frame_socket future_core handle_core
                       reactor replay_table server wire)
set(bourse_hot_training computation dataset gradient_sum optimiser parameter_server plain_network)
function(bourse_options_of options pch room)
  set(cold protocol report world engine service program_cold training_cold)
  if(BOURSE_SANITIZE)
    list(APPEND cold program)
  endif()
  if(room IN_LIST cold)
    set(${options} bourse_cold_options PARENT_SCOPE)
    set(${pch} bourse_cold_pch PARENT_SCOPE)
  else()
    set(${options} bourse_options PARENT_SCOPE)
    set(${pch} bourse_pch PARENT_SCOPE)
  endif()
endfunction()

function(bourse_add_room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "DEPS;EXTERNAL")
  set(dir ${PROJECT_SOURCE_DIR}/bourse/${name})
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.h)
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  set(benches ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER benches INCLUDE REGEX "_bench\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  if(NOT sources)
    message(STATUS "room ${name} is empty")
    return()
  endif()
  set(cold)
  if(bourse_hot_${name} AND CMAKE_BUILD_TYPE STREQUAL "Release")
    list(JOIN bourse_hot_${name} "|" hot)
    set(cold ${sources})
    list(FILTER sources INCLUDE REGEX "/(${hot})\\.cpp$")
    list(REMOVE_ITEM cold ${sources})
  endif()
  add_library(bourse_${name} STATIC ${sources})
  add_library(bourse::${name} ALIAS bourse_${name})
  set_target_properties(bourse_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(bourse_${name} PUBLIC cxx_std_20)
  target_sources(bourse_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                                       FILES ${headers})
  set(deps)
  foreach(dep IN LISTS ROOM_DEPS)
    if(TARGET bourse::${dep})
      list(APPEND deps bourse::${dep})
    endif()
  endforeach()
  bourse_options_of(options pch ${name})
  target_link_libraries(bourse_${name} PUBLIC ${deps} ${ROOM_EXTERNAL}
                                       PRIVATE $<BUILD_INTERFACE:${options}>)
  bourse_use_pch(bourse_${name} ${pch})
  set(cold_target)
  if(cold)
    set(cold_target bourse_${name}_cold)
    bourse_options_of(options pch ${name}_cold)
    add_library(${cold_target} OBJECT ${cold})
    target_link_libraries(${cold_target} PRIVATE ${deps} ${ROOM_EXTERNAL} ${options})
    bourse_use_pch(${cold_target} ${pch})
    target_sources(bourse_${name} PRIVATE $<TARGET_OBJECTS:${cold_target}>)
  endif()
  if(BOURSE_UNITY)
    # Their anonymous namespaces are one, so each name in them is there once.
    set_target_properties(bourse_${name} ${cold_target} PROPERTIES UNITY_BUILD ON
                                                                   UNITY_BUILD_BATCH_SIZE 36)
  endif()
  install(TARGETS bourse_${name} EXPORT bourse-targets FILE_SET HEADERS)
  set_property(GLOBAL APPEND PROPERTY BOURSE_ROOM_TARGETS bourse::${name})
  if(BOURSE_TESTS)
    bourse_add_room_tests(${name} ${tests})
  endif()
  if(BOURSE_BENCH AND benches)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE bourse::${name} bourse_options benchmark::benchmark
                                                benchmark::benchmark_main)
    target_compile_definitions(${name}_bench
                               PRIVATE BOURSE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  endif()
endfunction()

# One executable a kind of test, so that each kind is built and run without the others.
function(bourse_add_room_tests name)
  set(slow ${ARGN})
  set(threads ${ARGN})
  set(unit ${ARGN})
  list(FILTER slow INCLUDE REGEX "_slow_test\\.cpp$")
  list(FILTER threads INCLUDE REGEX "_threads_test\\.cpp$")
  list(FILTER unit EXCLUDE REGEX "_(slow|threads)_test\\.cpp$")
  bourse_add_tests(${name}_tests unit bourse::${name} ${name}. ${unit})
  bourse_add_tests(${name}_slow_tests slow bourse::${name} ${name}. ${slow})
  bourse_add_tests(${name}_threads_tests threads bourse::${name} ${name}. ${threads})
endfunction()

# How every test is compiled: bourse_test_options.
function(bourse_make_test_options)
  add_library(bourse_test_options INTERFACE)
  target_link_libraries(bourse_test_options INTERFACE bourse_options GTest::gmock GTest::gtest_main
                                                      rapidcheck)
  target_compile_definitions(bourse_test_options
                             INTERFACE BOURSE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # Sanitizers look at each test once: the time of the compiler counts, not that of the test.
  target_compile_options(bourse_test_options INTERFACE $<$<BOOL:${BOURSE_SANITIZE}>:-O0>)
  bourse_make_pch(bourse_tests_pch "${bourse_pch_tests}" bourse_test_options)
  if(TARGET bourse_tests_pch)
    set_target_properties(bourse_tests_pch PROPERTIES BOURSE_IS_TEST ON)
  endif()
endfunction()

# bourse_add_tests(TARGET LABEL LIBRARY PREFIX FILE...): a gtest program, its tests known to ctest as
# PREFIX + name, or together as TARGET. Without files there is nothing to do.
function(bourse_add_tests target label library prefix)
  if(NOT ARGN)
    return()
  endif()
  add_executable(${target} ${ARGN})
  set_target_properties(${target} PROPERTIES BOURSE_IS_TEST ON)
  target_link_libraries(${target} PRIVATE ${library} bourse_test_options fmt::fmt)
  bourse_use_pch(${target} bourse_tests_pch)
  if(BOURSE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
  set(timeout_s 300)
  set(cost 1)
  if(label STREQUAL "slow")
    set(timeout_s 1200)
  endif()
  if(label MATCHES "^(slow|threads)$") # With several at a time these begin first.
    set(cost 100)
  endif()
  if(BOURSE_SANITIZE AND NOT label STREQUAL "slow")
    # A process under a sanitizer takes ten times as long to start as most tests to run, so all of a
    # program are one test of ctest; ./test counts them.
    add_test(NAME ${target} COMMAND ${target} --gtest_brief=1)
    set_tests_properties(${target} PROPERTIES LABELS ${label} TIMEOUT ${timeout_s} COST ${cost})
  else()
    gtest_discover_tests(${target} TEST_PREFIX "${prefix}" DISCOVERY_MODE PRE_TEST
                         PROPERTIES LABELS ${label} TIMEOUT ${timeout_s} COST ${cost})
  endif()
  if(NOT TARGET all_${label}_tests)
    add_custom_target(all_${label}_tests)
  endif()
  add_dependencies(all_${label}_tests ${target})
endfunction()

# Makes every room of bourse/LAYERS, top to bottom.
function(bourse_add_rooms)
  set(layers ${PROJECT_SOURCE_DIR}/bourse/LAYERS)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${layers})
  bourse_read_layers(${layers})
  foreach(room IN LISTS bourse_rooms)
    bourse_add_room(${room} DEPS ${bourse_deps_${room}} EXTERNAL ${bourse_external_${room}})
  endforeach()
endfunction()
