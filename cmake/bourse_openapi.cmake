# docs/openapi.json, built into the room that serves it. It is a target of its own, as all that a target
# compiles waits for what its generated files wait for: the libraries that it links.
set(bourse_openapi_source ${PROJECT_BINARY_DIR}/openapi_document.cpp)
add_custom_command(
  OUTPUT ${bourse_openapi_source}
  COMMAND ${CMAKE_COMMAND} -D IN=${PROJECT_SOURCE_DIR}/docs/openapi.json
          -D OUT=${bourse_openapi_source} -P ${PROJECT_SOURCE_DIR}/cmake/embed_openapi.cmake
  DEPENDS ${PROJECT_SOURCE_DIR}/docs/openapi.json ${PROJECT_SOURCE_DIR}/cmake/embed_openapi.cmake
          ${PROJECT_SOURCE_DIR}/cmake/read_bytes.cmake
  VERBATIM)
add_library(bourse_openapi OBJECT ${bourse_openapi_source})
target_link_libraries(bourse_openapi PRIVATE bourse::base $<BUILD_INTERFACE:bourse_cold_options>)
set_target_properties(bourse_openapi PROPERTIES CXX_CLANG_TIDY "")
target_sources(bourse_service PRIVATE $<TARGET_OBJECTS:bourse_openapi>)
