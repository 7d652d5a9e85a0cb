# One room = one folder bourse/<name>/ = one library bourse::<name>.
# Files: x.h x.cpp (library), x_test.cpp (unit), x_property_test.cpp, x_bench.cpp. Nothing else to list.
function(bourse_add_room name)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "DEPS;EXTERNAL")
  set(dir ${PROJECT_SOURCE_DIR}/bourse/${name})
  file(GLOB headers CONFIGURE_DEPENDS ${dir}/*.h)
  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "_(test|bench)\\.cpp$")
  add_library(bourse_${name} STATIC ${sources})
  add_library(bourse::${name} ALIAS bourse_${name})
  set_target_properties(bourse_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(bourse_${name} PUBLIC cxx_std_20)
  target_sources(bourse_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}
                                       FILES ${headers})
  list(TRANSFORM ROOM_DEPS PREPEND "bourse::" OUTPUT_VARIABLE deps)
  target_link_libraries(bourse_${name} PUBLIC ${deps} ${ROOM_EXTERNAL}
                                       PRIVATE $<BUILD_INTERFACE:bourse_options>)
  install(TARGETS bourse_${name} EXPORT bourse-targets FILE_SET HEADERS)
  if(BOURSE_TESTS AND tests)
    add_executable(${name}_tests ${tests})
    target_link_libraries(${name}_tests PRIVATE bourse::${name} bourse_options GTest::gmock
                                                GTest::gtest_main rapidcheck)
    target_compile_definitions(${name}_tests
                               PRIVATE BOURSE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(${name}_tests TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                         PROPERTIES LABELS unit TIMEOUT 300)
  endif()
endfunction()

# Reads bourse/LAYERS and makes every room, top to bottom.
function(bourse_add_rooms)
  set(layers ${PROJECT_SOURCE_DIR}/bourse/LAYERS)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${layers})
  file(STRINGS ${layers} lines)
  foreach(line IN LISTS lines)
    string(REPLACE ";" "|" line "${line}")
    if(line MATCHES "^[ \t]*#" OR NOT line MATCHES "^([a-z]+)[ ]*:([^|]*)\\|(.*)$")
      continue()
    endif()
    set(room ${CMAKE_MATCH_1})
    separate_arguments(deps UNIX_COMMAND "${CMAKE_MATCH_2}")
    separate_arguments(external UNIX_COMMAND "${CMAKE_MATCH_3}")
    bourse_add_room(${room} DEPS ${deps} EXTERNAL ${external})
  endforeach()
endfunction()
